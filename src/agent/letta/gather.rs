//! A turn's events put together: texts, tool calls, and how it ended. Pure.

use crate::agent::{Answer, Approval, Fate};
use crate::error::{Code, Error};
use crate::message::Step;

use super::failure::{ModelTrouble, is_failure};
use super::wire::{Content, Event};

/// What came so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// Each assistant message by its id.
    texts: Vec<(String, String)>,
    tools: Vec<Tool>,
    approvals: Vec<Tool>,
    stop: Option<String>,
    trouble: Option<ModelTrouble>,
    /// The run, once known.
    pub(super) run: Option<String>,
    /// The last `seq_id` of an event that was taken; pings repeat numbers and do not count.
    pub(super) seq: u64,
}

#[derive(Debug, Default)]
struct Tool {
    call: String,
    name: String,
}

/// What an event was.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Took {
    /// Only a sign of life.
    Ping,
    /// Something that shows as this.
    Shows(Step),
    /// More text; see [`Gathered::text`].
    Text,
    /// Something that shows as nothing.
    Quiet,
    /// The end of the stream.
    End,
}

/// How a gathered turn ended.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Well, or cancelled, or with nothing said.
    Fate(Fate),
    /// With trouble; whether it may be repeated depends on the run's steps.
    Trouble(ModelTrouble),
}

impl Gathered {
    /// Takes the next event of the stream, or the next message of a list.
    pub(super) fn take(&mut self, mut event: Event) -> Took {
        if self.run.is_none() {
            self.run = event.run_id.take();
        }
        if event.message_type == "ping" {
            return Took::Ping;
        }
        if let Some(seq) = event.seq_id {
            if seq <= self.seq {
                return Took::Quiet;
            }
            self.seq = seq;
        }
        match event.message_type.as_str() {
            "assistant_message" => self.take_text(event),
            "tool_call_message" => take_calls(&mut self.tools, &mut event),
            "approval_request_message" => take_calls(&mut self.approvals, &mut event),
            "reasoning_message" | "hidden_reasoning_message" => Took::Shows(Step::Thinking),
            "stop_reason" => self.take_stop(event.stop_reason),
            "error_message" => self.take_trouble(event),
            _ => Took::Quiet,
        }
    }

    /// The whole text so far.
    pub(super) fn text(&self) -> String {
        let texts: Vec<&str> = self.texts.iter().map(|(_, text)| text.as_str()).collect();
        texts.join("\n\n")
    }

    /// Whether an end was named, so that the stream's end is the turn's.
    pub(super) fn has_ended(&self) -> bool {
        self.stop.is_some() || self.trouble.is_some()
    }

    /// Whether nothing came but signs of life and an end.
    pub(super) fn is_bare(&self) -> bool {
        self.texts.is_empty() && self.tools.is_empty() && self.approvals.is_empty()
    }

    /// Notes the end that a run's record names.
    pub(super) fn stopped(&mut self, reason: Option<&str>) {
        self.stop = Some(reason.unwrap_or("end_turn").to_owned());
    }

    /// What became of the turn.
    pub(super) fn verdict(self) -> Verdict {
        if let Some(trouble) = self.trouble {
            return Verdict::Trouble(trouble);
        }
        match self.stop.as_deref() {
            Some("cancelled") => Verdict::Fate(Fate::Cancelled),
            Some(stop) if is_failure(stop) => Verdict::Trouble(ModelTrouble::of_stop(stop)),
            Some("requires_approval") if !self.approvals.is_empty() => {
                Verdict::Fate(Fate::Answered(Answer::Approval(self.approval())))
            }
            _ => Verdict::Fate(self.answer()),
        }
    }

    fn take_text(&mut self, event: Event) -> Took {
        let text = event.content.map(Content::into_text).unwrap_or_default();
        match self.texts.last_mut() {
            Some((id, whole)) if *id == event.id => whole.push_str(&text),
            _ => self.texts.push((event.id, text)),
        }
        Took::Text
    }

    fn take_stop(&mut self, reason: Option<String>) -> Took {
        self.stop = reason.or_else(|| Some("end_turn".to_owned()));
        Took::Quiet
    }

    fn take_trouble(&mut self, event: Event) -> Took {
        self.trouble = Some(ModelTrouble {
            kind: event.error_type.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            detail: event.detail,
        });
        Took::End
    }

    fn said(self) -> Vec<String> {
        let texts = self.texts.into_iter().map(|(_, text)| text);
        texts.filter(|text| !text.trim().is_empty()).collect()
    }

    fn approval(mut self) -> Approval {
        let approvals = std::mem::take(&mut self.approvals);
        let (calls, tools) = approvals
            .into_iter()
            .map(|tool| (tool.call, tool.name))
            .unzip();
        Approval {
            calls,
            tools,
            said: self.said(),
        }
    }

    fn answer(self) -> Fate {
        let acted = !self.tools.is_empty();
        let said = self.said();
        match (said.is_empty(), acted) {
            (false, _) => Fate::Answered(Answer::Said(said)),
            (true, true) => Fate::Answered(Answer::Silent),
            (true, false) => Fate::Failed(Error::new(
                Code::AgentEmptyAnswer,
                "the agent answered with nothing at all",
            )),
        }
    }
}

/// Notes new calls, and names the first of them.
fn take_calls(known: &mut Vec<Tool>, event: &mut Event) -> Took {
    let mut shows = Took::Quiet;
    for call in event.calls() {
        let id = call.tool_call_id.unwrap_or_default();
        let name = call.name.unwrap_or_default();
        match known.iter_mut().find(|tool| tool.call == id) {
            // A name may come in pieces, as the arguments do.
            Some(tool) if tool.name != name => tool.name.push_str(&name),
            Some(_) => {}
            None => {
                if shows == Took::Quiet && !name.is_empty() {
                    shows = Took::Shows(Step::Tool(name.clone()));
                }
                known.push(Tool { call: id, name });
            }
        }
    }
    shows
}
