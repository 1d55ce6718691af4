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
    use proptest::prelude::*;

    use super::*;
    use crate::http::lines;
    use crate::mutate::{cases, mutated};

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

    /// A stream as Letta sends it, and what may be in one.
    const SEEDS: &[&str] = &[
        "data: {\"message_type\":\"ping\",\"run_id\":\"run-1\"}\n\n\
         data: {\"message_type\":\"reasoning_message\",\"id\":\"m-0\",\"seq_id\":1,\"reasoning\":\"…\"}\n\n\
         data: {\"message_type\":\"assistant_message\",\"id\":\"m-1\",\"seq_id\":2,\"content\":\"Hé 😀\"}\n\n\
         data: {\"message_type\":\"stop_reason\",\"stop_reason\":\"end_turn\",\"seq_id\":3}\n\ndata: [DONE]\n\n",
        "event: error\r\ndata: {\"message_type\":\"error_message\",\"error_type\":\"llm_error\",\"message\":\"no\",\"detail\":{\"a\":[1]}}\r\n\r\n",
        ": comment\n\ndata: {\"message_type\":\"approval_request_message\",\"tool_calls\":[{\"name\":\"rm\",\"tool_call_id\":\"1\"}]}\n\n\
         data: {\"message_type\":\"tool_call_message\",\"tool_call\":{\"name\":\"r\"}}\ndata:[DONE]",
    ];
    const TOKENS: &[&str] = &[
        "data:",
        "data: [DONE]",
        "\n",
        "\r\n",
        "\r",
        "null",
        "[]",
        "{}",
        "-1",
        "1e999",
        "\"seq_id\":",
        "\\ud800",
        "\u{feff}",
        "\u{2028}",
        "18446744073709551615",
        "\"content\":[{\"text\":\"a\"},7],",
    ];

    /// Gives its bytes in pieces of these sizes, over and over.
    struct Pieces<'a>(&'a [u8], std::iter::Cycle<std::slice::Iter<'a, usize>>);

    impl io::Read for Pieces<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = self.1.next().copied().unwrap_or(1);
            let now = most.min(self.0.len()).min(into.len());
            into[..now].copy_from_slice(&self.0[..now]);
            self.0 = &self.0[now..];
            Ok(now)
        }
    }

    /// What is gathered from these bytes, and how each event was taken.
    fn gathered(bytes: &[u8], sizes: &[usize]) -> String {
        let mut events = Events(lines(Pieces(bytes, sizes.iter().cycle())));
        let mut gathered = super::super::gather::Gathered::default();
        let mut took = Vec::new();
        loop {
            match events.next() {
                Next::Event(event) => took.push(format!("{:?}", gathered.take(*event))),
                Next::Done => took.push("done".to_owned()),
                Next::End(error) => {
                    took.push(format!("{:?} {error:?}", gathered.text()));
                    return format!("{took:?} {:?}", gathered.verdict());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn the_same_is_read_however_the_bytes_are_cut(
            bytes in mutated(SEEDS, TOKENS),
            sizes in proptest::collection::vec(1..40_usize, 1..20),
        ) {
            let whole = gathered(&bytes, &[usize::MAX]);
            prop_assert!(whole.contains("None"), "it ends without an error: {whole}");
            prop_assert_eq!(&whole, &gathered(&bytes, &[1]));
            prop_assert_eq!(&whole, &gathered(&bytes, &sizes));
        }
    }

    #[test]
    fn reads_data_and_passes_the_rest() {
        let text = "data: {\"message_type\":\"ping\"}\n\n: comment\nevent: error\n\
                    data: {\"message_type\":\"error_message\"}\ndata: rubbish\ndata:[DONE]\n";
        assert_eq!(kinds(text), ["ping", "error_message", "done"]);
    }
}
