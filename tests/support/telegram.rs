//! A Bot API server with a script and a log.
//!
//! It keeps to what the real one does where a client could notice: an offset confirms, an offset far
//! ahead is taken as none, a poll waits up to its timeout, texts and entities are checked.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{Reply, Request, Server};

/// The longest that a poll waits, as at the real server.
const LONGEST_POLL: u64 = 50;
/// An offset further ahead than this counts as none.
const AHEAD: i64 = 10;
/// The longest message, in UTF-16 units.
const LONGEST: usize = 4096;

/// How a method fails once.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// A proper refusal; nothing is done.
    Refuse {
        /// `error_code` and HTTP status.
        code: u16,
        /// `description`.
        description: String,
        /// `parameters.retry_after`, in seconds.
        retry_after: Option<u64>,
    },
    /// This status with a page of a proxy; nothing is done.
    Html(u16),
    /// Status 200 with half an object; nothing is done.
    Malformed,
    /// The connection ends, nothing is done.
    ResetBefore,
    /// It is done, then the connection ends.
    ResetAfter,
    /// It is done, then the answer ends midway.
    TornAfter,
    /// No answer until the server goes away; nothing is done.
    Hang,
}

impl Fault {
    /// A refusal.
    pub(crate) fn refuse(code: u16, description: &str) -> Self {
        Self::Refuse {
            code,
            description: description.to_owned(),
            retry_after: None,
        }
    }

    /// 429, `retry_after` in seconds.
    pub(crate) fn flood(retry_after: u64) -> Self {
        Self::Refuse {
            code: 429,
            description: format!("Too Many Requests: retry after {retry_after}"),
            retry_after: Some(retry_after),
        }
    }

    /// 403: the person blocked the bot.
    pub(crate) fn blocked() -> Self {
        Self::refuse(403, "Forbidden: bot was blocked by the user")
    }
}

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

