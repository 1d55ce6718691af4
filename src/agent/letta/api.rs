//! Calls to Letta: address, key, patience, and what a failure of the network means.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;
use ureq::http::Method;

use crate::error::{Code, Error, Result};
use crate::http::{Answer, Call, Failure, Http, Patience};
use crate::secret::Secret;
use crate::time::Timestamp;

use super::failure::Refusal;

/// How long a call that starts no turn may take. Letta 0.16 at times stalls for 60 s.
const BRIEF: Patience = Patience::brief(Duration::from_secs(75));

/// A Letta server.
pub(super) struct Api {
    http: Http,
    base: String,
    key: Option<Secret>,
    cut: AtomicBool,
    /// When the server was last found gone, in unix milliseconds.
    gone: AtomicI64,
}

impl Api {
    /// The server at `base`, reached over up to `idle` kept connections.
    pub(super) fn new(base: &str, key: Option<Secret>, idle: usize) -> Self {
        Self {
            http: Http::new(idle),
            base: base.trim_end_matches('/').to_owned(),
            key,
            cut: AtomicBool::new(false),
            gone: AtomicI64::new(i64::MIN),
        }
    }

    /// Asks for something. The outer failure is the network's, the inner one Letta's.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        json: Option<&str>,
    ) -> Result<Result<T, Refusal>> {
        let answer = self
            .open(method, path, json, BRIEF)
            .map_err(|failure| unreachable(&failure))?;
        if answer.is_ok() {
            return Ok(Ok(answer.json().map_err(|failure| malformed(&failure))?));
        }
        Ok(Err(refusal(answer)))
    }

    /// [`Self::ask`] with GET.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Result<T, Refusal>> {
        self.ask(Method::GET, path, None)
    }

    /// [`Self::ask`] with POST.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        json: &str,
    ) -> Result<Result<T, Refusal>> {
        self.ask(Method::POST, path, Some(json))
    }

    /// Sends a request and gives its answer unread.
    pub(super) fn open(
        &self,
        method: Method,
        path: &str,
        json: Option<&str>,
        patience: Patience,
    ) -> Result<Answer, Failure> {
        let url = format!("{}{path}", self.base);
        let bearer = self
            .key
            .as_ref()
            .map(|key| format!("Bearer {}", key.reveal()));
        let headers = bearer
            .map(|bearer| ("authorization", bearer))
            .into_iter()
            .collect();
        let answer = self.http.send(&Call {
            method,
            url: &url,
            headers,
            json,
            patience,
        });
        if matches!(answer, Err(Failure::NotSent(_))) {
            self.gone.store(Timestamp::now().0, Ordering::Relaxed);
        }
        answer
    }

    /// How long ago the server was last found gone, if ever: what is older runs no more.
    pub(super) fn gone_ago(&self) -> Option<Duration> {
        let gone = Timestamp(self.gone.load(Ordering::Relaxed));
        (gone.0 != i64::MIN).then(|| Timestamp::now().since(gone))
    }

    /// Ends every call, for good.
    pub(super) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
        self.http.cut();
    }

    /// Whether [`Self::cut`] was called.
    pub(super) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }
}

/// A refusal from an answer that is not 2xx.
pub(super) fn refusal(answer: Answer) -> Refusal {
    let (status, retry_after) = (answer.status, answer.retry_after);
    Refusal::new(status, retry_after, &answer.text().unwrap_or_default())
}

/// The failure of a call that changes nothing that matters, or that certainly did not arrive.
pub(super) fn unreachable(failure: &Failure) -> Error {
    let words = format!("Letta cannot be reached: {}", failure.words());
    Error::new(Code::AgentUnreachable, words)
}

/// The failure of a call that may have started a turn.
pub(super) fn dropped(words: &str) -> Error {
    let words = format!("the connection to Letta broke: {words}");
    Error::new(Code::AgentDropped, words)
}

fn malformed(failure: &Failure) -> Error {
    Error::new(Code::AgentMalformed, failure.words())
}

/// `text` as it may stand in a query.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            _ => write!(out, "%{byte:02X}").expect("a string takes all"),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_keeps_its_meaning() {
        assert_eq!(encode("broca:web:ü &1"), "broca%3Aweb%3A%C3%BC%20%261");
    }
}
