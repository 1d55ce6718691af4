//! A Bot API server with a script and a log.
//!
//! It keeps to what the real one does where a client could notice: an offset confirms, an offset far
//! ahead is taken as none, a poll waits up to its timeout, texts and entities are checked.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::Server;
use state::{Inner, State};

mod fault;
mod state;

pub(crate) use fault::Fault;

/// A message that a bot sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// To whom.
    pub(crate) chat: i64,
    /// `message_id` it got.
    pub(crate) number: i64,
    /// Its text.
    pub(crate) text: String,
    /// Its entities as they came.
    pub(crate) entities: Vec<Value>,
    /// The whole request.
    pub(crate) request: Value,
    /// When it came.
    pub(crate) at: Instant,
}

/// A call of any method.
#[derive(Debug, Clone)]
pub(crate) struct Called {
    /// Such as `getUpdates`.
    pub(crate) method: String,
    /// Its parameters.
    pub(crate) params: Value,
}

/// The server; ends when dropped.
pub(crate) struct Telegram {
    state: Arc<State>,
    server: Server,
}

impl Telegram {
    /// A server with a bot `42` and nothing to tell it.
    pub(crate) fn start() -> Self {
        let inner = Inner {
            next_update: 1000,
            next_number: 1,
            ..Inner::default()
        };
        let state = Arc::new(State {
            token: "42:test-token_0123456789".to_owned(),
            inner: Mutex::new(inner),
            changed: Condvar::new(),
        });
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| shared.answer(request));
        Self { state, server }
    }

    /// For `endpoint.telegram.api_url`.
    pub(crate) fn url(&self) -> String {
        self.server.url()
    }

    /// The bot's token.
    pub(crate) fn token(&self) -> &str {
        &self.state.token
    }

    /// The person `chat` writes `text` in their private chat; gives the message's number.
    pub(crate) fn push(&self, chat: i64, text: &str) -> i64 {
        let mut message = Self::message(chat);
        message["text"] = json!(text);
        self.push_message("message", message)
    }

    /// The person `chat` changes the message of this number.
    pub(crate) fn edit(&self, chat: i64, number: i64, text: &str, edit_date: u64) {
        let mut message = Self::message(chat);
        message["message_id"] = json!(number);
        message["edit_date"] = json!(edit_date);
        message["text"] = json!(text);
        self.push_update(&json!({"edited_message": message}));
    }

    /// A message without content from the person `chat` (username `user<chat>`), to be completed.
    pub(crate) fn message(chat: i64) -> Value {
        json!({
            "date": 1_700_000_000,
            "from": {"id": chat, "is_bot": false, "first_name": format!("Person {chat}"), "username": format!("user{chat}"), "language_code": "en"},
            "chat": {"id": chat, "type": "private", "first_name": format!("Person {chat}")},
        })
    }

    /// A message as an update of this kind, numbered unless it has a number.
    pub(crate) fn push_message(&self, kind: &str, mut message: Value) -> i64 {
        let mut inner = self.state.lock();
        if message.get("message_id").is_none() {
            message["message_id"] = json!(inner.take_number());
        }
        let number = message["message_id"]
            .as_i64()
            .expect("a message's number is whole");
        inner.enqueue(&json!({kind: message}));
        self.state.changed.notify_all();
        number
    }

    /// An update of any form, which gets the next id unless it has one.
    pub(crate) fn push_update(&self, update: &Value) -> i64 {
        let id = self.state.lock().enqueue(update);
        self.state.changed.notify_all();
        id
    }

    /// Later updates are numbered from here, as after a week of silence.
    pub(crate) fn renumber(&self, next: i64) {
        self.state.lock().next_update = next;
    }

    /// The next call of `method` fails like this; several are used up in order.
    pub(crate) fn fail_next(&self, method: &str, fault: Fault) {
        self.state
            .lock()
            .faults
            .entry(method.to_owned())
            .or_default()
            .push_back(fault);
        self.state.changed.notify_all();
    }

    /// Sets a webhook, as another program would; polling answers 409 until it is deleted.
    pub(crate) fn set_webhook(&self, url: &str) {
        url.clone_into(&mut self.state.lock().webhook);
        self.state.changed.notify_all();
    }

    /// Keeps no log of calls from now on; messages sent are still logged.
    pub(crate) fn forget_calls(&self) {
        self.state.lock().quiet = true;
    }

    /// Waits until an update of this id or a later one was handed out.
    ///
    /// # Panics
    /// After `deadline`.
    pub(crate) fn wait_handed(&self, id: i64, deadline: Duration) {
        drop(
            self.wait(deadline, "a poll that takes the update", |inner| {
                inner.handed >= id
            }),
        );
    }

    /// The id of the latest update.
    pub(crate) fn latest_update(&self) -> i64 {
        self.state.lock().next_update - 1
    }

    /// The offset below which updates are confirmed.
    pub(crate) fn confirmed(&self) -> i64 {
        self.state.lock().confirmed
    }

    /// All that was sent so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.state.lock().sent.clone()
    }

    /// How many messages were sent so far.
    pub(crate) fn sent_count(&self) -> usize {
        self.state.lock().sent.len()
    }

    /// All that was sent, once that is `n` messages at least.
    ///
    /// # Panics
    /// After `deadline`.
    pub(crate) fn wait_sent(&self, n: usize, deadline: Duration) -> Vec<Sent> {
        self.wait(deadline, "messages", |inner| inner.sent.len() >= n)
            .sent
            .clone()
    }

    /// The `n`th message sent, counted from one, once it is.
    ///
    /// # Panics
    /// After `deadline`.
    pub(crate) fn wait_nth(&self, n: usize, deadline: Duration) -> Sent {
        self.wait(deadline, "a message", |inner| inner.sent.len() >= n)
            .sent[n - 1]
            .clone()
    }

    /// The calls of `method` so far.
    pub(crate) fn calls(&self, method: &str) -> Vec<Called> {
        self.state.lock().of(method)
    }

    /// The calls of `method`, once there are `n` at least.
    ///
    /// # Panics
    /// After `deadline`.
    pub(crate) fn wait_calls(&self, method: &str, n: usize, deadline: Duration) -> Vec<Called> {
        self.wait(deadline, method, |inner| inner.count(method) >= n)
            .of(method)
    }

    /// Waits until every update below this id is confirmed.
    ///
    /// # Panics
    /// After `deadline`.
    pub(crate) fn wait_confirmed(&self, below: i64, deadline: Duration) {
        drop(self.wait(deadline, "a confirming offset", |inner| {
            inner.confirmed >= below
        }));
    }

    fn wait(
        &self,
        deadline: Duration,
        what: &str,
        done: impl Fn(&Inner) -> bool,
    ) -> MutexGuard<'_, Inner> {
        let inner = self.state.lock();
        let waited = self
            .state
            .changed
            .wait_timeout_while(inner, deadline, |inner| !done(inner));
        let (inner, time) = waited.expect("not poisoned");
        assert!(
            !time.timed_out(),
            "telegram waited in vain for {what}; sent: {:#?}",
            inner.sent
        );
        inner
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        self.state.lock().gone = true;
        self.state.changed.notify_all();
    }
}