struct State {
    token: String,
    inner: Mutex<Inner>,
    /// Something was pushed, scripted, sent, called, or the server goes away.
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    updates: VecDeque<(i64, Value)>,
    next_update: i64,
    next_number: i64,
    faults: HashMap<String, VecDeque<Fault>>,
    sent: Vec<Sent>,
    calls: Vec<Called>,
    webhook: String,
    confirmed: i64,
    /// Whether calls are kept in the log, for a driver that makes very many of them.
    quiet: bool,
    gone: bool,
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
        self.state.lock().webhook = url.to_owned();
        self.state.changed.notify_all();
    }

    /// Keeps no log of calls from now on; messages sent are still logged.
    pub(crate) fn forget_calls(&self) {
        self.state.lock().quiet = true;
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

impl Inner {
    fn take_number(&mut self) -> i64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    fn enqueue(&mut self, update: &Value) -> i64 {
        let mut update = update.clone();
        let id = update
            .get("update_id")
            .and_then(Value::as_i64)
            .unwrap_or(self.next_update);
        update["update_id"] = json!(id);
        self.next_update = id + 1;
        self.updates.push_back((id, update));
        id
    }

    /// Drops what the offset confirms, as the real server does.
    fn confirm(&mut self, offset: i64) {
        if offset <= 0 || offset > self.next_update + AHEAD {
            return;
        }
        self.confirmed = self.confirmed.max(offset);
        self.updates.retain(|(id, _)| *id >= offset);
    }

    fn count(&self, method: &str) -> usize {
        self.calls
            .iter()
            .filter(|call| call.method == method)
            .count()
    }

    fn of(&self, method: &str) -> Vec<Called> {
        let calls = self.calls.iter().filter(|call| call.method == method);
        calls.cloned().collect()
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("not poisoned")
    }

    fn answer(&self, request: &Request) -> Reply {
        let Some(method) = request.target.strip_prefix(&format!("/bot{}/", self.token)) else {
            return refusal(401, "Unauthorized", None);
        };
        let params = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let fault = self.note(method, &params);
        match fault {
            None => self.perform(method, &params),
            Some(Fault::Refuse {
                code,
                description,
                retry_after,
            }) => refusal(code, &description, retry_after),
            Some(Fault::Html(status)) => page(status),
            Some(Fault::Malformed) => Reply::json(200, &"{\"ok\":true,\"result\":["),
            Some(Fault::ResetBefore) => Reply::Reset,
            Some(Fault::ResetAfter) => {
                self.perform(method, &params);
                Reply::Reset
            }
            Some(Fault::TornAfter) => {
                self.perform(method, &params);
                Reply::Torn
            }
            Some(Fault::Hang) => self.hang(),
        }
    }

    /// Logs the call, and takes the fault scripted for it.
    fn note(&self, method: &str, params: &Value) -> Option<Fault> {
        let mut inner = self.lock();
        if !inner.quiet {
            let (method, params) = (method.to_owned(), params.clone());
            inner.calls.push(Called { method, params });
            self.changed.notify_all();
        }
        inner.faults.get_mut(method)?.pop_front()
    }

    fn perform(&self, method: &str, params: &Value) -> Reply {
        match method {
            "getUpdates" => self.updates(params),
            "sendMessage" => self.send(params),
            "sendChatAction" => done(&json!(true)),
            "getMe" => done(&json!({
                "id": 42, "is_bot": true, "first_name": "Broca", "username": "broca_bot",
            })),
            "getWebhookInfo" => self.webhook(),
            "deleteWebhook" => {
                self.lock().webhook.clear();
                done(&json!(true))
            }
            _ => refusal(404, "Not Found", None),
        }
    }

    fn webhook(&self) -> Reply {
        let inner = self.lock();
        done(&json!({
            "url": inner.webhook, "has_custom_certificate": false,
            "pending_update_count": inner.updates.len(),
        }))
    }

    fn updates(&self, params: &Value) -> Reply {
        let timeout = params["timeout"].as_u64().unwrap_or(0).min(LONGEST_POLL);
        let limit = params["limit"].as_u64().unwrap_or(100).clamp(1, 100);
        let mut inner = self.lock();
        inner.confirm(params["offset"].as_i64().unwrap_or(0));
        self.changed.notify_all();
        let idle = |inner: &mut Inner| {
            let scripted = inner
                .faults
                .get("getUpdates")
                .is_some_and(|faults| !faults.is_empty());
            inner.updates.is_empty() && inner.webhook.is_empty() && !inner.gone && !scripted
        };
        let waited = self
            .changed
            .wait_timeout_while(inner, Duration::from_secs(timeout), idle);
        let (inner, _) = waited.expect("not poisoned");
        if !inner.webhook.is_empty() {
            let words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
            return refusal(409, words, None);
        }
        let limit = usize::try_from(limit).expect("at most 100");
        let updates: Vec<_> = inner
            .updates
            .iter()
            .take(limit)
            .map(|(_, update)| update)
            .collect();
        done(&json!(updates))
    }

    fn send(&self, params: &Value) -> Reply {
        let (Some(chat), Some(text)) = (params["chat_id"].as_i64(), params["text"].as_str()) else {
            return refusal(400, "Bad Request: message text is empty", None);
        };
        let entities = params["entities"].as_array().cloned().unwrap_or_default();
        if let Err(words) = check(text, &entities) {
            return refusal(400, words, None);
        }
        let mut inner = self.lock();
        let number = inner.take_number();
        let (text, request) = (text.to_owned(), params.clone());
        let message = json!({
            "message_id": number, "date": 1_700_000_000, "text": text,
            "chat": {"id": chat, "type": "private", "first_name": "x"},
        });
        inner.sent.push(Sent {
            chat,
            number,
            text,
            entities,
            request,
            at: Instant::now(),
        });
        self.changed.notify_all();
        done(&message)
    }

    fn hang(&self) -> Reply {
        let gone = self.changed.wait_while(self.lock(), |inner| !inner.gone);
        drop(gone.expect("not poisoned"));
        Reply::Reset
    }
}

fn check(text: &str, entities: &[Value]) -> Result<(), &'static str> {
    let length = text.encode_utf16().count();
    if text.trim().is_empty() {
        return Err("Bad Request: message text is empty");
    }
    if length > LONGEST {
        return Err("Bad Request: message is too long");
    }
    for entity in entities {
        let (from, length_of) = (entity["offset"].as_u64(), entity["length"].as_u64());
        let end = from.zip(length_of).map(|(from, length)| from + length);
        let fits = end.is_some_and(|end| end <= length as u64) && entity["type"].is_string();
        if !fits || splits_pair(text, from) || splits_pair(text, end) {
            return Err("Bad Request: can't parse entities: entity offset is invalid");
        }
    }
    Ok(())
}

/// Whether this UTF-16 offset stands within a surrogate pair.
fn splits_pair(text: &str, offset: Option<u64>) -> bool {
    let offset = offset.and_then(|offset| usize::try_from(offset).ok());
    let unit = offset.and_then(|offset| text.encode_utf16().nth(offset));
    unit.is_some_and(|unit| (0xdc00..0xe000).contains(&unit))
}

fn done(result: &Value) -> Reply {
    Reply::json(200, &json!({"ok": true, "result": result}))
}

fn refusal(code: u16, description: &str, retry_after: Option<u64>) -> Reply {
    let mut body = json!({"ok": false, "error_code": code, "description": description});
    if let Some(wait) = retry_after {
        body["parameters"] = json!({"retry_after": wait});
    }
    Reply::json(code, &body)
}

fn page(status: u16) -> Reply {
    let headers = vec![("content-type", "text/html".to_owned())];
    let body = format!("<html><body><h1>{status} Bad Gateway</h1></body></html>");
    Reply::Whole {
        status,
        headers,
        body,
    }
}
