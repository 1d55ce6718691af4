//! Which messages belong together: a long text that Telegram cut, or what `buffer_delay` gathers.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::updates::Arrival;
use crate::message::{Content, Join};

/// Telegram's apps cut what is longer than a message; a cut part comes near that length, in UTF-16 units.
const NEARLY_FULL: usize = 4000;
/// How long the rest of a cut text may take.
const QUIET: Duration = Duration::from_secs(1);
/// Seconds between the parts of a cut text, as Telegram dates them.
const APART: u64 = 2;
/// Chats remembered at once.
const MOST: usize = 1024;

/// Remembers the last long part of each chat.
pub(super) struct Joining {
    delay: Duration,
    long: Mutex<HashMap<String, Part>>,
}

#[derive(Clone, Copy)]
struct Part {
    number: i64,
    date: u64,
}

impl Joining {
    /// `delay` is `buffer_delay`.
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            long: Mutex::default(),
        }
    }

    /// How a welcome message joins the one before. The same whenever the same message comes again.
    pub(super) fn of(&self, arrival: &Arrival) -> Option<Join> {
        let Content::Text(_) = arrival.inbound.content else {
            return None;
        };
        let quiet = if self.is_cut(arrival) {
            self.delay.max(QUIET)
        } else {
            self.delay
        };
        let inbound = &arrival.inbound;
        (!quiet.is_zero()).then(|| Join {
            key: format!("{}/{}", inbound.address.chat, inbound.from.id),
            quiet_ms: u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Whether this is a part of a cut text: nearly full, or right behind one that was.
    fn is_cut(&self, arrival: &Arrival) -> bool {
        let this = Part {
            number: arrival.number,
            date: arrival.date,
        };
        let chat = &arrival.inbound.address.chat;
        let mut long = self.long.lock().unwrap_or_else(PoisonError::into_inner);
        if arrival.length >= NEARLY_FULL {
            if long.len() >= MOST {
                long.retain(|_, part| part.date.saturating_add(APART) >= this.date);
            }
            long.insert(chat.clone(), this);
            return true;
        }
        let follows = |part: &Part| {
            this.number > part.number
                && (part.date..=part.date.saturating_add(APART)).contains(&this.date)
        };
        long.get(chat).is_some_and(follows)
    }
}
