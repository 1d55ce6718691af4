//! What people who wait are told.

use std::time::Duration;

use broca::config::Mode;
use broca::error::Code;
use broca::store::queue::{self, Ending};

use crate::support::database::{Database, each, later};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn notice(db: &mut Database, paused: bool) -> usize {
    let now = db.now;
    db.write(|conn| queue::notice(conn, MINUTE, paused, "It is kept.", now))
}

fn expire(db: &mut Database) -> Vec<i64> {
    let now = db.now;
    let words = |code: Option<&str>| format!("Given up: {}", code.unwrap_or("no reason"));
    db.write(|conn| queue::expire(conn, DAY, &words, now))
}

#[test]
fn those_who_wait_for_the_agent_are_told_once_a_conversation_and_outage() {
    each(|db| {
        db.turn("ann", "one");
        db.turn("ann", "two");
        db.turn("bob", "three");
        db.turn_in(Mode::Echo, false, "cy", "four");
        assert_eq!(notice(db, true), 0, "not before the minute is over");
        db.wait(MINUTE);
        assert_eq!(notice(db, false), 0, "nothing is wrong");
        assert_eq!(notice(db, true), 2);
        db.turn("ann", "five");
        db.wait(MINUTE);
        assert_eq!(notice(db, true), 0);
        for chat in ["ann", "ann", "ann", "bob"] {
            let claimed = db.claim();
            let one = claimed.iter().find(|one| one.to.chat == chat);
            db.settle(one.expect("it is claimed"), &Ending::Silent);
            let now = db.now;
            db.write(|conn| queue::take_over(conn, false, now));
        }
        db.turn("ann", "six");
        db.wait(MINUTE);
        assert_eq!(notice(db, true), 1, "the next outage");
    });
}

#[test]
fn a_turn_that_failed_and_waits_is_noticed_without_a_pause() {
    each(|db| {
        db.turn("ann", "one");
        let claimed = db.claim().remove(0);
        let mut back = later(db.now, 10 * MINUTE);
        back.error = Some((Code::AgentBusy, "busy".to_owned()));
        db.put_back(&claimed, &back);
        db.wait(MINUTE);
        assert_eq!(notice(db, false), 1);
        assert_eq!(db.replies()[0].0, "It is kept.");
    });
}

#[test]
fn what_waits_too_long_is_given_up_with_its_open_attempt() {
    each(|db| {
        let (old, running) = (db.turn("ann", "one"), db.turn("bob", "two"));
        let claimed = db.begin();
        let mut back = later(db.now, Duration::ZERO);
        back.held = true;
        back.error = Some((Code::AgentUnreachable, "no route".to_owned()));
        db.put_back(&claimed[0], &back);
        db.wait(DAY);
        let young = db.turn("cy", "three");
        assert_eq!(expire(db), [old]);
        assert_eq!(
            db.state(old),
            ("failed".into(), Some("turn.expired".into()))
        );
        assert_eq!(db.state(running).0, "running");
        assert_eq!(db.state(young).0, "ready");
        assert_eq!(db.replies()[0].0, "Given up: agent.unreachable");
        assert_eq!(db.count("attempts WHERE code = 'turn.expired'"), 1);
        assert!(expire(db).is_empty());
    });
}
