//! Which turns are claimed, and in what order.

use std::time::Duration;

use broca::config::Mode;
use broca::store::queue::{self, Ending, Scope};

use crate::support::database::{Database, each, later};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

fn turns(claimed: &[queue::Claimed]) -> Vec<i64> {
    claimed.iter().map(|one| one.turn).collect()
}

fn answer(text: &str) -> Ending {
    Ending::Replied(vec![text.to_owned()])
}

#[test]
fn a_turn_never_overtakes_another_of_its_conversation() {
    each(|db| {
        let (one, two) = (db.turn("ann", "one"), db.turn("ann", "two"));
        let first = db.claim();
        assert_eq!(turns(&first), [one]);
        assert!(db.claim().is_empty());
        // Not even one that waits for its time.
        let back = later(db.now, MINUTE);
        db.put_back(&first[0], &back);
        assert!(db.claim().is_empty());
        db.wait(MINUTE);
        let first = db.claim();
        assert_eq!(turns(&first), [one]);
        db.settle(&first[0], &answer("1"));
        assert_eq!(turns(&db.claim()), [two]);
    });
}

#[test]
fn different_conversations_run_side_by_side() {
    each(|db| {
        let expected = ["ann", "bob", "cy"].map(|chat| db.turn(chat, "hi"));
        assert_eq!(turns(&db.claim()), expected);
    });
}

#[test]
fn no_more_is_claimed_than_asked_for() {
    each(|db| {
        let expected = ["ann", "bob", "cy"].map(|chat| db.turn(chat, "hi"));
        let scope = db.scope();
        let claimed = db.write(|conn| queue::claim(conn, 2, &scope, &|_| None));
        assert_eq!(turns(&claimed), expected[..2]);
    });
}

#[test]
fn an_agent_wide_lane_runs_one_at_a_time_over_all_conversations() {
    each(|db| {
        let one = db.turn_in(Mode::Live, true, "ann", "one");
        let two = db.turn_in(Mode::Live, true, "bob", "two");
        let echo = db.turn_in(Mode::Echo, true, "cy", "three");
        let claimed = db.claim();
        assert_eq!(turns(&claimed), [one, echo]);
        assert!(db.claim().is_empty());
        db.settle(&claimed[0], &Ending::Silent);
        assert_eq!(turns(&db.claim()), [two]);
    });
}

#[test]
fn a_backoff_frees_an_agent_wide_lane_and_one_that_may_run_holds_it() {
    each(|db| {
        for held in [false, true] {
            let one = db.turn_in(Mode::Live, true, "ann", "one");
            let two = db.turn_in(Mode::Live, true, "bob", "two");
            let claimed = db.begin();
            assert_eq!(turns(&claimed), [one]);
            let mut back = later(db.now, MINUTE);
            back.held = held;
            db.put_back(&claimed[0], &back);
            let next = db.claim();
            assert_eq!(turns(&next), if held { vec![] } else { vec![two] });
            for one in &next {
                db.settle(one, &Ending::Silent);
            }
            db.wait(MINUTE);
            let again = db.claim();
            assert_eq!(turns(&again), [one]);
            db.settle(&again[0], &Ending::Silent);
            for one in db.claim() {
                db.settle(&one, &Ending::Silent);
            }
        }
    });
}

#[test]
fn two_held_turns_whose_lanes_became_one_go_one_after_the_other() {
    each(|db| {
        let (one, two) = (db.turn("ann", "one"), db.turn("bob", "two"));
        assert_eq!(db.begin().len(), 2);
        let now = db.now;
        assert_eq!(db.write(|conn| queue::take_over(conn, true, now)), 2);
        let first = db.claim();
        assert_eq!(turns(&first), [one]);
        assert!(first[0].open.is_some());
        assert!(db.claim().is_empty());
        db.settle(&first[0], &Ending::Silent);
        assert_eq!(turns(&db.claim()), [two]);
    });
}

