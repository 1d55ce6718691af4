//! The way of a message as lines, no wider than the terminal. Pure.

use crate::store::report::trace::{ReplyStep, Trace, TurnStep};
use crate::store::state::TurnState;
use crate::time::Timestamp;

use super::super::output::one_line;
use super::events::{Event, name, why};

/// A terminal narrower than this has what happened on a line of its own, below its time.
const NARROW: usize = 60;
/// Before what happened: its time, and the time since the message came.
const MARGIN: usize = 28;
const INDENT: usize = 2;

/// What it is, where it is, and what is wrong with it.
pub(super) fn head(trace: &Trace, now: Timestamp, width: Option<usize>) -> Vec<String> {
    let mut all = vec![title(trace)];
    let mut more = vec![place(trace)];
    if let Some(turn) = &trace.turn {
        more.push(of_turn(turn));
        more.extend(waits(turn, now));
    }
    let open = trace.replies.iter();
    let open = open.filter(|reply| reply.row.settled_at.is_none());
    more.extend(open.map(|reply| unsettled(reply, now)));
    more.extend(
        trace
            .silences
            .iter()
            .map(|one| format!("silent: {}: {}", one.why.as_str(), one.why.words())),
    );
    for words in more {
        all.extend(wrapped(&words, INDENT, width));
    }
    all.push(String::new());
    all
}

/// What happened, each with its time of day (UTC), and how long after the first.
pub(super) fn timeline(events: &[Event], width: Option<usize>) -> Vec<String> {
    let (mut lines, mut day) = (Vec::new(), String::new());
    let first = events.first().map_or(0, |event| event.at);
    for event in events {
        let (date, time) = moment(event.at);
        if date != day {
            lines.push(format!("{date} UTC"));
            day = date;
        }
        let later = format!("+{}", span(event.at - first));
        if width.is_some_and(|width| width < NARROW) {
            lines.push(format!("{time} {later}"));
            lines.extend(wrapped(&event.words, INDENT, width));
        } else {
            let mut words = wrapped(&event.words, MARGIN, width);
            words[0] = format!("{time}  {later:>12}  {}", words[0].trim_start());
            lines.extend(words);
        }
    }
    lines
}

fn title(trace: &Trace) -> String {
    let Some(turn) = &trace.turn else {
        let message = trace.messages.first();
        return match (message, trace.replies.first()) {
            (Some(message), _) => {
                format!("message {}: {}, without a turn", message.id, message.kind)
            }
            (None, Some(reply)) => format!("{}: {}", name(reply), reply.row.state),
            (None, None) => String::new(),
        };
    };
    let came = trace.messages.iter().map(|one| one.received_at).min();
    let took = trace.ended_at.zip(came);
    let took = took.map_or(String::new(), |(end, came)| {
        format!(", over after {}", span(end - came))
    });
    format!("turn {}: {}{took}", turn.id, turn.state)
}

fn place(trace: &Trace) -> String {
    let to = &trace.address;
    let thread = to.thread.as_deref();
    let thread = thread.map_or(String::new(), |thread| format!(", thread {thread}"));
    let chat = format!(
        "{} {}, chat {}{thread}, conversation {}",
        to.endpoint, to.account, to.chat, trace.conversation
    );
    let Some(from) = &trace.from else {
        return chat;
    };
    let handle = from.username.as_deref();
    let handle = handle.map_or(String::new(), |handle| format!(" @{}", one_line(handle)));
    format!(
        "from {}{handle}, user {}, {chat}",
        one_line(&from.name),
        from.user
    )
}

fn of_turn(turn: &TurnStep) -> String {
    let waits = turn.held && turn.state == TurnState::Ready.as_str();
    let flags = [
        (waits, ", perhaps at work"),
        (turn.stop_asked, ", to be stopped"),
    ];
    let flags = flags.iter().filter(|(is, _)| *is).map(|(_, word)| *word);
    format!(
        "mode {}, lane {}, claims {}, failures {}{}",
        turn.mode,
        turn.lane,
        turn.claims,
        turn.failures,
        flags.collect::<String>()
    )
}

