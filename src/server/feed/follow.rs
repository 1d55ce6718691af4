//! A feed as server-sent events: what was missed first, then what comes, without gap or repeat.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::blocking;
use crate::error::{Code, Error, Result};
use crate::shelf::Kept;
use crate::shutdown::Stop;

use super::{Feed, News, PAGE, read};

/// A comment goes out after this much silence, so that both ends know that the other is there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// After the message of this number; 0 is the beginning.
    After(i64),
    /// With what comes from now on.
    Now,
}

/// One stream: who listens, and how far they are.
struct Follower {
    feed: Arc<Feed>,
    session: String,
    news: Option<Receiver<News>>,
    last: i64,
    missed: VecDeque<Kept>,
    /// Whether there may be messages on the shelf that are neither told nor in `missed`.
    behind: bool,
    stop: Stop,
}

impl Start {
    /// From `Last-Event-ID`, else from the query's `after` (a number or `now`), else the beginning.
    pub fn of(headers: &HeaderMap, after: Option<&str>) -> Result<Self> {
        let last = headers.get("last-event-id");
        let last = last.and_then(|value| value.to_str().ok());
        match last.or(after) {
            None | Some("") => Ok(Self::After(0)),
            Some("now") => Ok(Self::Now),
            Some(number) => number.parse().map(Self::After).map_err(|_| {
                Error::new(
                    Code::RequestMalformed,
                    "`after` is neither a number nor `now`",
                )
            }),
        }
    }
}

impl Feed {
    /// A session's events as an HTTP answer that runs until `stop` is told or the session forgotten.
    ///
    /// Whoever has the answer's head misses nothing that comes after it.
    pub async fn follow(
        self: &Arc<Self>,
        session: &str,
        start: Start,
        stop: Stop,
    ) -> Result<Response> {
        let mut follower = Follower {
            feed: Arc::clone(self),
            session: session.to_owned(),
            news: Some(self.listen(session)?), // before anything is read, so that there is no gap
            last: 0,
            missed: VecDeque::new(),
            behind: true,
            stop,
        };
        follower.begin(start).await?;
        let hello = Event::default().retry(RECONNECT).comment("connected");
        let events = stream::unfold((follower, Some(hello)), |(mut follower, hello)| async {
            let event = match hello {
                Some(event) => event,
                None => follower.next().await?,
            };
            Some((Ok::<_, Infallible>(event), (follower, None)))
        });
        let beat = KeepAlive::new().interval(HEARTBEAT);
        let mut answer = Sse::new(events).keep_alive(beat).into_response();
        unbuffered(answer.headers_mut());
        Ok(answer)
    }
}

impl Follower {
    async fn begin(&mut self, start: Start) -> Result<()> {
        self.last = match start {
            Start::After(number) => number,
            Start::Now => {
                let (feed, session) = (Arc::clone(&self.feed), self.session.clone());
                let newest = blocking::run(move || feed.before(&session, i64::MAX, 1)).await?;
                newest.last().map_or(0, |message| message.id)
            }
        };
        Ok(())
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(kept) = self.missed.pop_front() {
                self.last = kept.number;
                match event_of(&kept) {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            if self.behind {
                self.catch_up().await?;
                continue;
            }
            let news = self.news.as_mut()?;
            let news = tokio::select! {
                news = news.recv() => news,
                () = self.stop.told() => return None,
            };
            match news {
                Ok(News::Progress(data)) => {
                    return Some(Event::default().event("progress").data(data));
                }
                Ok(News::Message(kept)) if kept.number > self.last => {
                    self.missed.push_back(kept);
                }
                Ok(News::Message(_)) => {}
                Err(RecvError::Lagged(_)) => self.behind = true,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Reads the next page of what was missed. `None` ends the stream; the browser comes again.
    async fn catch_up(&mut self) -> Option<()> {
        if self.stop.is_told() {
            return None;
        }
        let (feed, session, last) = (Arc::clone(&self.feed), self.session.clone(), self.last);
        let page = blocking::run(move || feed.page(&session, last, PAGE)).await;
        let page = page
            .inspect_err(|error| {
                log::warn!(
                    "a stream cannot go on: {} code={}",
                    error.message(),
                    error.code
                );
            })
            .ok()?;
        self.behind = page.len() == PAGE;
        self.missed = page.into();
        Some(())
    }
}

fn event_of(kept: &Kept) -> Option<Event> {
    let message = read(kept)?;
    let data = serde_json::to_string(&message).expect("a message is plain JSON");
    let event = Event::default().event("message").data(data);
    Some(event.id(message.id.to_string()))
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.news = None; // before tidying, which keeps a channel with a listener
        self.feed.tidy(&self.session);
    }
}

/// Proxies hold answers back unless told not to.
fn unbuffered(headers: &mut HeaderMap) {
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
