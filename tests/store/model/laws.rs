//! What must hold of the store's tables whatever happened, read without the model.

use std::collections::{BTreeMap, BTreeSet};

use super::history::Step;
use super::plain::Answer;
use super::rows::{Tables, Turn};

/// The first law that a step broke.
pub(super) fn broken(
    before: &Tables,
    step: &Step,
    answer: &Answer,
    after: &Tables,
) -> Option<&'static str> {
    let laws = [
        (
            "a text has its turn, and a turn its text",
            texts_have_turns(after),
        ),
        ("one running turn a lane", once(running(after))),
        ("one open attempt a turn", once(open_attempts(after))),
        ("an open attempt holds its turn", open_attempts_hold(after)),
        (
            "one reply at a time in a conversation",
            once(sending(after)),
        ),
        ("parts in order", parts_in_order(after)),
        (
            "settled means settled",
            matches!(step, Step::Retry { .. }) || settled_stays(before, after),
        ),
        ("a claim never falls", claims_grow(before, after)),
        (
            "a stale fence changes nothing",
            *answer != Answer::Mine(false) || before == after,
        ),
        ("order in a conversation", nobody_overtakes(answer, before)),
    ];
    laws.into_iter()
        .find(|(_, holds)| !holds)
        .map(|(law, _)| law)
}

fn once<T: Ord>(all: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    all.into_iter().all(|one| seen.insert(one))
}

fn texts_have_turns(tables: &Tables) -> bool {
    let with_text: BTreeSet<_> = tables
        .messages
        .iter()
        .filter_map(|message| message.turn)
        .collect();
    let turns: BTreeSet<_> = tables.turns.iter().map(|turn| turn.id).collect();
    let texts = tables
        .messages
        .iter()
        .filter(|message| message.kind == "text");
    with_text == turns && { texts }.all(|message| message.turn.is_some())
}

fn running(tables: &Tables) -> impl Iterator<Item = &str> {
    let running = tables.turns.iter().filter(|turn| turn.state == "running");
    running.map(|turn| turn.lane.as_str())
}

fn open_attempts(tables: &Tables) -> impl Iterator<Item = i64> {
    tables
        .attempts
        .iter()
        .filter(|one| one.state == "open")
        .map(|one| one.turn)
}

fn open_attempts_hold(tables: &Tables) -> bool {
    let holds = |id| {
        tables
            .turns
            .iter()
            .any(|turn: &Turn| turn.id == id && turn.held && turn.is_open())
    };
    open_attempts(tables).all(holds)
}

fn sending(tables: &Tables) -> impl Iterator<Item = i64> {
    tables
        .replies
        .iter()
        .filter(|reply| reply.state == "sending")
        .map(|reply| reply.conversation)
}

/// What was said or left, then at most one that is being sent, then what is planned.
fn parts_in_order(tables: &Tables) -> bool {
    let mut states: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
    for part in &tables.parts {
        let order = ["said", "unknowable", "sending", "planned"];
        let place = order
            .iter()
            .position(|state| *state == part.state)
            .unwrap_or(order.len());
        states.entry(part.reply).or_default().push(place.max(1));
    }
    states
        .values()
        .all(|all| all.is_sorted() && all.iter().filter(|place| **place == 2).count() <= 1)
}

fn settled_stays(before: &Tables, after: &Tables) -> bool {
    let turns = before.turns.iter().filter(|turn| turn.settled.is_some());
    let replies = before
        .replies
        .iter()
        .filter(|reply| reply.settled.is_some());
    let attempts = before.attempts.iter().filter(|one| one.state != "open");
    // What was deleted is not there at all.
    { turns }.all(|old| after.turns.iter().all(|new| new.id != old.id || new == old))
        && { replies }.all(|old| {
            after
                .replies
                .iter()
                .all(|new| new.id != old.id || new == old)
        })
        && { attempts }.all(|old| {
            after
                .attempts
                .iter()
                .all(|new| new.body != old.body || new == old)
        })
}

fn claims_grow(before: &Tables, after: &Tables) -> bool {
    let turn = |old: &Turn| {
        after
            .turns
            .iter()
            .all(|new| new.id != old.id || new.claim >= old.claim)
    };
    before.turns.iter().all(turn)
        && before.replies.iter().all(|old| {
            after
                .replies
                .iter()
                .all(|new| new.id != old.id || new.claim >= old.claim)
        })
}

/// What was claimed was the first of its conversation.
fn nobody_overtakes(answer: &Answer, before: &Tables) -> bool {
    match answer {
        Answer::Turns(given) => given.iter().all(|one| {
            let mut turns = before.turns.iter();
            let claimed = turns.find(|turn| turn.id == one.turn);
            claimed.is_some_and(|claimed| {
                let mut open = before.turns.iter().filter(|turn| turn.is_open());
                open.all(|turn| turn.conversation != claimed.conversation || turn.id >= claimed.id)
            })
        }),
        Answer::Replies(given) => given.iter().all(|one| {
            let claimed = before.replies.iter().find(|reply| reply.id == one.0);
            claimed.is_some_and(|claimed| {
                let mut open = before
                    .replies
                    .iter()
                    .filter(|reply| reply.settled.is_none());
                open.all(|reply| {
                    reply.conversation != claimed.conversation || reply.id >= claimed.id
                })
            })
        }),
        _ => true,
    }
}
