//! What is silent is found, each kind made by hand; what is on its way, or has an end, is not.

use std::time::Duration;

use broca::config::Mode;
use broca::error::Code;
use broca::message::Receipt;
use broca::store::accept::Wish;
use broca::store::change::{self, Change};
use broca::store::outbox;
use broca::store::queue::{self, Ending};
use broca::store::report::silent::{Silence, Span, Why, find};
use broca::store::report::users;

use crate::support::database::{BOUNDS, Database, each, entry, later, run};

const MINUTE: Duration = Duration::from_mins(1);
/// A little less than the slack, and a little more.
const NEARLY: Duration = Duration::from_secs(599);
const OVER: Duration = Duration::from_secs(601);
/// From the one to the other.
const MOMENT: Duration = Duration::from_secs(2);

fn silent(db: &mut Database) -> Vec<Silence> {
    let now = db.now;
    let newest = find(&mut db.conn, &BOUNDS, Span::Newest, now).expect("it is read");
    let all = find(&mut db.conn, &BOUNDS, Span::All, now).expect("it is read");
    assert_eq!(newest, all);
    all
}

fn assert_none(db: &mut Database) {
    assert_eq!(silent(db), []);
}

/// Exactly one thing is silent, and this is why. Gives it.
fn the_only(db: &mut Database, why: Why) -> Silence {
    let mut found = silent(db);
    assert_eq!(
        found.iter().map(|one| one.why).collect::<Vec<_>>(),
        [why],
        "{found:?}"
    );
    found.remove(0)
}

/// A turn of the first claim, settled.
fn settled(db: &mut Database, ending: &Ending) -> i64 {
    let turn = db.turn("ann", "hi");
    let claimed = db.claim().remove(0);
    assert!(db.settle(&claimed, ending));
    turn
}

fn replied() -> Ending {
    Ending::Replied(vec!["hello".to_owned()])
}

/// Says all that waits.
fn say_all(db: &mut Database) {
    let now = db.now;
    loop {
        let claimed = db.claim_replies();
        if claimed.is_empty() {
            return;
        }
        for one in claimed {
            db.write(|conn| {
                let mut one = one;
                while one.next.is_some() {
                    one = outbox::said(conn, one, &Receipt::default(), now)?;
                }
                Ok(())
            });
        }
    }
}

#[test]
fn what_has_an_end_is_not_silent_ever() {
    each(|db| {
        settled(db, &replied());
        settled(db, &Ending::Silent);
        let failed = Ending::Failed(Code::AgentFailed, "no model".into(), "Sorry.".into());
        settled(db, &failed);
        settled(db, &Ending::Stopped("Stopped.".into()));
        db.turn_in(Mode::Listen, false, "ann", "only kept");
        let idle = db.turn("ann", "to be stopped");
        let status = Wish::Status { head: "?".into() };
        let refuse = Wish::Refuse {
            notice: Some("no".into()),
        };
        db.accept(&[
            entry("stop", "ann", Wish::Stop),
            entry("stop again", "ann", Wish::Stop),
            entry("status", "ann", status),
            entry("stranger", "eve", refuse),
            entry("back", "bob", Wish::Reachable(true)),
            entry("voice", "bob", Wish::Keep),
        ]);
        assert_eq!(db.state(idle).0, "stopped");
        let cancelled = db.turn("bob", "to be cancelled");
        let refused = db.turn("cy", "to be refused");
        let expired = db.turn("dee", "to be given up");
        let now = db.now;
        let cancel = Change::Cancel { turn: cancelled };
        db.write(|conn| change::apply(conn, &cancel, now));
        let all = users(&mut db.conn).expect("they are read");
        let person = all.iter().find(|user| user.name == "cy").expect("cy").id;
        let active = false;
        db.write(|conn| change::apply(conn, &Change::Activate { person, active }, now));
        assert_eq!(db.state(refused).0, "refused");
        db.wait(BOUNDS.give_up_after);
        let now = db.now;
        let late = |_: Option<&str>| "late".to_owned();
        db.write(|conn| queue::expire(conn, BOUNDS.give_up_after, &late, now));
        assert_eq!(db.state(expired).0, "failed");
        assert_none(db);
        say_all(db);
        db.wait(1_000 * BOUNDS.give_up_after);
        assert_none(db);
    });
}

