//! What Letta 0.16 sends, read leniently: unknown fields are passed, missing ones are empty.

use std::time::SystemTime;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One event of a stream, or one message of a list: Letta gives both the same form.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    /// `assistant_message`, `ping`, `stop_reason`, …
    pub(super) message_type: String,
    pub(super) id: String,
    pub(super) otid: Option<String>,
    pub(super) run_id: Option<String>,
    /// When it was made, by Letta's clock.
    pub(super) date: Option<String>,
    /// The place in a background stream; absent elsewhere.
    pub(super) seq_id: Option<u64>,
    pub(super) content: Option<Content>,
    pub(super) stop_reason: Option<String>,
    pub(super) tool_call: Option<ToolCall>,
    pub(super) tool_calls: Option<Calls>,
    pub(super) approvals: Option<Vec<Decided>>,
    pub(super) error_type: Option<String>,
    pub(super) message: Option<String>,
    pub(super) detail: Value,
}

/// Text as Letta gives it: a string, or parts of which some are text.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<TextPart>),
    Other(serde::de::IgnoredAny),
}

/// A part of a content; those of other kinds have no text.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TextPart {
    #[serde(default)]
    text: String,
}

/// A tool call, or a piece of one: the name comes first, then pieces of the arguments.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ToolCall {
    pub(super) name: Option<String>,
    pub(super) tool_call_id: Option<String>,
}

/// A list in lists of messages, a single call in streams.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Calls {
    Many(Vec<ToolCall>),
    One(ToolCall),
}

/// One decision on a tool call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Decided {
    pub(super) tool_call_id: Option<String>,
}

/// A run: one turn of the agent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) created_at: Option<String>,
    pub(super) conversation_id: Option<String>,
    pub(super) stop_reason: Option<String>,
    pub(super) metadata: Value,
}

/// A step of a run: one call of the model and the tools it asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Step {
    pub(super) status: Option<String>,
}

/// Anything that has an id.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) id: String,
    #[serde(default)]
    pub(super) identifier_key: Option<String>,
}

impl Content {
    /// The text in it.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Parts(parts) => parts.into_iter().map(|part| part.text).collect(),
            Self::Other(_) => String::new(),
        }
    }
}

impl Event {
    /// The tool calls in it, whichever form it has.
    pub(super) fn calls(&mut self) -> Vec<ToolCall> {
        match (self.tool_calls.take(), self.tool_call.take()) {
            (Some(Calls::Many(calls)), _) if !calls.is_empty() => calls,
            (_, Some(call)) | (Some(Calls::One(call)), None) => vec![call],
            _ => Vec::new(),
        }
    }
}

impl Run {
    /// Whether it still works.
    pub(super) fn is_active(&self) -> bool {
        matches!(self.status.as_str(), "created" | "running")
    }
}

/// A moment as Letta writes it: RFC 3339 in UTC, with `Z` or `+00:00`.
pub(super) fn moment(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix("+00:00").unwrap_or(text);
    humantime::parse_rfc3339_weak(text.trim_end_matches('Z')).ok()
}

/// Reads each value by itself, so that one of an unknown form does not spoil the rest.
pub(super) fn each<T: DeserializeOwned>(values: Vec<Value>) -> Vec<T> {
    let read = values.into_iter().map(serde_json::from_value);
    read.filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_a_string_or_parts() {
        let event = |content: &str| -> Event {
            let text = format!(r#"{{"message_type":"assistant_message","content":{content}}}"#);
            serde_json::from_str(&text).expect("any content is read")
        };
        let text = |content: &str| event(content).content.map(Content::into_text);
        assert_eq!(text(r#""hi""#).as_deref(), Some("hi"));
        let parts = r#"[{"type":"text","text":"a"},{"type":"image"},{"type":"text","text":"b"}]"#;
        assert_eq!(text(parts).as_deref(), Some("ab"));
        assert_eq!(text("7").as_deref(), Some(""));
    }

    #[test]
    fn moments_come_in_two_forms() {
        let whole = moment("2026-11-22T16:12:38+00:00").expect("a moment");
        let parts = moment("2026-11-22T16:12:38.250000Z").expect("a moment");
        let between = parts.duration_since(whole).expect("it is later");
        assert_eq!(between.as_millis(), 250);
        assert_eq!(moment("soon"), None);
    }

    #[test]
    fn calls_come_in_three_forms() {
        let calls = |text: &str| -> usize {
            let mut event: Event = serde_json::from_str(text).expect("an event");
            event.calls().len()
        };
        assert_eq!(
            calls(r#"{"tool_call":{"name":"x"},"tool_calls":{"name":"x"}}"#),
            1
        );
        assert_eq!(
            calls(r#"{"tool_call":{"name":"x"},"tool_calls":[{},{}]}"#),
            2
        );
        assert_eq!(calls("{}"), 0);
    }
}
