//! A turn as the exact request that Letta gets. Pure but for fresh otids.
//!
//! Letta 0.16 makes its idempotency key from the otids of all messages of a request, and invents one
//! where one lacks, so that each message has its own. They are UUIDs of version 7, never counters:
//! after a restored backup a counter would replay another message's answer.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agent::{AgentIds, Approval, Prompt, Request, Verdict};

use super::known;
use super::template::{Template, platform};

/// What stands before the lines about people.
const ABOUT: &str = "About who is writing here:";

/// What a request's form depends on beside its content.
pub(super) struct Form<'a> {
    /// How a message reads.
    pub(super) template: &'a Template,
    /// The agent, where the request goes to its default conversation.
    pub(super) agent: Option<&'a str>,
    /// Whether the server can run it in the background, and know it again.
    pub(super) background: bool,
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "it is Letta's form")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<&'a str>,
    messages: Vec<Message<'a>>,
    streaming: bool,
    background: bool,
    stream_tokens: bool,
    include_pings: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Message<'a> {
    Said {
        role: &'static str,
        content: String,
        otid: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        sender_id: Option<&'a str>,
    },
    Decided {
        #[serde(rename = "type")]
        kind: &'static str,
        approvals: Vec<Decision<'a>>,
        otid: &'a str,
    },
}

#[derive(Serialize)]
struct Decision<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    tool_call_id: &'a str,
    approve: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

/// What is read back from a stored body when a request's fate is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sent {
    /// Whether Letta knows the request again.
    pub(super) background: bool,
    messages: Vec<SentMessage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SentMessage {
    approvals: Vec<super::wire::Decided>,
}

impl Sent {
    /// Reads a request's body.
    pub(super) fn of(request: &Request) -> Self {
        serde_json::from_str(&request.body).unwrap_or_default()
    }

    /// The tool calls that it decides on.
    pub(super) fn decides(&self) -> Vec<&str> {
        let approvals = self.messages.iter().flat_map(|message| &message.approvals);
        approvals
            .filter_map(|decided| decided.tool_call_id.as_deref())
            .collect()
    }
}

/// The request for a turn's messages.
pub(super) fn compose(form: &Form<'_>, prompt: &Prompt, ids: &AgentIds) -> Request {
    let told = known::tell(prompt);
    let platform = platform(&prompt.endpoint);
    let otids: Vec<String> = (0..prompt.said.len() + usize::from(told.news.is_some()))
        .map(|_| fresh())
        .collect();
    let about = told
        .news
        .map(|news| ("system", format!("{ABOUT}\n{news}"), None));
    let said = prompt.said.iter().map(|said| {
        let text = form.template.fill(said, &platform);
        ("user", text, ids.identity.as_deref())
    });
    let messages = about.into_iter().chain(said).zip(&otids);
    let messages = messages.map(|((role, content, sender_id), otid)| Message::Said {
        role,
        content,
        otid,
        sender_id,
    });
    let body = body(form, messages.collect());
    let conversation = ids.conversation.clone().unwrap_or_default();
    Request {
        conversation,
        body,
        otids,
        tells: told.whole,
    }
}

/// The request for a verdict on tool calls.
///
/// Letta 0.16 knows it again by its otid, as any other; with a new otid, an approval that was
/// answered before starts a turn of no sense.
pub(super) fn decide(
    form: &Form<'_>,
    approval: &Approval,
    verdict: &Verdict,
    before: &Request,
) -> Request {
    let otid = fresh();
    let (approve, reason) = match verdict {
        Verdict::Approve => (true, None),
        Verdict::Deny(reason) => (false, Some(reason.as_str())),
    };
    let approvals = approval.calls.iter().map(|call| Decision {
        kind: "approval",
        tool_call_id: call,
        approve,
        reason,
    });
    let message = Message::Decided {
        kind: "approval",
        approvals: approvals.collect(),
        otid: &otid,
    };
    let body = body(form, vec![message]);
    Request {
        conversation: before.conversation.clone(),
        body,
        otids: vec![otid],
        tells: before.tells.clone(),
    }
}

fn body(form: &Form<'_>, messages: Vec<Message<'_>>) -> String {
    let body = Body {
        agent_id: form.agent,
        messages,
        streaming: true,
        background: form.background,
        stream_tokens: true,
        include_pings: true,
    };
    serde_json::to_string(&body).expect("strings and flags are always JSON")
}

fn fresh() -> String {
    Uuid::now_v7().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{About, Said};
    use crate::time::Timestamp;
    use serde_json::{Value, json};

    fn composed(texts: &[&str], agent: Option<&str>) -> (Request, Value) {
        let template = Template::new("{username}: {text}");
        let form = Form {
            template: &template,
            agent,
            background: true,
        };
        let by = About {
            user_id: "1".to_owned(),
            name: Some("Ada".to_owned()),
            ..About::default()
        };
        let said = texts.iter().map(|text| Said {
            by: by.clone(),
            text: (*text).to_owned(),
            at: Timestamp(0),
        });
        let prompt = Prompt {
            endpoint: "webchat".to_owned(),
            said: said.collect(),
            told: None,
        };
        let ids = AgentIds {
            conversation: Some("conv-1".to_owned()),
            identity: Some("identity-1".to_owned()),
            block: None,
        };
        let request = compose(&form, &prompt, &ids);
        let body = serde_json::from_str(&request.body).expect("it is JSON");
        (request, body)
    }

    #[test]
    fn every_message_has_its_own_otid_and_the_person_comes_last() {
        let (request, body) = composed(&["a", "b"], None);
        let messages = body["messages"].as_array().expect("a list");
        let otids: Vec<_> = messages
            .iter()
            .map(|message| message["otid"].clone())
            .collect();
        assert_eq!(json!(request.otids), json!(otids));
        let roles: Vec<_> = messages.iter().map(|message| &message["role"]).collect();
        assert_eq!(roles, ["system", "user", "user"]);
        assert_eq!(
            messages[0]["content"],
            format!("{ABOUT}\nWeb chat ID 1: name: Ada")
        );
        assert_eq!(messages[2]["content"], "Ada: b");
        assert_eq!(messages[2]["sender_id"], "identity-1");
        assert!(Uuid::parse_str(&request.otids[2]).is_ok_and(|id| id.get_version_num() == 7));
        assert_eq!(request.conversation, "conv-1");
        assert_eq!(body.get("agent_id"), None);
    }

    #[test]
    fn a_shared_conversation_names_the_agent() {
        assert_eq!(composed(&["a"], Some("agent-1")).1["agent_id"], "agent-1");
    }

    #[test]
    fn a_verdict_is_read_back() {
        let template = Template::new("{text}");
        let form = Form {
            template: &template,
            agent: None,
            background: false,
        };
        let approval = Approval {
            calls: vec!["call-1".to_owned(), "call-2".to_owned()],
            tools: vec![],
            said: vec![],
        };
        let (before, _) = composed(&["a"], None);
        let request = decide(&form, &approval, &Verdict::Deny("no".to_owned()), &before);
        let sent = Sent::of(&request);
        assert_eq!(sent.decides(), ["call-1", "call-2"]);
        assert!(!sent.background && Sent::of(&before).background);
        assert!(Sent::of(&before).decides().is_empty());
        assert_eq!(request.tells, before.tells);
    }
}
