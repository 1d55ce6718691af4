//! What a run will do, and what is stored of it.

use std::sync::Arc;

use serde_json::json;
use uuid::Uuid;

use super::run::Run;
use super::world::Data;
use super::{Fault, Reply, Step, Turn};

/// What a run will do.
pub(super) struct Plan {
    turn: Turn,
    pub(super) steps: Vec<Step>,
    pub(super) error: Option<&'static str>,
    pub(super) fails_at_once: bool,
    pub(super) hangs: bool,
}

impl Plan {
    pub(super) fn new(turn: Turn, fault: Option<&Fault>, reply: &Arc<Reply>) -> Self {
        let (steps, error, hangs) = match fault {
            Some(Fault::Fail(kind)) => (Vec::new(), Some(*kind), false),
            Some(Fault::FailMidway(kind)) => (
                vec![Step::Tool("memory_insert".to_owned())],
                Some(*kind),
                false,
            ),
            Some(Fault::Hang | Fault::Silence) => (Vec::new(), None, true),
            _ => (reply(&turn), None, false),
        };
        let fails_at_once = steps.is_empty() && (error.is_some() || hangs);
        Self {
            turn,
            steps,
            error,
            fails_at_once,
            hangs,
        }
    }
}

/// Stores what was said and done in a run, as Letta does once a step went well.
pub(super) fn store(data: &mut Data, run: &Run, plan: &Plan) {
    let Some(conversation) = data.conversations.get_mut(&run.conversation) else {
        return;
    };
    let mut texts = plan
        .turn
        .told
        .iter()
        .map(|text| ("system_message", text))
        .collect::<Vec<_>>();
    texts.extend(plan.turn.texts.iter().map(|text| ("user_message", text)));
    for ((kind, text), otid) in texts.into_iter().zip(&plan.turn.otids) {
        conversation.messages.push_back(json!({
            "id": format!("message-{}", Uuid::now_v7()), "message_type": kind, "otid": otid,
            "run_id": run.id, "content": text,
        }));
    }
    if !plan.turn.decisions.is_empty() {
        let approvals = plan.turn.decisions.iter().map(|(call, approve)| {
            json!({ "type": "approval", "tool_call_id": call, "approve": approve })
        });
        conversation.messages.push_back(json!({
            "id": format!("message-{}", Uuid::now_v7()), "message_type": "approval_response_message",
            "otid": null, "run_id": run.id, "approvals": approvals.collect::<Vec<_>>(),
        }));
    }
    for (number, step) in plan.steps.iter().enumerate() {
        let call = |name: &str| json!({ "name": name, "arguments": "{}", "tool_call_id": format!("call-{}-{number}", run.id) });
        let mut message = json!({
            "id": format!("message-{}-{number}", run.id), "message_type": step.kind(), "run_id": run.id,
        });
        match step {
            Step::Say(text) => message["content"] = json!(text),
            Step::Tool(name) | Step::Ask(name) => {
                message["tool_call"] = call(name);
                message["tool_calls"] = json!([call(name)]);
            }
        }
        conversation.messages.push_back(message);
    }
}