#[test]
fn while_the_agent_is_out_of_reach_only_echoes_are_claimed() {
    each(|db| {
        db.turn("ann", "live");
        let echo = db.turn_in(Mode::Echo, false, "bob", "echo");
        let paused = Scope {
            live: false,
            ..db.scope()
        };
        assert_eq!(turns(&db.claim_as(&paused)), [echo]);
    });
}

#[test]
fn turns_of_endpoints_that_run_elsewhere_are_left() {
    each(|db| {
        db.turn("ann", "hi");
        for endpoints in [vec![], vec!["webchat".to_owned()]] {
            let elsewhere = Scope {
                endpoints,
                ..db.scope()
            };
            assert!(db.claim_as(&elsewhere).is_empty());
        }
    });
}

#[test]
fn a_turn_is_claimed_when_it_is_due_and_not_before() {
    each(|db| {
        db.turn("ann", "hi");
        let claimed = db.claim().remove(0);
        let (due, back) = (db.now.plus(MINUTE), later(db.now, MINUTE));
        db.put_back(&claimed, &back);
        assert!(db.claim().is_empty());
        let next = queue::next_due(&mut db.conn, db.now).expect("it is read");
        assert_eq!(next, Some(due));
        db.now = due;
        assert_eq!(db.claim().len(), 1);
        let next = queue::next_due(&mut db.conn, db.now).expect("it is read");
        assert_eq!(next, None);
    });
}

#[test]
fn a_claim_tells_all_that_the_agent_must_know() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        let claimed = db.begin().remove(0);
        assert_eq!((claimed.turn, claimed.claim, claimed.barren), (turn, 1, 1));
        assert_eq!((claimed.failures, claimed.stop_asked), (0, false));
        assert_eq!((claimed.mode, claimed.created_at), (Mode::Live, db.now));
        let said = &claimed.said[0];
        assert_eq!((said.text.as_str(), said.at), ("hi", db.now));
        assert_eq!(said.by.user_id, "u-ann");
        assert_eq!(said.by.username.as_deref(), Some("ann"));
        assert!(claimed.open.is_none());
    });
}

#[test]
fn an_attempt_begun_in_the_claim_is_found_open_by_the_next_one() {
    each(|db| {
        db.turn("ann", "hi");
        let begun = db.begin().remove(0).begun.expect("it was begun");
        let now = db.now;
        db.write(|conn| queue::take_over(conn, false, now));
        let again = db.begin().remove(0);
        assert_eq!(again.open, Some(begun));
        assert!(again.begun.is_none());
        assert_eq!((again.claim, again.barren), (2, 2));
    });
}

#[test]
fn claims_without_an_outcome_are_counted_until_there_is_one() {
    each(|db| {
        db.turn("ann", "hi");
        let now = db.now;
        for barren in 1..=3 {
            let claimed = db.claim().remove(0);
            assert_eq!(claimed.barren, barren);
            db.write(|conn| queue::release(conn, claimed.turn, claimed.claim, now));
        }
        let claimed = db.claim().remove(0);
        db.put_back(&claimed, &later(now, Duration::ZERO));
        assert_eq!(db.claim().remove(0).barren, 1);
    });
}

#[test]
fn a_new_daemon_takes_over_what_ran_and_waits_no_longer_than_the_longest_backoff() {
    each(|db| {
        let (running, far) = (db.turn("ann", "hi"), db.turn("bob", "hi"));
        let claimed = db.claim();
        assert_eq!(claimed.len(), 2);
        let back = later(db.now, 1000 * MINUTE);
        db.put_back(&claimed[1], &back);
        db.say("cy", "hello");
        assert_eq!(db.claim_replies().len(), 1);
        let now = db.now;
        assert_eq!(db.write(|conn| queue::take_over(conn, false, now)), 1);
        assert_eq!(turns(&db.claim()), [running]);
        assert_eq!(db.claim_replies().len(), 1);
        db.wait(5 * MINUTE);
        assert_eq!(turns(&db.claim()), [far]);
    });
}

