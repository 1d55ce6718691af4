//! Input that was right once: seeds, changed at random places. Also compiled into the unit tests.
//!
//! `PROPTEST_CASES` asks each of these tests for so many inputs, `PROPTEST_RNG_SEED` for the same ones again.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// So many cases, unless the variable asks for another number. What is found gets a test of its own, so
/// no file remembers it.
pub(crate) fn cases(few: u32) -> ProptestConfig {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if std::env::var("PROPTEST_CASES").is_err() {
        config.cases = few;
    }
    config
}

/// One change: where, how long, and with what.
#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Cut(Index, usize),
    Double(Index, usize),
    Many(Index, usize, usize),
    Token(Index, &'static str),
    Splice(Index, &'static str, Index),
    End(Index),
}

/// One of the seeds, after a few changes; `tokens` are pieces that mean something in such input.
pub(crate) fn mutated(
    seeds: &'static [&'static str],
    tokens: &'static [&'static str],
) -> impl Strategy<Value = Vec<u8>> {
    let at = any::<Index>;
    let change = prop_oneof![
        3 => (at(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        2 => (at(), 1..20_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        2 => (at(), 1..60_usize).prop_map(|(at, length)| Change::Double(at, length)),
        1 => (at(), 1..4_usize, 2..200_usize).prop_map(|(at, length, times)| Change::Many(at, length, times)),
        5 => (at(), select(tokens)).prop_map(|(at, token)| Change::Token(at, token)),
        1 => (at(), select(seeds), at()).prop_map(|(at, seed, from)| Change::Splice(at, seed, from)),
        1 => at().prop_map(Change::End),
    ];
    (select(seeds), vec(change, 0..8)).prop_map(|(seed, changes)| {
        let mut bytes = seed.as_bytes().to_vec();
        for change in &changes {
            apply(change, &mut bytes);
        }
        bytes
    })
}

/// The same as text; what is not UTF-8 is replaced.
pub(crate) fn mutated_text(
    seeds: &'static [&'static str],
    tokens: &'static [&'static str],
) -> impl Strategy<Value = String> {
    mutated(seeds, tokens).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn apply(change: &Change, bytes: &mut Vec<u8>) {
    let size = bytes.len() + 1;
    let span = |at: &Index, length: usize, bytes: &[u8]| {
        let from = at.index(size).min(bytes.len());
        from..(from + length).min(bytes.len())
    };
    match change {
        Change::Byte(at, byte) => match bytes.get_mut(at.index(size)) {
            Some(old) => *old = *byte,
            None => bytes.push(*byte),
        },
        Change::Cut(at, length) => drop(bytes.drain(span(at, *length, bytes))),
        Change::Double(at, length) => {
            let span = span(at, *length, bytes);
            let copy = bytes[span.clone()].to_vec();
            bytes.splice(span.end..span.end, copy);
        }
        Change::Many(at, length, times) => {
            let span = span(at, *length, bytes);
            let copy = bytes[span.clone()].repeat(*times);
            bytes.splice(span.end..span.end, copy);
        }
        Change::Token(at, token) => {
            let at = at.index(size);
            bytes.splice(at..at, token.bytes());
        }
        Change::Splice(at, seed, from) => {
            let at = at.index(size);
            let from = from.index(seed.len() + 1);
            bytes.splice(at..at, seed.bytes().skip(from));
        }
        Change::End(at) => bytes.truncate(at.index(size)),
    }
}
