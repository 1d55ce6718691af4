//! A session's events: messages, which stay and can be read again, and progress, which does not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::error::{Code, Error, Result};
use crate::shelf::{Keep, Kept, Shelf};
use crate::time::Timestamp;

use super::lock;

mod follow;

pub use follow::Start;

/// Messages can be read again for this long.
const LIFE: Duration = Duration::from_hours(30 * 24);
/// News that a slow listener may be behind before it reads from the shelf again.
const BEHIND: usize = 64;
/// Streams at once for one session.
const LISTENERS: usize = 16;
/// Messages read at once.
const PAGE: usize = 200;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person of the session.
    User,
    /// The agent (or the echo).
    Agent,
    /// Broca.
    Notice,
    /// Broca, of a turn that failed.
    Error,
    /// The operator.
    Operator,
}

/// A message of either side, as its event's data shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// Markdown (`CommonMark`).
    pub text: String,
    /// The person's own key of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The turn that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<i64>,
    /// Its place in a reply of several parts, from 0.
    pub part: u32,
    /// When it was kept.
    pub at: Timestamp,
}

/// A message and its number, which grows within the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// The event's id.
    pub id: i64,
    /// The message.
    #[serde(flatten)]
    pub message: Message,
}

/// The events of every session of an endpoint.
pub struct Feed {
    shelf: Arc<dyn Shelf>,
    channels: Mutex<HashMap<String, Arc<Channel>>>,
}

/// Who listens to a session. There only while somebody does, or something is being added.
struct Channel {
    /// Held while a message is added and told, so that numbers are told in their order.
    order: Mutex<()>,
    news: broadcast::Sender<News>,
}

#[derive(Debug, Clone)]
enum News {
    Message(Kept),
    Progress(Arc<str>),
}

impl Feed {
    /// The feeds on `shelf`.
    pub fn new(shelf: Arc<dyn Shelf>) -> Self {
        Self {
            shelf,
            channels: Mutex::default(),
        }
    }

    /// Adds a message under `key`, unless it is there, and gives its number. Blocks.
    pub fn append(&self, session: &str, key: &str, message: &Message) -> Result<i64> {
        let value = serde_json::to_string(message).expect("a message is plain JSON");
        let keep = Keep {
            until: Some(message.at.plus(LIFE)),
            person: None,
        };
        let channel = self.channel(session);
        let added = {
            let _order = lock(&channel.order);
            let added = self.shelf.add(&drawer(session), key, &value, keep);
            if let Ok((kept, true)) = &added {
                let _ = channel.news.send(News::Message(kept.clone())); // nobody may listen
            }
            added
        };
        drop(channel);
        self.tidy(session);
        Ok(added?.0.number)
    }

    /// Tells those who listen at the moment, and nobody else. `data` is JSON.
    pub fn tell(&self, session: &str, data: &str) {
        let channel = lock(&self.channels).get(session).cloned();
        if let Some(channel) = channel {
            let _ = channel.news.send(News::Progress(data.into()));
        }
        self.tidy(session);
    }

    /// Up to `most` messages after `number`, oldest first. Blocks.
    pub fn after(&self, session: &str, number: i64, most: usize) -> Result<Vec<Numbered>> {
        let page = self.page(session, number, most)?;
        Ok(page.iter().filter_map(read).collect())
    }

    /// The last `most` messages before `number`, oldest first. Blocks, and reads the whole session.
    pub fn before(&self, session: &str, number: i64, most: usize) -> Result<Vec<Numbered>> {
        let mut found = Vec::new();
        let mut last = 0;
        loop {
            let page = self.page(session, last, PAGE)?;
            let Some(end) = page.last().map(|kept| kept.number) else {
                break;
            };
            last = end;
            found.extend(page.into_iter().filter(|kept| kept.number < number));
            found.drain(..found.len().saturating_sub(most));
            if last >= number {
                break;
            }
        }
        Ok(found.iter().filter_map(read).collect())
    }

    /// Takes a session's messages away and ends its streams. Blocks.
    pub fn forget(&self, session: &str) -> Result<()> {
        lock(&self.channels).remove(session);
        loop {
            let page = self.page(session, 0, PAGE)?;
            if page.is_empty() {
                return Ok(());
            }
            for kept in page {
                self.shelf.remove(&drawer(session), &kept.key)?;
            }
        }
    }

    /// How many sessions have a channel at the moment.
    pub fn open_channels(&self) -> usize {
        lock(&self.channels).len()
    }

    fn page(&self, session: &str, number: i64, most: usize) -> Result<Vec<Kept>> {
        self.shelf.after(&drawer(session), number, most)
    }

    fn channel(&self, session: &str) -> Arc<Channel> {
        let mut channels = lock(&self.channels);
        let channel = channels
            .entry(session.to_owned())
            .or_insert_with(|| Arc::new(Channel::new()));
        Arc::clone(channel)
    }

    fn listen(&self, session: &str) -> Result<broadcast::Receiver<News>> {
        let channel = self.channel(session);
        if channel.news.receiver_count() < LISTENERS {
            return Ok(channel.news.subscribe());
        }
        let error = Error::new(Code::RequestLimited, "this session has too many streams");
        Err(error.after(Duration::from_secs(5)))
    }

    /// Drops the session's channel where nobody uses it. Who gets one does so under the same lock.
    fn tidy(&self, session: &str) {
        let mut channels = lock(&self.channels);
        let unused = |channel: &Arc<Channel>| {
            Arc::strong_count(channel) == 1 && channel.news.receiver_count() == 0
        };
        if channels.get(session).is_some_and(unused) {
            channels.remove(session);
        }
    }
}

impl Channel {
    fn new() -> Self {
        Self {
            order: Mutex::default(),
            news: broadcast::Sender::new(BEHIND),
        }
    }
}

fn drawer(session: &str) -> String {
    format!("feed/{session}")
}

fn read(kept: &Kept) -> Option<Numbered> {
    let id = kept.number;
    let message = serde_json::from_str(&kept.value).ok()?;
    Some(Numbered { id, message })
}
