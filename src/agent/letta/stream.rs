//! Server-sent events as Letta sends them, one `data:` line each.

use std::io;

use crate::http::Answer;

use super::wire::Event;

/// What a stream brought.
pub(super) enum Next {
    /// An event.
    Event(Box<Event>),
    /// `[DONE]`.
    Done,
    /// The end, with or without a break; after `[DONE]` it means nothing.
    End(Option<io::Error>),
}

/// The events of an answer.
pub(super) struct Events<L>(L);

/// Reads an answer's events as they come.
pub(super) fn events(answer: Answer) -> Events<impl Iterator<Item = io::Result<String>>> {
    Events(answer.lines())
}

impl<L: Iterator<Item = io::Result<String>>> Events<L> {
    /// Waits for the next.
    pub(super) fn next(&mut self) -> Next {
        loop {
            match self.0.next() {
                None => return Next::End(None),
                Some(Err(error)) => return Next::End(Some(error)),
                Some(Ok(line)) => {
                    if let Some(next) = read(&line) {
                        return next;
                    }
                }
            }
        }
    }

    /// Reads to the end, so that the connection can serve again. Letta ends a stream right after
    /// its `[DONE]`.
    pub(super) fn drain(mut self) {
        while !matches!(self.next(), Next::End(_)) {}
    }
}

fn read(line: &str) -> Option<Next> {
    let data = line.strip_prefix("data:")?.trim();
    if data == "[DONE]" {
        return Some(Next::Done);
    }
    match serde_json::from_str(data) {
        Ok(event) => Some(Next::Event(Box::new(event))),
        Err(error) => {
            // The error's own words may quote what was said.
            let (kind, at) = (error.classify(), error.column());
            log::warn!("an event of Letta cannot be read and is passed: {kind:?} at {at}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<String> {
        let mut events = Events(text.lines().map(|line| Ok(line.to_owned())));
        let mut kinds = Vec::new();
        loop {
            match events.next() {
                Next::Event(event) => kinds.push(event.message_type),
                Next::Done => kinds.push("done".to_owned()),
                Next::End(_) => return kinds,
            }
        }
    }

    #[test]
    fn reads_data_and_passes_the_rest() {
        let text = "data: {\"message_type\":\"ping\"}\n\n: comment\nevent: error\n\
                    data: {\"message_type\":\"error_message\"}\ndata: rubbish\ndata:[DONE]\n";
        assert_eq!(kinds(text), ["ping", "error_message", "done"]);
    }
}
