//! The whole way of a message, as the tables have it.

use std::time::Duration;

use broca::config::Mode;
use broca::error::Code;
use broca::message::Receipt;
use broca::store::accept::Wish;
use broca::store::outbox;
use broca::store::queue::{AttemptEnd, AttemptState, Ending, PutBack, settle};
use broca::store::report::silent::Why;
use broca::store::report::trace::{Subject, Trace, trace};

use crate::support::database::{BOUNDS, Database, each, entry, later, run};

const SECOND: Duration = Duration::from_secs(1);

fn way(db: &mut Database, subject: Subject) -> Trace {
    let now = db.now;
    trace(&mut db.conn, subject, &BOUNDS, now).expect("it is there")
}

/// A turn that failed once at the agent and was then answered in two parts.
fn answered(db: &mut Database) -> i64 {
    let turn = db.turn("ann", "hi");
    db.wait(SECOND);
    let first = db.begin().remove(0);
    let begun = first.begun.clone().expect("it has begun");
    let why = (Code::AgentFailed, "no model".to_owned());
    let back = PutBack {
        ended: Some(AttemptEnd {
            id: begun.id,
            how: AttemptState::Failed,
            error: Some(why.clone()),
        }),
        counts: true,
        error: Some(why),
        ..later(db.now, SECOND)
    };
    assert!(db.put_back(&first, &back));
    db.wait(SECOND);
    let second = db.begin().remove(0);
    let begun = second.begun.clone().expect("it has begun");
    db.wait(SECOND);
    let now = db.now;
    let end = AttemptEnd {
        id: begun.id,
        how: AttemptState::Answered,
        error: None,
    };
    let ending = Ending::Replied(vec!["one\ntwo".to_owned()]);
    assert!(db.write(|conn| settle(conn, &second, Some(&end), &ending, now)));
    turn
}

fn say(db: &mut Database, receipts: &[&str]) {
    let mut claimed = db.claim_replies().remove(0);
    for receipt in receipts {
        db.wait(SECOND);
        let now = db.now;
        let receipt = Receipt(Some((*receipt).to_owned()));
        claimed = db.write(|conn| outbox::said(conn, claimed, &receipt, now));
    }
}

#[test]
fn a_turn_is_traced_from_its_message_to_its_last_part() {
    each(|db| {
        let began = db.now.0;
        let turn = answered(db);
        let open = way(db, Subject::Turn(turn));
        assert_eq!(open.ended_at, None, "its reply is not said yet");
        say(db, &["m1", "m2"]);
        let way = way(db, Subject::Turn(turn));
        assert_eq!(way.address.chat, "ann");
        let from = way.from.as_ref().expect("somebody wrote");
        assert_eq!(
            (from.name.as_str(), from.user_id.as_str()),
            ("ann", "u-ann")
        );
        assert_eq!(way.messages[0].text.as_deref(), Some("hi"));
        assert_eq!(way.messages[0].received_at, began);
        let step = way.turn.as_ref().expect("it has a turn");
        assert_eq!((step.id, step.state.as_str()), (turn, "replied"));
        assert_eq!((step.claims, step.failures, step.held), (2, 1, false));
        assert_eq!(step.claimed_at, Some(began + 2_000));
        assert_eq!(step.settled_at, Some(began + 3_000));
        let tries: Vec<_> = way.attempts.iter().collect();
        let states: Vec<_> = tries
            .iter()
            .map(|one| (one.claim, one.state.as_str()))
            .collect();
        assert_eq!(states, [(1, "failed"), (2, "answered")]);
        assert_eq!(tries[0].code.as_deref(), Some("agent.failed"));
        assert_eq!(tries[0].otids, [format!("otid-{turn}")]);
        assert_eq!(tries[1].ended_at, Some(began + 3_000));
        let reply = &way.replies[0];
        assert_eq!(
            (reply.row.kind.as_str(), reply.row.state.as_str()),
            ("answer", "said")
        );
        let parts: Vec<_> = reply
            .parts
            .iter()
            .map(|part| {
                (
                    part.place,
                    part.state.as_str(),
                    part.receipt.as_deref(),
                    part.said_at,
                )
            })
            .collect();
        assert_eq!(
            parts,
            [
                (0, "said", Some("m1"), Some(began + 4_000)),
                (1, "said", Some("m2"), Some(began + 5_000)),
            ]
        );
        assert_eq!(way.ended_at, Some(began + 5_000));
        assert_eq!(way.silences, []);
    });
}

#[test]
fn a_message_and_a_reply_lead_to_their_turn() {
    each(|db| {
        db.turn_in(Mode::Listen, false, "bob", "before");
        let turn = answered(db);
        let whole = way(db, Subject::Turn(turn));
        let same = |db: &mut Database, subject| {
            let found = way(db, subject);
            assert_eq!(found.turn.map(|step| step.id), Some(turn), "{subject:?}");
        };
        same(db, Subject::Message(whole.messages[0].id));
        same(db, Subject::Reply(whole.replies[0].row.id));
    });
}

#[test]
fn what_has_no_turn_is_traced_as_well() {
    each(|db| {
        let reply = db.say("ann", "good morning");
        db.wait(SECOND);
        let status = Wish::Status {
            head: "well".to_owned(),
        };
        db.accept(&[entry("c", "ann", status), entry("v", "ann", Wish::Keep)]);
        let alone = way(db, Subject::Reply(reply));
        assert!(alone.turn.is_none() && alone.from.is_none() && alone.messages.is_empty());
        assert_eq!(alone.replies.len(), 1);
        let command = way(db, Subject::Message(1));
        assert_eq!(command.messages[0].kind, "command");
        assert!(
            command.replies[0].row.text.starts_with("well"),
            "{command:?}"
        );
        let voice = way(db, Subject::Message(2));
        assert_eq!((voice.replies.len(), voice.ended_at), (0, Some(db.now.0)));
    });
}

#[test]
fn what_is_silent_of_it_is_said() {
    each(|db| {
        let (turn, other) = (answered(db), db.turn("bob", "hi"));
        run(&mut db.conn, "DELETE FROM replies");
        let found = way(db, Subject::Turn(turn)).silences;
        assert_eq!(
            found.iter().map(|one| one.why).collect::<Vec<_>>(),
            [Why::Unanswered]
        );
        assert_eq!(way(db, Subject::Turn(other)).silences, []);
    });
}

#[test]
fn what_is_not_there_is_named_with_a_hint() {
    each(|db| {
        let now = db.now;
        for subject in [Subject::Turn(7), Subject::Message(7), Subject::Reply(7)] {
            let error = trace(&mut db.conn, subject, &BOUNDS, now).expect_err("it is not there");
            assert_eq!(error.code, Code::NotFound);
            assert!(error.message().ends_with(" 7"), "{error:?}");
            assert!(error.advice().contains("broca queue list"), "{error:?}");
        }
    });
}
