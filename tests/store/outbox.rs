//! Replies on their way out.

use std::time::Duration;

use broca::config::Uncertain;
use broca::error::Code;
use broca::message::{Part, Receipt};
use broca::store::outbox::{self, Claimed};
use broca::store::queue;
use broca::store::state::ReplyState;

use crate::support::database::{Database, each};

const LATER: Duration = Duration::from_secs(10);

fn said(db: &mut Database, claimed: &Claimed) -> Claimed {
    let (claimed, now) = (claimed.clone(), db.now);
    let receipt = Receipt(Some("m-1".to_owned()));
    db.write(|conn| outbox::said(conn, claimed, &receipt, now))
}

fn put_back(db: &mut Database, claimed: &Claimed, sent_for_sure_not: bool) {
    let (due, why) = (db.now.plus(LATER), (Code::EndpointUnreachable, "no route"));
    db.write(|conn| outbox::put_back(conn, claimed, sent_for_sure_not, true, due, Some(why)));
}

fn crash(db: &mut Database) {
    let now = db.now;
    db.write(|conn| queue::take_over(conn, false, now));
}

fn next(claimed: &Claimed) -> Option<(u32, &str)> {
    let next = claimed.next.as_ref();
    next.map(|(place, Part(text))| (*place, text.as_str()))
}

fn states(db: &mut Database, reply: i64) -> Vec<String> {
    db.parts(reply)
        .into_iter()
        .map(|(state, _)| state)
        .collect()
}

#[test]
fn replies_to_one_chat_go_in_order_and_other_chats_beside_them() {
    each(|db| {
        let first = db.say("ann", "one");
        let second = db.say("ann", "two");
        let other = db.say("bob", "three");
        let claimed = db.claim_replies();
        let ids: Vec<_> = claimed.iter().map(|one| one.reply).collect();
        assert_eq!(ids, [first, other]);
        assert!(db.claim_replies().is_empty());
        put_back(db, &claimed[0], true);
        assert!(db.claim_replies().is_empty(), "the first still leads");
        db.wait(LATER);
        let claimed = db.claim_replies().remove(0);
        assert_eq!((claimed.reply, claimed.failures), (first, 1));
        said(db, &claimed);
        assert_eq!(db.claim_replies()[0].reply, second);
    });
}

#[test]
fn all_parts_are_stored_before_the_first_is_sent() {
    each(|db| {
        let reply = db.say("ann", "one\ntwo\nthree");
        let claimed = db.claim_replies().remove(0);
        assert_eq!(next(&claimed), Some((0, "one")));
        assert_eq!(states(db, reply), ["sending", "planned", "planned"]);
        let claimed = said(db, &claimed);
        assert_eq!(next(&claimed), Some((1, "two")));
        assert_eq!(states(db, reply), ["said", "sending", "planned"]);
        let claimed = said(db, &claimed);
        let claimed = said(db, &claimed);
        assert_eq!(next(&claimed), None);
        assert_eq!(db.replies()[0].1, "said");
        assert_eq!(db.count("parts WHERE receipt = 'm-1'"), 3);
    });
}

#[test]
fn delivery_resumes_at_the_part_reached() {
    each(|db| {
        let reply = db.say("ann", "one\ntwo");
        let claimed = db.claim_replies().remove(0);
        let claimed = said(db, &claimed);
        put_back(db, &claimed, true);
        db.wait(LATER);
        let again = db.claim_replies().remove(0);
        assert_eq!(next(&again), Some((1, "two")));
        assert_eq!(db.parts(reply)[1], ("sending".into(), 0));
        said(db, &again);
        assert_eq!(db.replies()[0].1, "said");
    });
}

#[test]
fn a_part_that_may_have_arrived_stays_marked_until_it_is_claimed_again() {
    each(|db| {
        let reply = db.say("ann", "one\ntwo");
        let claimed = db.claim_replies().remove(0);
        put_back(db, &claimed, false);
        assert_eq!(states(db, reply), ["sending", "planned"]);
        db.wait(LATER);
        let again = db.claim_replies().remove(0);
        assert_eq!(next(&again), Some((0, "one")));
        assert_eq!(db.parts(reply)[0], ("sending".into(), 1), "counted");
    });
}

#[test]
fn under_skip_a_part_that_may_have_arrived_is_left() {
    each(|db| {
        let reply = db.say("ann", "one\ntwo");
        db.claim_replies();
        crash(db);
        let again = db.claim_replies_with(Uncertain::Skip, false).remove(0);
        assert_eq!(next(&again), Some((1, "two")));
        assert_eq!(states(db, reply), ["unknowable", "sending"]);
    });
}

