//! How turns end, or go back; and that only the latest claim decides.

use std::time::Duration;

use broca::error::Code;
use broca::store::queue::{self, AttemptEnd, AttemptState, Claimed, Ending};

use crate::support::database::{Database, each, later, request};

fn ended(id: i64, how: AttemptState) -> AttemptEnd {
    AttemptEnd {
        id,
        how,
        error: None,
    }
}

/// A claim that another has replaced, and that one.
fn stale_and_fresh(db: &mut Database) -> (Claimed, Claimed) {
    db.turn("ann", "hi");
    let stale = db.begin().remove(0);
    let now = db.now;
    db.write(|conn| queue::take_over(conn, false, now));
    (stale, db.begin().remove(0))
}

fn attempts(db: &mut Database, turn: i64) -> Vec<String> {
    let attempts = db.trace(turn).attempts.into_iter();
    attempts.map(|one| one.state).collect()
}

#[test]
fn a_turn_its_replies_and_its_attempt_end_together() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        let claimed = db.begin().remove(0);
        let attempt = claimed.begun.clone().expect("it was begun");
        let (end, now) = (ended(attempt.id, AttemptState::Answered), db.now);
        let ending = Ending::Replied(vec!["one".into(), "two".into()]);
        assert!(db.write(|conn| queue::settle(conn, &claimed, Some(&end), &ending, now)));
        assert_eq!(db.state(turn), ("replied".into(), None));
        assert_eq!(attempts(db, turn), ["answered"]);
        let texts: Vec<_> = db.replies().into_iter().map(|(text, _)| text).collect();
        assert_eq!(texts, ["one", "two"]);
        assert!(!db.settle(&claimed, &Ending::Silent), "it settles once");
    });
}

#[test]
fn each_ending_has_its_state_and_its_words() {
    each(|db| {
        let failed = Ending::Failed(Code::AgentFailed, "no model".into(), "Sorry.".into());
        let all = [
            (Ending::Silent, "silent", None, None),
            (failed, "failed", Some("agent.failed"), Some("Sorry.")),
            (
                Ending::Stopped("Stopped.".into()),
                "stopped",
                None,
                Some("Stopped."),
            ),
        ];
        for (ending, state, code, words) in all {
            let turn = db.turn("ann", "hi");
            let before = db.replies().len();
            let claimed = db.claim().remove(0);
            assert!(db.settle(&claimed, &ending));
            assert_eq!(db.state(turn), (state.into(), code.map(Into::into)));
            let said = db.replies().split_off(before);
            assert_eq!(said.first().map(|(text, _)| text.as_str()), words);
        }
    });
}

#[test]
fn a_stale_claim_settles_nothing() {
    each(|db| {
        let (stale, fresh) = stale_and_fresh(db);
        let open = fresh.open.clone().expect("it is open");
        let (end, now) = (ended(open.id, AttemptState::Answered), db.now);
        let ending = Ending::Replied(vec!["twice".into()]);
        assert!(!db.write(|conn| queue::settle(conn, &stale, Some(&end), &ending, now)));
        assert!(db.replies().is_empty());
        assert_eq!(attempts(db, fresh.turn), ["open"]);
        assert!(db.settle(&fresh, &Ending::Silent));
    });
}

#[test]
fn a_stale_claim_puts_back_and_gives_back_nothing() {
    each(|db| {
        let (stale, fresh) = stale_and_fresh(db);
        let now = db.now;
        let mut back = later(now, Duration::ZERO);
        back.ended = Some(ended(fresh.open.expect("open").id, AttemptState::Failed));
        assert!(!db.put_back(&stale, &back));
        db.write(|conn| queue::release(conn, stale.turn, stale.claim, now));
        assert_eq!(db.state(stale.turn).0, "running");
        assert_eq!(attempts(db, stale.turn), ["open"]);
    });
}

#[test]
fn a_stale_claim_begins_nothing_and_ends_nothing() {
    each(|db| {
        let (stale, fresh) = stale_and_fresh(db);
        let open = fresh.open.expect("it is open");
        let (end, now, next) = (ended(open.id, AttemptState::Answered), db.now, request(9));
        let said = ["I may use a tool".to_owned()];
        let begun = db.write(|conn| queue::next_attempt(conn, &stale, &end, &said, &next, now));
        assert_eq!(begun, None);
        let begun = db.write(|conn| queue::begin(conn, stale.turn, stale.claim, &next, now));
        assert_eq!(begun, None);
        assert_eq!(attempts(db, stale.turn), ["open"]);
        assert!(db.replies().is_empty());
    });
}

#[test]
fn an_attempt_follows_another_within_one_claim() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        let claimed = db.begin().remove(0);
        let first = claimed.begun.clone().expect("it was begun");
        let (end, now, next) = (ended(first.id, AttemptState::Answered), db.now, request(9));
        let said = ["I may use a tool".to_owned()];
        let second = db.write(|conn| queue::next_attempt(conn, &claimed, &end, &said, &next, now));
        assert_eq!(second.expect("it is ours").request, next);
        assert_eq!(attempts(db, turn), ["answered", "open"]);
        assert_eq!(db.replies()[0].0, said[0]);
    });
}

#[test]
fn only_what_the_agent_reported_counts_as_a_failure() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        for (counts, failures) in [(true, 1), (false, 1), (true, 2)] {
            let claimed = db.claim().remove(0);
            let mut back = later(db.now, Duration::ZERO);
            back.counts = counts;
            back.error = Some((Code::AgentFailed, "no model".to_owned()));
            assert!(db.put_back(&claimed, &back));
            let row = db.trace(turn).turn.expect("it is of a turn");
            assert_eq!(row.failures, failures);
            assert_eq!(row.code.as_deref(), Some("agent.failed"));
        }
        let claimed = db.claim().remove(0);
        let now = db.now;
        db.write(|conn| queue::release(conn, turn, claimed.claim, now));
        assert_eq!(db.claim().remove(0).failures, 2);
    });
}

#[test]
fn a_turn_put_back_with_its_attempt_ended_begins_another() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        let claimed = db.begin().remove(0);
        let attempt = claimed.begun.clone().expect("it was begun");
        let mut back = later(db.now, Duration::ZERO);
        back.ended = Some(ended(attempt.id, AttemptState::Failed));
        assert!(db.put_back(&claimed, &back));
        let again = db.begin().remove(0);
        assert!(again.open.is_none());
        assert!(again.begun.is_some());
        assert_eq!(attempts(db, turn), ["failed", "open"]);
    });
}
