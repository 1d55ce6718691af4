//! What happened to a message, in order. Pure.

use crate::store::report::trace::{AttemptStep, PartStep, ReplyStep, Trace, TurnStep};

use super::super::output::{cut, one_line};

/// So many letters of a text are shown.
const SHOWN: usize = 60;

/// Something that happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// When: unix milliseconds.
    pub(super) at: i64,
    /// What.
    pub(super) words: String,
}

/// All that happened, oldest first; what happened at once stays in the order in which it was caused.
pub(super) fn of(trace: &Trace) -> Vec<Event> {
    let mut all = Vec::new();
    for message in &trace.messages {
        let text = message.text.as_deref().map(quoted).unwrap_or_default();
        let (id, kind, key) = (message.id, &message.kind, one_line(&message.key));
        let words = format!("message {id} came, {kind}, key {key}{text}");
        all.push(event(message.received_at, words));
    }
    if let Some(turn) = &trace.turn {
        of_turn(turn, trace, &mut all);
    }
    trace
        .attempts
        .iter()
        .for_each(|one| of_attempt(one, &mut all));
    for reply in &trace.replies {
        let words = format!("{} written{}", name(reply), quoted(&reply.row.text));
        all.push(event(reply.row.created_at, words));
    }
    if let Some((turn, at)) = trace
        .turn
        .as_ref()
        .and_then(|one| one.settled_at.map(|at| (one, at)))
    {
        all.push(event(
            at,
            format!(
                "turn {} {}{}",
                turn.id,
                turn.state,
                why(turn.code.as_deref(), turn.error.as_deref())
            ),
        ));
    }
    trace.replies.iter().for_each(|one| of_reply(one, &mut all));
    all.sort_by_key(|event| event.at);
    all
}

/// A code with its words.
pub(super) fn why(code: Option<&str>, error: Option<&str>) -> String {
    let error = error.map_or(String::new(), |error| format!(": {}", one_line(error)));
    code.map_or(String::new(), |code| format!(" ({code}{error})"))
}

/// How a reply is called.
pub(super) fn name(reply: &ReplyStep) -> String {
    let kind = match reply.row.kind.as_str() {
        "operator" => "operator's reply",
        "error" => "error reply",
        kind => kind,
    };
    format!("{kind} {}", reply.row.id)
}

const fn event(at: i64, words: String) -> Event {
    Event { at, words }
}

fn quoted(text: &str) -> String {
    match cut(&one_line(text), SHOWN).as_str() {
        "" => String::new(),
        text => format!(": “{text}”"),
    }
}

fn of_turn(turn: &TurnStep, trace: &Trace, all: &mut Vec<Event>) {
    let came = trace.messages.iter().map(|one| one.received_at).min();
    if came.is_some_and(|came| turn.created_at > came) {
        let words = format!("turn {} was retried by the operator", turn.id);
        all.push(event(turn.created_at, words));
    }
    if let Some(at) = turn.noticed_at {
        let words = "the person was told that the message is kept".to_owned();
        all.push(event(at, words));
    }
    if let Some(at) = turn.claimed_at {
        all.push(event(
            at,
            format!("turn {} claimed, claim {}", turn.id, turn.claims),
        ));
    }
}

fn of_attempt(attempt: &AttemptStep, all: &mut Vec<Event>) {
    let AttemptStep { id, claim, .. } = attempt;
    let mut place = vec![attempt.conversation.as_str()];
    place.extend(attempt.otids.iter().map(String::as_str));
    let words = format!(
        "attempt {id} begun in claim {claim}, in {}",
        place.join(" ")
    );
    all.push(event(attempt.created_at, words));
    if let Some(at) = attempt.ended_at {
        let why = why(attempt.code.as_deref(), attempt.error.as_deref());
        all.push(event(at, format!("attempt {id} {}{why}", attempt.state)));
    }
}

fn of_reply(reply: &ReplyStep, all: &mut Vec<Event>) {
    let (name, count) = (name(reply), reply.parts.len());
    for part in &reply.parts {
        if let Some(at) = part.said_at {
            let words = format!(
                "part {} of {count} of {name} said{}",
                part.place + 1,
                marks(part)
            );
            all.push(event(at, words));
        }
    }
    if let Some(at) = reply.row.settled_at {
        let why = why(reply.row.code.as_deref(), reply.row.error.as_deref());
        all.push(event(at, format!("{name} {}{why}", reply.row.state)));
    }
}

fn marks(part: &PartStep) -> String {
    let receipt = part.receipt.as_deref().map(one_line).unwrap_or_default();
    let receipt = match receipt.as_str() {
        "" => String::new(),
        receipt => format!(", receipt {}", cut(receipt, SHOWN)),
    };
    let again = match part.repeats {
        0 => String::new(),
        1 => ", sent again once".to_owned(),
        times => format!(", sent again {times} times"),
    };
    format!("{receipt}{again}")
}
