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
    /// A tool gave its result, perhaps one that was called before.
    acted: bool,
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
            "tool_return_message" => {
                self.acted = true;
                Took::Quiet
            }
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
        !self.acted && self.texts.is_empty() && self.tools.is_empty() && self.approvals.is_empty()
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
        let acted = self.acted || !self.tools.is_empty();
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn gathered(events: &[Value]) -> Gathered {
        let mut gathered = Gathered::default();
        for event in events {
            gathered.take(serde_json::from_value(event.clone()).expect("an event"));
        }
        gathered
    }

    fn text(id: &str, seq: u64, content: &str) -> Value {
        json!({ "message_type": "assistant_message", "id": id, "seq_id": seq, "content": content })
    }

    fn stop(reason: &str) -> Value {
        json!({ "message_type": "stop_reason", "stop_reason": reason })
    }

    fn answer(events: &[Value]) -> Fate {
        match gathered(events).verdict() {
            Verdict::Fate(fate) => fate,
            Verdict::Trouble(trouble) => panic!("{trouble:?}"),
        }
    }

    #[test]
    fn pieces_of_one_message_are_one_text_and_a_replay_adds_nothing() {
        let (first, second, other) = (text("a", 2, "Hel"), text("a", 3, "lo"), text("b", 4, "Bye"));
        let events = [
            first.clone(),
            second.clone(),
            first,
            second,
            other,
            stop("end_turn"),
        ];
        let gathered = gathered(&events);
        assert_eq!(
            (gathered.text().as_str(), gathered.seq),
            ("Hello\n\nBye", 4)
        );
        assert!(gathered.has_ended());
        let said = vec!["Hello".to_owned(), "Bye".to_owned()];
        assert!(matches!(answer(&events), Fate::Answered(Answer::Said(texts)) if texts == said));
    }

    #[test]
    fn a_ping_names_the_run_but_no_place() {
        let ping = json!({ "message_type": "ping", "seq_id": 9, "run_id": "run-1" });
        let gathered = gathered(&[ping, text("a", 2, "x")]);
        assert_eq!((gathered.run.as_deref(), gathered.seq), (Some("run-1"), 2));
    }

    #[test]
    fn blank_texts_are_no_answer() {
        let blank = [text("a", 2, " \n"), stop("end_turn")];
        assert!(
            matches!(answer(&blank), Fate::Failed(error) if error.code == Code::AgentEmptyAnswer)
        );
        let returned = json!({ "message_type": "tool_return_message", "tool_return": "ok" });
        let acted = [returned, stop("end_turn")];
        assert!(matches!(answer(&acted), Fate::Answered(Answer::Silent)));
    }

    #[test]
    fn several_calls_wait_together() {
        let call = |id: &str| json!({ "name": "rm", "tool_call_id": id });
        let asks = json!({
            "message_type": "approval_request_message", "id": "m", "tool_calls": [call("1"), call("2")],
        });
        let events = [
            text("a", 2, "May I?"),
            asks.clone(),
            asks,
            stop("requires_approval"),
        ];
        let Fate::Answered(Answer::Approval(approval)) = answer(&events) else {
            panic!("it should wait");
        };
        assert_eq!(
            (approval.calls.len(), approval.tools),
            (2, vec!["rm".to_owned(); 2])
        );
        assert_eq!(approval.said, ["May I?"]);
    }

    #[test]
    fn a_bad_end_is_trouble_even_after_text() {
        let events = [text("a", 2, "Hel"), stop("llm_api_error")];
        assert!(matches!(gathered(&events).verdict(), Verdict::Trouble(_)));
        assert!(matches!(answer(&[stop("cancelled")]), Fate::Cancelled));
    }
}