#[test]
fn a_text_without_a_turn() {
    each(|db| {
        db.turn("ann", "hi");
        assert_none(db);
        run(&mut db.conn, "UPDATE messages SET turn = NULL");
        let found = the_only(db, Why::NoTurn);
        assert_eq!((found.turn, found.reply), (None, None));
        assert!(found.message.is_some());
        run(&mut db.conn, "UPDATE messages SET kind = 'command'");
        assert_none(db);
    });
}

#[test]
fn a_turn_that_nobody_gave_up() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        db.wait(BOUNDS.give_up_after + NEARLY);
        assert_none(db);
        db.wait(MOMENT);
        let found = the_only(db, Why::Overdue);
        assert_eq!(
            (found.turn, found.message, found.reply),
            (Some(turn), None, None)
        );
    });
}

#[test]
fn a_turn_that_waits_for_the_agent_without_a_word() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        let claimed = db.claim().remove(0);
        let mut back = later(db.now, MINUTE);
        back.error = Some((Code::AgentUnreachable, "gone".to_owned()));
        assert!(db.put_back(&claimed, &back));
        db.wait(BOUNDS.notice_after + NEARLY);
        assert_none(db);
        db.wait(MOMENT);
        assert_eq!(the_only(db, Why::Untold).turn, Some(turn));
        let now = db.now;
        db.write(|conn| queue::notice(conn, MINUTE, false, "It is kept.", now));
        assert_none(db);
    });
}

#[test]
fn a_turn_that_nobody_works_on() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        db.wait(MINUTE);
        let claimed = db.begin().remove(0);
        db.wait(BOUNDS.turn_timeout + NEARLY);
        assert_none(db);
        db.wait(MOMENT);
        assert_eq!(the_only(db, Why::Abandoned).turn, Some(turn));
        // A further attempt within the same claim is a sign of life.
        let begun = claimed.begun.clone().expect("it has begun");
        let now = db.now;
        let ended = queue::AttemptEnd {
            id: begun.id,
            how: queue::AttemptState::Answered,
            error: None,
        };
        let next = crate::support::database::request(turn);
        db.write(|conn| queue::next_attempt(conn, &claimed, &ended, &[], &next, now));
        assert_none(db);
        db.wait(BOUNDS.turn_timeout + OVER);
        assert_eq!(the_only(db, Why::Abandoned).turn, Some(turn));
        let now = db.now;
        db.write(|conn| queue::take_over(conn, false, now));
        db.begin();
        assert_none(db);
    });
}

#[test]
fn a_turn_that_was_settled_without_a_word() {
    let failed = Ending::Failed(Code::AgentFailed, "no model".into(), "Sorry.".into());
    for ending in [replied(), failed, Ending::Stopped("Stopped.".into())] {
        each(|db| {
            let turn = settled(db, &ending);
            assert_none(db);
            run(&mut db.conn, "DELETE FROM replies");
            assert_eq!(the_only(db, Why::Unanswered).turn, Some(turn));
        });
    }
}

#[test]
fn the_replies_of_an_earlier_life_do_not_answer_a_turn_that_was_retried() {
    each(|db| {
        let turn = settled(db, &replied());
        say_all(db);
        db.wait(MINUTE);
        let now = db.now;
        let retry = Change::Retry {
            turn,
            mode: Mode::Live,
            agent_wide: false,
        };
        db.write(|conn| change::apply(conn, &retry, now));
        let claimed = db.claim().remove(0);
        assert!(db.settle(&claimed, &replied()));
        assert_none(db);
        run(&mut db.conn, "DELETE FROM replies WHERE state = 'ready'");
        assert_eq!(the_only(db, Why::Unanswered).turn, Some(turn));
    });
}

