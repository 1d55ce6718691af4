//! Push made pull: what HTTP requests bring waits here until it is stored.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::error::{Code, Error, Result};
use crate::kill;
use crate::message::{Batch, Inbound, Outcome};

use super::lock;

/// Messages that may wait to be stored.
const ROOM: usize = 1024;
/// How long a request waits for its message to be stored.
const PATIENCE: Duration = Duration::from_secs(30);

/// A bounded queue between requests (async) and an endpoint's `receive` (blocking).
#[derive(Debug, Default)]
pub struct Inbox {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Waiting>,
    closed: bool,
}

/// A message, who waits for it, and whether it may be in the store already.
#[derive(Debug)]
struct Waiting {
    inbound: Inbound,
    answers: Vec<oneshot::Sender<Result<bool>>>,
    handed_out: bool,
}

impl Inbox {
    /// Hands a message over and waits until it is committed. Gives whether it is new.
    ///
    /// A message of a key that waits already is not taken twice; both requests get the one answer, and
    /// only the first hears that it is new.
    ///
    /// Errors: what the store or the access rules said; `request.rate-limited` where there is no room;
    /// `stopping` at the stop, and where it was not stored in time (it may be, later).
    pub async fn submit(&self, inbound: Inbound) -> Result<bool> {
        let answer = self.enqueue(inbound)?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => {
                kill::point(&"answer", "after");
                answer
            }
            Ok(Err(_)) => Err(stopping()),
            Err(_) => Err(
                Error::new(Code::Stopping, "the message was not stored in time")
                    .hint("send it again with the same key"),
            ),
        }
    }

    /// Waits up to `wait` for messages, and gives up to `most`, oldest first. The same come again until
    /// they are settled. Empty at once after [`Self::close`].
    pub fn receive(&self, wait: Duration, most: usize) -> Vec<Inbound> {
        let end = Instant::now() + wait;
        let mut state = lock(&self.state);
        while state.items.is_empty() && !state.closed {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.arrived.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.closed {
            return Vec::new();
        }
        let taken = state.items.iter_mut().take(most);
        taken
            .map(|item| {
                item.handed_out = true;
                item.inbound.clone()
            })
            .collect()
    }

    /// Answers the requests that wait for these items, and forgets the items.
    pub fn settle(&self, batch: &Batch, outcomes: &[Outcome]) {
        for (inbound, outcome) in batch.items.iter().zip(outcomes) {
            let Some(waiting) = self.take(&inbound.key) else {
                continue;
            };
            kill::point(&"answer", "before");
            for (place, answer) in waiting.answers.into_iter().enumerate() {
                let _ = answer.send(word(outcome, place == 0)); // the request may be gone
            }
        }
    }

    /// Takes no more. Requests whose message was not handed out yet are answered with `stopping`; the
    /// others still wait for [`Self::settle`].
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        state.items.retain(|item| item.handed_out); // dropping an answer's sender answers it
        drop(state);
        self.arrived.notify_all();
    }

    fn enqueue(&self, inbound: Inbound) -> Result<oneshot::Receiver<Result<bool>>> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(stopping());
        }
        let (answer, answered) = oneshot::channel();
        let same = |item: &&mut Waiting| item.inbound.key == inbound.key;
        if let Some(item) = state.items.iter_mut().find(same) {
            item.answers.push(answer);
            return Ok(answered);
        }
        if state.items.len() >= ROOM {
            let error = Error::new(Code::RequestLimited, "too many messages wait to be stored");
            return Err(error.after(Duration::from_secs(2)));
        }
        state.items.push_back(Waiting {
            inbound,
            answers: vec![answer],
            handed_out: false,
        });
        drop(state);
        self.arrived.notify_one();
        Ok(answered)
    }

    fn take(&self, key: &str) -> Option<Waiting> {
        let mut state = lock(&self.state);
        let place = state
            .items
            .iter()
            .position(|item| item.inbound.key == key)?;
        state.items.remove(place)
    }
}

