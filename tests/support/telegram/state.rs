//! What the server knows, and how it answers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::http::{Reply, Request};
use super::{Called, Fault, Sent};

/// The longest that a poll waits, as at the real server.
const LONGEST_POLL: u64 = 50;
/// An offset further ahead than this counts as none.
const AHEAD: i64 = 10;
/// The longest message, in UTF-16 units.
const LONGEST: usize = 4096;

pub(super) struct State {
    pub(super) token: String,
    pub(super) inner: Mutex<Inner>,
    /// Something was pushed, scripted, sent, called, or the server goes away.
    pub(super) changed: Condvar,
}

#[derive(Default)]
pub(super) struct Inner {
    pub(super) updates: VecDeque<(i64, Value)>,
    pub(super) next_update: i64,
    pub(super) next_number: i64,
    pub(super) faults: HashMap<String, VecDeque<Fault>>,
    pub(super) sent: Vec<Sent>,
    pub(super) calls: Vec<Called>,
    pub(super) webhook: String,
    pub(super) confirmed: i64,
    /// The latest update that a poll was given.
    pub(super) handed: i64,
    /// Whether calls are kept in the log, for a driver that makes very many of them.
    pub(super) quiet: bool,
    pub(super) gone: bool,
}

impl Inner {
    pub(super) fn take_number(&mut self) -> i64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    pub(super) fn enqueue(&mut self, update: &Value) -> i64 {
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

    pub(super) fn count(&self, method: &str) -> usize {
        self.calls
            .iter()
            .filter(|call| call.method == method)
            .count()
    }

    pub(super) fn of(&self, method: &str) -> Vec<Called> {
        let calls = self.calls.iter().filter(|call| call.method == method);
        calls.cloned().collect()
    }
}

impl State {
    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("not poisoned")
    }

    pub(super) fn answer(&self, request: &Request) -> Reply {
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
        let (mut inner, _) = waited.expect("not poisoned");
        if !inner.webhook.is_empty() {
            let words = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
            return refusal(409, words, None);
        }
        let limit = usize::try_from(limit).expect("at most 100");
        let last = inner.updates.iter().take(limit).map(|(id, _)| *id).max();
        inner.handed = inner.handed.max(last.unwrap_or_default());
        self.changed.notify_all();
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