#[test]
fn a_reply_that_nobody_sends() {
    each(|db| {
        let reply = db.say("ann", "hello");
        db.wait(BOUNDS.give_up_after + NEARLY);
        assert_none(db);
        db.wait(MOMENT);
        let found = the_only(db, Why::Unsent);
        assert_eq!((found.turn, found.reply), (None, Some(reply)));
    });
}

#[test]
fn a_reply_that_is_tried_in_vain_for_too_long_and_one_that_was_parked() {
    each(|db| {
        let reply = db.say("ann", "hello");
        let claimed = db.claim_replies().remove(0);
        db.wait(BOUNDS.give_up_after + OVER);
        let (now, why) = (db.now, (Code::EndpointUnreachable, "gone"));
        db.write(|conn| outbox::put_back(conn, &claimed, true, true, now.plus(MINUTE), Some(why)));
        assert_eq!(the_only(db, Why::Unsent).reply, Some(reply));
        let place = claimed.conversation;
        db.write(|conn| outbox::park(conn, place));
        assert_none(db);
        let now = db.now;
        db.write(|conn| outbox::unpark(conn, place, now));
        assert_none(db);
        db.wait(OVER);
        assert_eq!(the_only(db, Why::Unsent).reply, Some(reply));
    });
}

#[test]
fn a_reply_that_is_being_sent_by_nobody() {
    each(|db| {
        let reply = db.say("ann", "one\ntwo");
        db.wait(MINUTE);
        let claimed = db.claim_replies().remove(0);
        db.wait(NEARLY);
        assert_none(db);
        db.wait(MOMENT);
        assert_eq!(the_only(db, Why::Stuck).reply, Some(reply));
        // A part that was said is a sign of life.
        let now = db.now;
        db.write(|conn| outbox::said(conn, claimed, &Receipt::default(), now));
        assert_none(db);
        db.wait(OVER);
        assert_eq!(the_only(db, Why::Stuck).reply, Some(reply));
    });
}

#[test]
fn a_reply_that_counts_as_said_and_was_not() {
    each(|db| {
        db.turn("ann", "hi");
        let claimed = db.claim().remove(0);
        db.settle(&claimed, &Ending::Replied(vec!["one\ntwo".into()]));
        say_all(db);
        assert_none(db);
        run(
            &mut db.conn,
            "UPDATE parts SET state = 'unknowable' WHERE place = 0",
        );
        assert_none(db);
        run(
            &mut db.conn,
            "UPDATE parts SET state = 'planned' WHERE place = 1",
        );
        let found = the_only(db, Why::Unsaid);
        assert_eq!(found.turn, Some(claimed.turn));
        assert!(found.reply.is_some());
        run(&mut db.conn, "DELETE FROM parts");
        the_only(db, Why::Unsaid);
    });
}

#[test]
fn only_the_newest_of_what_is_settled_is_looked_at_unless_all_is_asked_for() {
    each(|db| {
        let turn = settled(db, &replied());
        run(&mut db.conn, "DELETE FROM replies");
        the_only(db, Why::Unanswered);
        let far = turn + 20_000;
        let copy = format!(
            "INSERT INTO turns (id, conversation, profile, endpoint, lane, mode, state, due_at, created_at, settled_at) \
             SELECT {far}, conversation, profile, endpoint, lane, mode, 'silent', due_at, created_at, settled_at FROM turns"
        );
        run(&mut db.conn, &copy);
        let now = db.now;
        let mut found = |span| find(&mut db.conn, &BOUNDS, span, now).expect("it is read");
        assert_eq!(found(Span::Newest), []);
        assert_eq!(found(Span::All).len(), 1);
    });
}
