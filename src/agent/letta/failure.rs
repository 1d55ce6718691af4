//! What Letta's refusals and its model's troubles mean.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Code, Error};

/// The longest piece of Letta's own words that is passed on.
const WORDS: usize = 300;
/// How long to leave a busy conversation alone.
const BUSY: Duration = Duration::from_secs(2);

/// An HTTP answer other than 2xx.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Body,
}

/// Letta's error bodies: `detail` is a string, or an object with a code; model trouble has `error`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    detail: Value,
    error: Option<ModelTrouble>,
}

/// Trouble with the model behind the agent, in an error body, a stream or a run's metadata.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ModelTrouble {
    #[serde(rename = "type", alias = "error_type")]
    pub(super) kind: String,
    pub(super) message: String,
    pub(super) detail: Value,
}

impl Refusal {
    /// Reads what came with `status`; a body that is no JSON says nothing.
    pub(super) fn new(status: u16, retry_after: Option<Duration>, body: &str) -> Self {
        let body = serde_json::from_str(body).unwrap_or_default();
        Self {
            status,
            retry_after,
            body,
        }
    }

    /// The failure for a call that starts no turn.
    pub(super) fn error(&self) -> Error {
        let error = Error::new(self.code(), self.words());
        match (self.retry_after, error.code) {
            (Some(wait), _) => error.after(wait),
            (None, Code::AgentBusy) => error.after(BUSY),
            (None, Code::AgentUnreachable) if self.status / 100 == 3 => {
                error.hint("give `agent.endpoint` the address that it redirects to")
            }
            (None, _) => error,
        }
    }

    /// The failure for a call that starts a turn: what failed within the server, or in a proxy before it,
    /// may run.
    pub(super) fn error_of_turn(&self) -> Error {
        if self.status >= 500 {
            return Error::new(Code::AgentDropped, self.words());
        }
        self.error()
    }

    /// What the model's provider said, where the answer holds that.
    pub(super) fn model_trouble(&self) -> Option<&ModelTrouble> {
        self.body
            .error
            .as_ref()
            .filter(|trouble| !trouble.kind.is_empty())
    }

    /// Whether an unanswered approval is what stands in the way.
    pub(super) fn is_pending_approval(&self) -> bool {
        self.status == 409 && self.body.detail["code"] == "PENDING_APPROVAL"
    }

    const fn code(&self) -> Code {
        match self.status {
            401 | 403 => Code::AgentUnauthorized,
            402 => Code::AgentNoCredit,
            404 => Code::AgentMissing,
            409 => Code::AgentBusy,
            429 => Code::AgentRateLimited,
            300..=399 | 500.. => Code::AgentUnreachable,
            _ => Code::AgentRejected,
        }
    }

    fn words(&self) -> String {
        let detail = &self.body.detail;
        let said = detail.as_str().or_else(|| detail["message"].as_str());
        match said {
            Some(said) => format!("Letta answered {}: {}", self.status, cut(said)),
            None => format!("Letta answered {}", self.status),
        }
    }
}

impl ModelTrouble {
    /// Reads a run's `metadata.error`: the stream's error event, or a string.
    pub(super) fn of_metadata(metadata: &Value) -> Self {
        let error = &metadata["error"];
        if let Some(text) = error.as_str() {
            return Self {
                message: text.to_owned(),
                ..Self::default()
            };
        }
        serde_json::from_value(error.clone()).unwrap_or_default()
    }

    /// A trouble of which only the stop reason is known.
    pub(super) fn of_stop(reason: &str) -> Self {
        let message = format!("the run ended with `{reason}`");
        Self {
            kind: reason.to_owned(),
            message,
            detail: Value::Null,
        }
    }