#[test]
fn under_skip_a_reply_whose_last_part_may_have_arrived_is_settled() {
    each(|db| {
        let reply = db.say("ann", "one");
        let behind = db.say("ann", "two");
        db.claim_replies();
        crash(db);
        let again = db.claim_replies_with(Uncertain::Skip, false).remove(0);
        assert_eq!((again.reply, next(&again)), (reply, None));
        assert_eq!(states(db, reply), ["unknowable"]);
        assert_eq!(db.replies()[0].1, "said");
        assert_eq!(db.claim_replies()[0].reply, behind);
    });
}

#[test]
fn where_a_part_is_shown_once_it_is_sent_again_and_not_counted() {
    each(|db| {
        let reply = db.say("ann", "one");
        db.claim_replies();
        crash(db);
        let again = db.claim_replies_with(Uncertain::Skip, true).remove(0);
        assert_eq!(next(&again), Some((0, "one")));
        assert_eq!(db.parts(reply), [("sending".into(), 0)]);
    });
}

#[test]
fn a_reply_that_cannot_be_cut_fails_alone() {
    each(|db| {
        db.say("ann", "");
        let behind = db.say("ann", "two");
        let claimed = db.claim_replies().remove(0);
        assert_eq!(next(&claimed), None);
        assert_eq!(db.replies()[0].1, "failed");
        assert_eq!(db.count("replies WHERE last_code = 'endpoint.rejected'"), 1);
        assert_eq!(db.claim_replies()[0].reply, behind);
    });
}

#[test]
fn a_reply_that_the_network_refuses_fails_and_the_next_goes_on() {
    each(|db| {
        let reply = db.say("ann", "one");
        let behind = db.say("ann", "two");
        let claimed = db.claim_replies().remove(0);
        let (why, now) = (Some((Code::EndpointRejected, "too long")), db.now);
        db.write(|conn| outbox::finish(conn, &claimed, ReplyState::Failed, why, now));
        assert_eq!(db.replies()[0].1, "failed");
        assert_eq!(states(db, reply), ["planned"], "it was certainly not said");
        assert_eq!(db.claim_replies()[0].reply, behind);
    });
}

#[test]
fn a_chat_out_of_reach_parks_its_replies_and_no_others() {
    each(|db| {
        db.say("ann", "one");
        db.say("ann", "two");
        db.say("bob", "three");
        let claimed = db.claim_replies();
        let (why, now) = ((Code::EndpointBlocked, "blocked"), db.now);
        db.write(|conn| outbox::park_claimed(conn, &claimed[0], why, now));
        let states: Vec<_> = db.replies().into_iter().map(|(_, state)| state).collect();
        assert_eq!(states, ["parked", "parked", "sending"]);
        assert!(db.claim_replies().is_empty());
        assert_eq!(outbox::due(&mut db.conn, now).expect("it is read"), 1);
        let place = claimed[0].conversation;
        db.write(|conn| outbox::unpark(conn, place, now));
        let again = db.claim_replies().remove(0);
        assert_eq!(next(&again), Some((0, "one")));
        assert_eq!(db.parts(again.reply), [("sending".into(), 0)]);
    });
}

#[test]
fn a_stale_claim_changes_neither_reply_nor_part_nor_chat() {
    each(|db| {
        let reply = db.say("ann", "one\ntwo");
        let stale = db.claim_replies().remove(0);
        crash(db);
        let fresh = db.claim_replies().remove(0);
        let now = db.now;
        assert_eq!(next(&said(db, &stale)), None);
        put_back(db, &stale, true);
        db.write(|conn| outbox::finish(conn, &stale, ReplyState::Failed, None, now));
        let why = (Code::EndpointBlocked, "blocked");
        db.write(|conn| outbox::park_claimed(conn, &stale, why, now));
        assert_eq!(db.replies()[0].1, "sending");
        assert_eq!(states(db, reply), ["sending", "planned"]);
        assert_eq!(db.count("conversations WHERE reachable"), 1);
        let fresh = said(db, &fresh);
        assert_eq!(next(&said(db, &fresh)), None);
        assert_eq!(next(&said(db, &fresh)), None, "the last part comes once");
        assert_eq!(states(db, reply), ["said", "said"]);
    });
}

#[test]
fn a_stale_confirmation_of_the_last_part_settles_nothing() {
    each(|db| {
        let reply = db.say("ann", "one");
        let stale = db.claim_replies().remove(0);
        crash(db);
        db.claim_replies();
        said(db, &stale);
        assert_eq!(db.replies()[0].1, "sending");
        assert_eq!(states(db, reply), ["sending"]);
    });
}

#[test]
fn a_reply_is_claimed_when_it_is_due_and_not_before() {
    each(|db| {
        db.say("ann", "one");
        let claimed = db.claim_replies().remove(0);
        put_back(db, &claimed, true);
        let due = db.now.plus(LATER);
        let next = outbox::next_due(&mut db.conn, db.now).expect("it is read");
        assert_eq!(next, Some(due));
        db.now = due;
        assert_eq!(db.claim_replies().len(), 1);
    });
}
