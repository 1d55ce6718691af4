//! What can go wrong with the Bot API, and which of Broca's errors it is.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::{Code, Error};
use crate::http::Failure;

/// Descriptions of a 400 that mean that the chat is out of reach. Telegram tells these apart from
/// other wrong requests by their words only.
const GONE: &[&str] = &[
    "chat not found",
    "user not found",
    "user is deactivated",
    "PEER_ID_INVALID",
    "INPUT_USER_DEACTIVATED",
    "USER_IS_BLOCKED",
];

/// Why a call gave no result.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It certainly did not arrive.
    NotSent(String),
    /// It may have arrived.
    Lost(String),
    /// What came back with this status is not the Bot API's.
    Unreadable(u16),
    /// The Bot API's own refusal: it did nothing.
    Refused(Refusal),
}

/// An answer with `"ok": false`.
#[derive(Debug)]
pub(super) struct Refusal {
    /// An HTTP status.
    pub code: u64,
    description: String,
    retry_after: Option<Duration>,
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotSent(words) => Self::NotSent(words),
            Failure::Unknown(words) => Self::Lost(words),
        }
    }
}

impl Trouble {
    /// A body that is not the Bot API's. A 429 of a proxy is a 429 all the same.
    pub(super) fn unreadable(status: u16, retry_after: Option<Duration>) -> Self {
        if status != 429 {
            return Self::Unreadable(status);
        }
        Self::Refused(Refusal {
            code: 429,
            description: String::new(),
            retry_after,
        })
    }

    /// The same, `secret` taken out of its words.
    pub(super) fn without(self, secret: &str) -> Self {
        let clean = |words: String| words.replace(secret, "***");
        match self {
            Self::NotSent(words) => Self::NotSent(clean(words)),
            Self::Lost(words) => Self::Lost(clean(words)),
            Self::Refused(refusal) => Self::Refused(Refusal {
                description: clean(refusal.description),
                ..refusal
            }),
            Self::Unreadable(status) => Self::Unreadable(status),
        }
    }

    /// The error, where asking again does no harm.
    pub(super) fn of_asking(self, doing: &str) -> Error {
        match self {
            Self::NotSent(words) | Self::Lost(words) => unreachable(doing, &words),
            Self::Unreadable(status) if status >= 500 => unreachable(doing, &http(status)),
            Self::Unreadable(status) => malformed(doing, status),
            Self::Refused(refusal) => refusal.error(doing),
        }
    }

    /// The error of a message, which must not be sent twice.
    pub(super) fn of_sending(self) -> Error {
        let doing = "sending a message";
        let uncertain = |words: &str| {
            let message = format!("telegram: {doing}: no confirmation came ({words})");
            Error::new(Code::EndpointUncertain, message)
        };
        match self {
            Self::Lost(words) => uncertain(&words),
            Self::Unreadable(status) if status >= 500 || status / 100 == 2 => {
                uncertain(&http(status))
            }
            other => other.of_asking(doing),
        }
    }
}

impl Refusal {
    /// From the body; numbers that cannot be read are left out rather than failing the whole.
    pub(super) fn read(status: u16, header: Option<Duration>, body: &Map<String, Value>) -> Self {
        let wait = body
            .get("parameters")
            .and_then(|all| all.get("retry_after"));
        let description = body.get("description").and_then(Value::as_str);
        Self {
            code: body
                .get("error_code")
                .and_then(Value::as_u64)
                .unwrap_or(status.into()),
            description: description.unwrap_or_default().to_owned(),
            retry_after: wait.and_then(seconds).or(header),
        }
    }

    /// How long Telegram asks to be left alone.
    pub(super) const fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the chat is out of reach: blocked, deactivated, or gone.
    pub(super) fn is_gone(&self) -> bool {
        let words = self.description.trim_start_matches("Bad Request: ");
        let known = GONE.iter().any(|gone| gone.eq_ignore_ascii_case(words));
        self.code == 403 || (self.code == 400 && known)
    }