fn waits(turn: &TurnStep, now: Timestamp) -> Option<String> {
    let why = why(turn.code.as_deref(), turn.error.as_deref());
    (turn.state == "ready").then(|| format!("due {}{why}", due(turn.due_at, now)))
}

fn unsettled(reply: &ReplyStep, now: Timestamp) -> String {
    let row = &reply.row;
    let why = why(row.code.as_deref(), row.error.as_deref());
    let due = match row.state.as_str() {
        "ready" => format!(", due {}", due(row.due_at, now)),
        _ => String::new(),
    };
    let said = reply.parts.iter().filter(|part| part.state == "said");
    let parts = match reply.parts.len() {
        0 => String::new(),
        all => format!(", {} of {all} parts said", said.count()),
    };
    format!("{}: {}{due}{parts}{why}", name(reply), row.state)
}

fn due(at: i64, now: Timestamp) -> String {
    match at - now.0 {
        ..=0 => "now".to_owned(),
        wait => format!("in {}", span(wait)),
    }
}

/// Date and time of day.
fn moment(at: i64) -> (String, String) {
    let text = Timestamp(at).to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    (date.to_owned(), time.trim_end_matches('Z').to_owned())
}

/// A span as people say it.
fn span(millis: i64) -> String {
    let seconds = millis / 1000;
    match millis {
        ..1000 => format!("{millis} ms"),
        1000..60_000 => format!("{}.{} s", seconds, millis % 1000 / 100),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// The words, each line indented and no wider than `width`; a word that is wider is broken. At least one line.
fn wrapped(words: &str, indent: usize, width: Option<usize>) -> Vec<String> {
    let margin = " ".repeat(indent);
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(indent).max(1));
    let mut lines = vec![String::new()];
    for word in words.split_whitespace() {
        let letters: Vec<char> = word.chars().collect();
        for piece in letters.chunks(room.min(letters.len())) {
            let last = lines.len() - 1;
            let taken = lines[last].chars().count();
            let piece: String = piece.iter().collect();
            if taken == 0 {
                lines[last] = piece;
            } else if taken + 1 + piece.chars().count() <= room {
                lines[last] = format!("{} {piece}", lines[last]);
            } else {
                lines.push(piece);
            }
        }
    }
    lines.iter().map(|line| format!("{margin}{line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        let at = |at, words: &str| Event {
            at,
            words: words.to_owned(),
        };
        vec![
            at(1_700_000_000_123, "message 1 came: “a text of some words”"),
            at(1_700_000_001_456, "attempt 1 begun"),
            at(1_700_050_000_000, "turn 1 failed"),
        ]
    }

    #[test]
    fn a_timeline_has_times_of_both_kinds() {
        let lines = timeline(&events(), None);
        assert_eq!(
            lines,
            [
                "2023-11-14 UTC",
                "22:13:20.123         +0 ms  message 1 came: “a text of some words”",
                "22:13:21.456        +1.3 s  attempt 1 begun",
                "2023-11-15 UTC",
                "12:06:40.000  +13 h 53 min  turn 1 failed",
            ]
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [25, 40, 60, 80] {
            for line in timeline(&events(), Some(width)) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
        let narrow = timeline(&events()[..1], Some(25));
        assert_eq!(narrow[2], "  message 1 came: “a text");
    }

    #[test]
    fn a_word_that_is_too_long_is_broken() {
        assert_eq!(
            wrapped("ab cdefgh i", 1, Some(4)),
            [" ab", " cde", " fgh", " i"]
        );
        assert_eq!(wrapped("", 2, Some(4)), ["  "]);
    }

    #[test]
    fn spans_are_said_in_two_units() {
        let said = [0, 999, 1_000, 59_999, 60_000, 3_600_000, 90_061_000].map(span);
        assert_eq!(
            said,
            [
                "0 ms",
                "999 ms",
                "1.0 s",
                "59.9 s",
                "1 min 0 s",
                "1 h 0 min",
                "25 h 1 min"
            ]
        );
    }
}
