//! A run: its events so far, and whoever waits for more.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::Step;

/// A run that several streams may follow.
pub(crate) struct Run {
    pub(crate) id: String,
    /// The otids that it is known again by.
    pub(crate) token: String,
    pub(crate) conversation: String,
    pub(crate) agent: String,
    pub(crate) background: bool,
    pub(crate) created: String,
    state: Mutex<State>,
    changed: Condvar,
}

/// What a run has come to.
#[derive(Default)]
pub(crate) struct State {
    /// Every event as it goes over the wire; its place is its `seq_id` less one. Those without a number of
    /// their own use one up all the same.
    pub(crate) events: Vec<String>,
    pub(crate) status: &'static str,
    pub(crate) stop: Option<String>,
    pub(crate) error: Option<Value>,
    pub(crate) steps: Vec<&'static str>,
    /// Its server was killed: it stays as it is, for ever.
    pub(crate) dead: bool,
}

impl Run {
    pub(crate) fn new(
        id: &str,
        token: &str,
        conversation: &str,
        agent: &str,
        background: bool,
    ) -> Self {
        let state = State {
            status: "running",
            ..State::default()
        };
        let run = Self {
            id: id.to_owned(),
            token: token.to_owned(),
            conversation: conversation.to_owned(),
            agent: agent.to_owned(),
            background,
            created: broca::time::Timestamp::now().to_string(),
            state: Mutex::new(state),
            changed: Condvar::new(),
        };
        run.event(json!({ "message_type": "ping", "id": format!("ping-{}", run.id) }));
        run
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, at most `span`.
    pub(crate) fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        span: Duration,
    ) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, span);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn wake(&self) {
        self.changed.notify_all();
    }

    /// Adds an event with run and number.
    pub(crate) fn event(&self, mut event: Value) {
        let mut state = self.state();
        event["run_id"] = json!(self.id);
        event["date"] = json!(broca::time::Timestamp::now().to_string());
        if self.background {
            event["seq_id"] = json!(state.events.len() + 1);
        }
        let error = if event["message_type"] == "error_message" {
            "event: error\n"
        } else {
            ""
        };
        state.events.push(format!("{error}data: {event}\n\n"));
        drop(state);
        self.wake();
    }

    /// Ends it: `completed`, `failed` or `cancelled`. The first end stands.
    pub(crate) fn end(
        &self,
        status: &'static str,
        stop: &str,
        error: Option<(&str, &str)>,
    ) -> bool {
        let mut state = self.state();
        if state.status != "running" {
            return false;
        }
        state.status = status;
        state.stop = Some(stop.to_owned());
        state.dead = false;
        let line = json!({ "message_type": "stop_reason", "stop_reason": stop });
        state.events.push(format!("data: {line}\n\n"));
        if let Some((kind, message)) = error {
            let event = json!({
                "message_type": "error_message", "run_id": self.id, "error_type": kind,
                "message": message, "detail": "the stand-in failed", "seq_id": state.events.len() + 1,
            });
            state
                .events
                .push(format!("event: error\ndata: {event}\n\n"));
            state.error = Some(event);
        } else {
            if status == "completed" {
                let usage = json!({ "message_type": "usage_statistics", "step_count": 1 });
                state.events.push(format!("data: {usage}\n\n"));
            }
            state.events.push("data: [DONE]\n\n".to_owned());
        }
        drop(state);
        self.wake();
        true
    }

    /// Its record, as `GET /v1/runs/{id}` gives it.
    pub(crate) fn record(&self) -> Value {
        let state = self.state();
        let conversation = (self.conversation != "default").then_some(&self.conversation);
        json!({
            "id": self.id, "status": state.status, "created_at": self.created,
            "agent_id": self.agent, "conversation_id": conversation,
            "background": self.background, "stop_reason": state.stop,
            "metadata": { "error": state.error },
        })
    }

    /// Works off one step of a reply.
    pub(crate) fn step(&self, step: &Step, number: usize) {
        let id = format!("message-{}-{number}", self.id);
        match step {
            Step::Say(text) => {
                let half = text.char_indices().nth(text.chars().count() / 2);
                let (first, second) = text.split_at(half.map_or(0, |(at, _)| at));
                for content in [first, second]
                    .into_iter()
                    .filter(|piece| !piece.is_empty())
                {
                    self.event(json!({
                        "message_type": "assistant_message", "id": id, "content": content,
                    }));
                }
            }
            Step::Tool(name) | Step::Ask(name) => {
                let kind = step.kind();
                let call = format!("call-{}-{number}", self.id);
                for (name, arguments) in [(Some(name), None), (None, Some("{}"))] {
                    let call = json!({
                        "name": name, "arguments": arguments, "tool_call_id": call,
                    });
                    self.event(json!({
                        "message_type": kind, "id": id, "tool_call": call, "tool_calls": call,
                    }));
                }
            }
        }
    }
}