    fn error(self, doing: &str) -> Error {
        let code = match self.code {
            401 | 404 => Code::EndpointUnauthorized,
            409 => Code::EndpointConflict,
            429 => Code::EndpointRateLimited,
            500.. => Code::EndpointUnreachable,
            _ if self.is_gone() => Code::EndpointBlocked,
            _ => Code::EndpointRejected,
        };
        let words = format!("telegram: {doing}: {} {}", self.code, self.description);
        let error = Error::new(code, words.trim_end());
        let error = match code {
            Code::EndpointUnauthorized => {
                error.hint("set `TELEGRAM_BOT_TOKEN` to the token that @BotFather gave you")
            }
            _ => error,
        };
        match self.retry_after {
            Some(wait) => error.after(wait),
            None => error,
        }
    }
}

/// Telegram's waits do not fit 16 bits; a whole number of seconds is the rule.
fn seconds(value: &Value) -> Option<Duration> {
    let whole = value.as_u64().map(Duration::from_secs);
    let part = value
        .as_f64()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let text = value
        .as_str()
        .and_then(|text| text.parse().ok())
        .map(Duration::from_secs);
    whole.or(part).or(text)
}

fn http(status: u16) -> String {
    format!("HTTP {status}")
}

fn unreachable(doing: &str, words: &str) -> Error {
    Error::new(
        Code::EndpointUnreachable,
        format!("telegram: {doing}: {words}"),
    )
}

fn malformed(doing: &str, status: u16) -> Error {
    let words = format!("telegram: {doing}: HTTP {status}, and not from a Bot API server");
    Error::new(Code::EndpointMalformed, words)
        .hint("check `endpoint.telegram.api_url`, and what stands between")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Retry;

    fn refused(body: &str) -> Refusal {
        let body: Map<_, _> = serde_json::from_str(body).expect("an object");
        Refusal::read(500, None, &body)
    }

    #[test]
    fn waits_beyond_sixteen_bits_are_read() {
        for (wait, expected) in [("86400", 86_400), ("5.0", 5), ("\"7\"", 7)] {
            let body = format!(r#"{{"error_code": 429, "parameters": {{"retry_after": {wait}}}}}"#);
            let error = refused(&body).error("x");
            assert_eq!(error.code, Code::EndpointRateLimited);
            assert_eq!(error.retry_after, Some(Duration::from_secs(expected)));
        }
    }

    #[test]
    fn each_refusal_has_its_code() {
        for (code, description, expected) in [
            (
                400,
                "Bad Request: message text is empty",
                Code::EndpointRejected,
            ),
            (400, "Bad Request: chat not found", Code::EndpointBlocked),
            (400, "Bad Request: PEER_ID_INVALID", Code::EndpointBlocked),
            (401, "Unauthorized", Code::EndpointUnauthorized),
            (
                403,
                "Forbidden: bot was blocked by the user",
                Code::EndpointBlocked,
            ),
            (403, "Forbidden: user is deactivated", Code::EndpointBlocked),
            (404, "Not Found", Code::EndpointUnauthorized),
            (409, "Conflict", Code::EndpointConflict),
            (413, "Request Entity Too Large", Code::EndpointRejected),
            (500, "Internal Server Error", Code::EndpointUnreachable),
        ] {
            let body = format!(r#"{{"error_code": {code}, "description": "{description}"}}"#);
            assert_eq!(refused(&body).error("x").code, expected, "{description}");
        }
    }

    #[test]
    fn a_message_may_have_arrived_unless_it_was_refused() {
        let retry = |trouble: Trouble| trouble.of_sending().retry();
        assert_eq!(retry(Trouble::NotSent("x".into())), Retry::Later);
        assert_eq!(retry(Trouble::Lost("x".into())), Retry::Uncertain);
        assert_eq!(retry(Trouble::Unreadable(502)), Retry::Uncertain);
        assert_eq!(retry(Trouble::Unreadable(200)), Retry::Uncertain);
        assert_eq!(retry(Trouble::Unreadable(403)), Retry::Later);
        assert_eq!(
            retry(Trouble::Refused(refused(r#"{"error_code": 500}"#))),
            Retry::Later
        );
    }
}
