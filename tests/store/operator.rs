//! What the operator changes and reads.

use broca::config::Mode;
use broca::error::Code;
use broca::store::change::{self, Change, Done, Recipient};
use broca::store::queue::Ending;
use broca::store::report;
use broca::store::state::TurnState;

use crate::support::database::{BOUNDS, Database, each};

fn apply(db: &mut Database, change: &Change) -> broca::error::Result<Done> {
    let now = db.now;
    db.try_write(|conn| change::apply(conn, change, now))
}

fn refused(db: &mut Database, change: &Change) -> Code {
    apply(db, change).expect_err("it is refused").code
}

fn retry(turn: i64) -> Change {
    Change::Retry {
        turn,
        mode: Mode::Live,
        agent_wide: false,
    }
}

fn send(key: Option<&str>, dry_run: bool) -> Change {
    Change::Send {
        to: Recipient::Username("ann".to_owned()),
        text: "good morning".to_owned(),
        key: key.map(str::to_owned),
        dry_run,
    }
}

#[test]
fn a_settled_turn_can_be_retried_and_one_that_waits_cannot() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        assert_eq!(refused(db, &retry(turn)), Code::WrongState);
        assert_eq!(refused(db, &retry(turn + 1)), Code::NotFound);
        let claimed = db.claim().remove(0);
        let failed = Ending::Failed(Code::AgentFailed, "no model".into(), "Sorry.".into());
        db.settle(&claimed, &failed);
        apply(db, &retry(turn)).expect("it is retried");
        assert_eq!(db.state(turn), ("ready".into(), None));
        let again = db.claim().remove(0);
        assert_eq!((again.turn, again.claim, again.failures), (turn, 2, 0));
        assert!(
            !db.settle(&claimed, &Ending::Silent),
            "the old claim is stale"
        );
    });
}

#[test]
fn cancel_ends_what_waits_and_asks_the_worker_of_what_runs() {
    each(|db| {
        let (waits, runs) = (db.turn("ann", "hi"), db.turn("bob", "hi"));
        let cancel = |turn| Change::Cancel { turn };
        let done = apply(db, &cancel(waits)).expect("it is cancelled");
        assert_eq!(done.report["state"], "stopped");
        assert_eq!(db.state(waits).0, "stopped");
        assert_eq!(db.replies().len(), 1);
        db.claim();
        let done = apply(db, &cancel(runs)).expect("it is cancelled");
        assert_eq!(
            (done.report["state"].as_str(), done.to_stop),
            (Some("stopping"), vec![runs])
        );
        assert_eq!(refused(db, &cancel(waits)), Code::WrongState);
    });
}

#[test]
fn flush_stops_all_that_waits() {
    each(|db| {
        let running = db.turn("ann", "hi");
        db.claim();
        let waiting = ["ann", "bob"].map(|chat| db.turn(chat, "hi"));
        apply(db, &Change::Flush).expect("they are stopped");
        for turn in waiting {
            assert_eq!(db.state(turn).0, "stopped");
        }
        assert_eq!(db.state(running).0, "running");
    });
}

#[test]
fn a_turn_is_deleted_with_all_that_belongs_to_it_once_all_is_said() {
    each(|db| {
        let turn = db.turn("ann", "hi");
        let delete = Change::Delete { turn };
        assert_eq!(refused(db, &delete), Code::WrongState);
        let claimed = db.begin().remove(0);
        db.settle(&claimed, &Ending::Replied(vec!["hello".into()]));
        assert_eq!(refused(db, &delete), Code::WrongState);
        let reply = db.claim_replies().remove(0);
        let now = db.now;
        db.write(|conn| {
            broca::store::outbox::said(conn, reply, &broca::message::Receipt::default(), now)
        });
        apply(db, &delete).expect("it is deleted");
        for table in ["turns", "messages", "attempts", "replies", "parts"] {
            assert_eq!(db.count(table), 0, "{table}");
        }
        assert!(db.turn("ann", "again") > turn, "its id is not used again");
    });
}

#[test]
fn send_goes_where_the_person_last_wrote_and_once_a_key() {
    each(|db| {
        assert_eq!(refused(db, &send(None, false)), Code::NotFound);
        db.turn("ann", "hi");
        let dry = apply(db, &send(None, true)).expect("it would go");
        assert_eq!(dry.report["to"]["chat"], "ann");
        assert!(db.replies().is_empty());
        let first = apply(db, &send(Some("daily"), false)).expect("it goes");
        let again = apply(db, &send(Some("daily"), false)).expect("it went");
        assert_eq!(first.report["fresh"], true);
        assert_eq!(again.report["fresh"], false);
        assert_eq!(first.report["reply"], again.report["reply"]);
        assert_eq!(db.replies().len(), 1);
        apply(db, &send(None, false)).expect("without a key it goes again");
        assert_eq!(db.replies().len(), 2);
    });
}

#[test]
fn reports_read_a_busy_database() {
    each(|db| {
        let (answered, failed) = (db.turn("ann", "one"), db.turn("bob", "two"));
        let claimed = db.begin();
        db.settle(&claimed[0], &Ending::Replied(vec!["hello".into()]));
        let ending = Ending::Failed(Code::AgentFailed, "no model".into(), "Sorry.".into());
        db.settle(&claimed[1], &ending);
        let waits = db.turn("ann", "three");
        let notice = None;
        let wish = broca::store::accept::Wish::Refuse { notice };
        db.accept(&[crate::support::database::entry("x", "eve", wish)]);

        let now = db.now;
        let conn = &mut db.conn;
        let depth = report::depth(conn).expect("it is read");
        assert_eq!((depth.turns, depth.replies), (1, 2));
        let stats = report::stats(conn, &BOUNDS, now).expect("it is read");
        let turns = [("failed", 1), ("ready", 1), ("replied", 1)];
        assert_eq!(
            stats.turns,
            turns.map(|(state, n)| (state.to_owned(), n)).into()
        );
        assert_eq!(stats.replies, [("ready".to_owned(), 2)].into());
        assert_eq!(
            (stats.refused, stats.unknowable_parts, stats.repeated_parts),
            (1, 0, 0)
        );
        assert_eq!(
            (stats.silent, stats.silences),
            (0, Vec::new()),
            "all is on its way"
        );
        assert_eq!(stats.last_errors[0].id, failed);
        let ids = |rows: Vec<report::TurnRow>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
        assert_eq!(
            ids(report::turns(conn, None, false, 9).expect("read")),
            [waits]
        );
        assert_eq!(
            ids(report::turns(conn, None, true, 2).expect("read")),
            [waits, failed]
        );
        let some = report::turns(conn, Some(TurnState::Replied), false, 9);
        assert_eq!(ids(some.expect("read")), [answered]);
        let users = report::users(conn).expect("they are read");
        assert_eq!(users.len(), 2);
        assert_eq!(users[0].profiles[0].username.as_deref(), Some("ann"));
        assert_eq!(
            report::user(conn, 99).expect_err("nobody").code,
            Code::NotFound
        );
        let all = report::conversations(conn, "agent-1").expect("they are read");
        assert_eq!((all.len(), all[0].messages), (2, 2));
        let lines = report::history(conn, all[0].id, 2).expect("it is read");
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().any(|line| line.text == "hello") || lines[1].text == "three");
    });
}