#[test]
fn a_new_isolation_moves_waiting_turns_to_its_lanes() {
    each(|db| {
        let (one, two) = (db.turn("ann", "hi"), db.turn("bob", "hi"));
        let now = db.now;
        db.write(|conn| queue::take_over(conn, true, now));
        assert_eq!(turns(&db.claim()), [one]);
        db.write(|conn| queue::take_over(conn, false, now));
        assert_eq!(turns(&db.claim()), [one, two]);
    });
}

#[test]
fn a_conversation_knows_its_ids_at_the_agent() {
    use broca::exchange::AgentIds;
    use broca::store::agent_ids;
    let ids = |conversation: &str| AgentIds {
        conversation: Some(conversation.to_owned()),
        identity: Some("identity-1".to_owned()),
        block: Some("block-1".to_owned()),
    };
    let known = |db: &mut Database| agent_ids::known(&mut db.conn, "agent-1", 1, 1).expect("read");
    each(|db| {
        db.write(|conn| {
            agent_ids::store(conn, "agent-1", 1, 1, &ids("conv-1"))?;
            agent_ids::told(conn, "agent-1", 1, "this is Ann")
        });
        assert_eq!(known(db), (ids("conv-1"), Some("this is Ann".to_owned())));
        // The same again changes nothing; a new conversation has been told nothing.
        db.write(|conn| agent_ids::store(conn, "agent-1", 1, 1, &ids("conv-1")));
        assert!(known(db).1.is_some());
        db.write(|conn| agent_ids::store(conn, "agent-1", 1, 1, &ids("conv-2")));
        assert_eq!(known(db), (ids("conv-2"), None));
        let other = agent_ids::known(&mut db.conn, "agent-2", 1, 1).expect("it is read");
        assert_eq!(other, (AgentIds::default(), None));
        db.turn("ann", "hi");
        assert_eq!(db.claim()[0].ids, ids("conv-2"));
        db.write(|conn| agent_ids::forget(conn, "agent-1", 1, 1));
        assert_eq!(known(db), (AgentIds::default(), None));
    });
}

#[test]
fn what_may_be_attached_is_known_until_it_is_detached() {
    use broca::exchange::AgentIds;
    use broca::store::agent_ids;
    let ids = AgentIds {
        conversation: Some("conv-1".to_owned()),
        identity: None,
        block: Some("block-1".to_owned()),
    };
    each(|db| {
        let now = db.now;
        for _ in 0..2 {
            db.write(|conn| agent_ids::attaching(conn, "agent-1", &ids, now));
        }
        let nothing = AgentIds::default();
        db.write(|conn| agent_ids::attaching(conn, "agent-1", &nothing, now));
        let attached = agent_ids::attached(&mut db.conn, "agent-1").expect("it is read");
        assert_eq!(attached, std::slice::from_ref(&ids));
        db.write(|conn| agent_ids::detached(conn, "agent-1", "block-1"));
        let attached = agent_ids::attached(&mut db.conn, "agent-1").expect("it is read");
        assert!(attached.is_empty());
    });
}

#[test]
fn after_the_clock_was_set_back_nothing_waits_until_it_has_caught_up() {
    each(|db| {
        db.turn("bob", "tried");
        db.wait(2 * HOUR);
        let claimed = db.claim().remove(0);
        let back = later(db.now, MINUTE);
        db.put_back(&claimed, &back);
        db.say("cy", "a reply");
        db.turn("ann", "one");
        db.now = db.now.minus(HOUR);
        let now = db.now;
        db.write(|conn| queue::take_over(conn, false, now));
        assert_eq!(db.claim_replies().len(), 1, "a reply is due at once");
        let claimed = db.claim();
        let texts = claimed.iter().flat_map(|one| &one.said);
        let texts: Vec<_> = texts.map(|said| &said.text).collect();
        assert_eq!(texts, ["tried", "one"], "what was tried, and what is new");
    });
}