    /// The failure. `midway` says whether the run had completed a step, so that it must not be
    /// repeated by itself.
    pub(super) fn error(&self, midway: bool) -> Error {
        if midway {
            return Error::new(Code::AgentFailedMidway, self.words());
        }
        match self.kind.as_str() {
            "llm_authentication" => Error::new(
                Code::AgentUnauthorized,
                "the provider of the agent's model refused Letta's key",
            )
            .hint("correct the model provider's key at Letta"),
            "llm_insufficient_credits" | "insufficient_credits" => Error::new(
                Code::AgentNoCredit,
                "the provider of the agent's model wants payment",
            )
            .hint("add credit at the model's provider"),
            "llm_rate_limit" => Error::new(Code::AgentRateLimited, self.words()),
            _ => Error::new(Code::AgentFailed, self.words()),
        }
    }

    fn words(&self) -> String {
        let kind = if self.kind.is_empty() {
            "error"
        } else {
            &self.kind
        };
        let message = self.message.trim_end_matches('.');
        match self
            .detail
            .as_str()
            .filter(|detail| *detail != self.message)
        {
            Some(detail) => format!("the agent failed ({kind}): {message}: {}", cut(detail)),
            None => format!("the agent failed ({kind}): {}", cut(message)),
        }
    }
}

/// The stop reasons that mean failure, even where no error event came with them.
pub(super) fn is_failure(stop: &str) -> bool {
    matches!(
        stop,
        "error"
            | "llm_api_error"
            | "invalid_llm_response"
            | "invalid_tool_call"
            | "insufficient_credits"
            | "context_window_overflow_in_system_prompt"
    )
}

fn cut(text: &str) -> &str {
    let end = text
        .char_indices()
        .nth(WORDS)
        .map_or(text.len(), |(at, _)| at);
    text[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal::new(status, None, body)
    }

    #[test]
    fn each_status_has_its_code() {
        let codes = [
            (307, Code::AgentUnreachable, Code::AgentUnreachable),
            (400, Code::AgentRejected, Code::AgentRejected),
            (401, Code::AgentUnauthorized, Code::AgentUnauthorized),
            (402, Code::AgentNoCredit, Code::AgentNoCredit),
            (404, Code::AgentMissing, Code::AgentMissing),
            (409, Code::AgentBusy, Code::AgentBusy),
            (422, Code::AgentRejected, Code::AgentRejected),
            (429, Code::AgentRateLimited, Code::AgentRateLimited),
            (500, Code::AgentUnreachable, Code::AgentDropped),
            (502, Code::AgentUnreachable, Code::AgentDropped),
        ];
        for (status, plain, of_turn) in codes {
            let refusal = refusal(status, "<html>");
            assert_eq!(refusal.error().code, plain, "{status}");
            assert_eq!(refusal.error_of_turn().code, of_turn, "{status}");
        }
    }

    #[test]
    fn a_detail_is_words_or_an_object() {
        let text = refusal(422, r#"{"detail":"Messages must not be empty"}"#);
        assert_eq!(
            text.error().message(),
            "Letta answered 422: Messages must not be empty"
        );
        let pending = r#"{"detail":{"code":"PENDING_APPROVAL","message":"wait"}}"#;
        assert!(refusal(409, pending).is_pending_approval());
        assert!(!refusal(409, r#"{"detail":"busy","run_id":"run-1"}"#).is_pending_approval());
    }

    #[test]
    fn the_models_provider_is_named_without_its_words() {
        let text = r#"{"error":{"type":"llm_authentication","message":"no","detail":"key sk-1"}}"#;
        let trouble = refusal(401, text)
            .model_trouble()
            .cloned()
            .expect("it is model trouble");
        let error = trouble.error(false);
        assert_eq!(error.code, Code::AgentUnauthorized);
        assert!(!error.message().contains("sk-1"));
        assert_eq!(trouble.error(true).code, Code::AgentFailedMidway);
    }

    #[test]
    fn long_words_are_cut_between_characters() {
        let long = "ü".repeat(1000);
        assert_eq!(cut(&long).chars().count(), WORDS);
    }
}