fn word(outcome: &Outcome, first: bool) -> Result<bool> {
    match outcome {
        Outcome::New => Ok(first),
        Outcome::Seen => Ok(false),
        Outcome::Refused(error) | Outcome::Failed(error) => Err(error.again()),
    }
}

fn stopping() -> Error {
    Error::new(Code::Stopping, "Broca is stopping").after(Duration::from_secs(2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Address, Content, Sender, Standing};
    use std::sync::Arc;

    fn message(key: &str) -> Inbound {
        Inbound {
            key: key.into(),
            address: Address {
                endpoint: "webchat".into(),
                account: "web".into(),
                chat: "s".into(),
                thread: None,
            },
            from: Sender::default(),
            standing: Standing::Welcome,
            content: Content::Text("hi".into()),
            raw: None,
            join: None,
        }
    }

    fn batch(items: Vec<Inbound>) -> Batch {
        Batch {
            items,
            cursor: None,
        }
    }

    const NO_WAIT: Duration = Duration::ZERO;

    #[tokio::test]
    async fn the_same_comes_again_until_it_is_settled() {
        let inbox = Inbox::default();
        let answered = inbox.enqueue(message("a")).expect("there is room");
        let twice = inbox.enqueue(message("a")).expect("it is known");
        let first = inbox.receive(NO_WAIT, 10);
        assert_eq!(first.len(), 1);
        assert_eq!(inbox.receive(NO_WAIT, 10), first);
        inbox.settle(&batch(first), &[Outcome::New]);
        assert_eq!(inbox.receive(NO_WAIT, 10), []);
        assert!(answered.await.expect("answered").expect("stored"));
        assert!(!twice.await.expect("answered").expect("stored"));
    }

    #[tokio::test]
    async fn each_outcome_reaches_its_request() {
        let inbox = Inbox::default();
        let keys = ["a", "b", "c"];
        let answers = keys.map(|key| inbox.enqueue(message(key)).expect("there is room"));
        let items = inbox.receive(NO_WAIT, 10);
        let refused = || Error::new(Code::AccessInactive, "deactivated");
        let failed = || Error::new(Code::StoreFailed, "disk full");
        let outcomes = [
            Outcome::Seen,
            Outcome::Refused(refused()),
            Outcome::Failed(failed()),
        ];
        inbox.settle(&batch(items), &outcomes);
        let [a, b, c] = answers.map(|mut answer| answer.try_recv().expect("answered"));
        assert!(!a.expect("stored before"));
        assert_eq!(b.expect_err("refused").code, Code::AccessInactive);
        assert_eq!(c.expect_err("failed").code, Code::StoreFailed);
    }

    #[tokio::test]
    async fn a_full_inbox_says_when_to_come_back() {
        let inbox = Inbox::default();
        let _all: Vec<_> = (0..ROOM)
            .map(|n| inbox.enqueue(message(&n.to_string())))
            .collect();
        let error = inbox.submit(message("more")).await.expect_err("full");
        assert_eq!(error.code, Code::RequestLimited);
        assert!(error.retry_after.is_some());
    }

    #[tokio::test]
    async fn closing_wakes_and_answers_but_lets_what_is_being_stored_end() {
        let inbox = Arc::new(Inbox::default());
        let stored = inbox.enqueue(message("a")).expect("there is room");
        let items = inbox.receive(NO_WAIT, 10);
        let late = inbox.enqueue(message("b")).expect("there is room");
        inbox.close();
        assert!(late.await.is_err(), "its sender is gone");
        inbox.settle(&batch(items), &[Outcome::New]);
        assert!(stored.await.expect("answered").expect("stored"));
        let error = inbox.submit(message("c")).await.expect_err("closed");
        assert_eq!(error.code, Code::Stopping);
    }

    #[tokio::test]
    async fn closing_ends_a_waiting_receive() {
        let inbox = Arc::new(Inbox::default());
        let receiver = Arc::clone(&inbox);
        let waiting =
            tokio::task::spawn_blocking(move || receiver.receive(Duration::from_mins(1), 10));
        inbox.close();
        let woken = tokio::time::timeout(Duration::from_secs(5), waiting).await;
        assert_eq!(woken.expect("in time").expect("no panic"), []);
    }
}
