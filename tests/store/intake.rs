//! The accept transaction.

use std::time::Duration;

use broca::config::Mode;
use broca::message::Outcome;
use broca::store::accept::{Rules, Wish, accept, cursor as stored_cursor};
use broca::store::change::{self, Change};
use broca::store::outbox;
use broca::time::Timestamp;

use crate::support::database::{Database, cursor, each, entry, joined};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn rules(now: Timestamp) -> Rules {
    Rules {
        mode: Mode::Live,
        agent_wide: false,
        now,
    }
}

fn stop(key: &str, chat: &str) -> broca::store::accept::Entry {
    entry(key, chat, Wish::Stop)
}

fn texts(db: &mut Database) -> Vec<String> {
    let claimed = db.claim();
    let said = claimed.iter().flat_map(|one| &one.said);
    said.map(|said| said.text.clone()).collect()
}

#[test]
fn a_message_enters_once_however_often_it_is_delivered() {
    each(|db| {
        let rules = rules(db.now);
        let hello = db.text("ann", "hello");
        for (at, is_new) in [("1", true), ("2", false)] {
            let again = [hello.clone(), hello.clone()];
            let at = cursor(at);
            let done = db.write(|conn| accept(conn, "telegram", "bot", &again, Some(&at), &rules));
            assert_eq!(matches!(done.outcomes[0], Outcome::New), is_new);
            assert!(matches!(done.outcomes[1], Outcome::Seen));
        }
        assert_eq!(db.count("messages"), 1);
        assert_eq!(db.count("turns"), 1);
        let stands = stored_cursor(&mut db.conn, "telegram", "bot").expect("it is read");
        assert_eq!(stands, Some(cursor("2")));
        let other = stored_cursor(&mut db.conn, "telegram", "another bot").expect("it is read");
        assert_eq!(other, None);
    });
}

#[test]
fn a_batch_that_fails_leaves_neither_its_messages_nor_its_cursor() {
    each(|db| {
        let rules = rules(db.now);
        let hello = [db.text("ann", "hello")];
        let failed = db.try_write(|conn| {
            accept(conn, "telegram", "bot", &hello, Some(&cursor("7")), &rules)?;
            Err::<(), _>(broca::error::Error::new(
                broca::error::Code::StoreFailed,
                "the lamp went out",
            ))
        });
        assert!(failed.is_err());
        for table in ["messages", "turns", "cursors", "people", "conversations"] {
            assert_eq!(db.count(table), 0, "{table}");
        }
    });
}

#[test]
fn a_command_is_settled_at_intake() {
    each(|db| {
        let reply = "I carry messages.".to_owned();
        db.accept(&[entry("k", "ann", Wish::Command { reply })]);
        assert_eq!(db.count("turns"), 0);
        assert_eq!(db.count("messages WHERE text IS NULL"), 1);
        assert_eq!(db.replies(), [("I carry messages.".into(), "ready".into())]);
    });
}

#[test]
fn status_counts_what_waits_in_its_own_chat() {
    each(|db| {
        db.turn("ann", "one");
        db.turn("ann", "two");
        db.turn("bob", "three");
        let head = "All is well.".to_owned();
        db.accept(&[entry("s", "ann", Wish::Status { head })]);
        let words = db.replies().remove(0).0;
        assert_eq!(words, "All is well.\nWaiting in this chat: 2");
    });
}

#[test]
fn stop_says_so_where_nothing_runs() {
    each(|db| {
        let done = db.accept(&[stop("s", "ann")]);
        assert!(done.to_stop.is_empty());
        assert_eq!(db.replies()[0].0, "Nothing is running.");
    });
}

#[test]
fn stop_ends_a_turn_that_waits_at_once() {
    each(|db| {
        let turn = db.turn("ann", "hello");
        let done = db.accept(&[stop("s", "ann")]);
        assert!(done.to_stop.is_empty());
        assert_eq!(
            db.state(turn),
            ("stopped".into(), Some("turn.stopped".into()))
        );
        assert!(db.claim().is_empty());
    });
}

#[test]
fn stop_marks_a_running_turn_for_its_worker() {
    each(|db| {
        let turn = db.turn("ann", "hello");
        db.begin();
        let done = db.accept(&[stop("s", "ann")]);
        assert_eq!(done.to_stop, [turn]);
        assert_eq!(db.state(turn).0, "running");
        assert!(db.replies().is_empty());
    });
}

#[test]
fn stop_makes_a_held_turn_due_so_that_its_worker_can_cancel_it() {
    each(|db| {
        let turn = db.turn("ann", "hello");
        let claimed = db.begin().remove(0);
        let mut back = crate::support::database::later(db.now, DAY);
        back.held = true;
        assert!(db.put_back(&claimed, &back));
        assert_eq!(db.accept(&[stop("s", "ann")]).to_stop, [turn]);
        let again = db.claim().remove(0);
        assert!(again.stop_asked);
        assert!(again.open.is_some());
    });
}

#[test]
fn a_stranger_is_counted_and_told_once_a_day_and_nothing_they_wrote_is_kept() {
    each(|db| {
        let notice = Some("Ask the operator.".to_owned());
        for (key, wait) in [("a", Duration::ZERO), ("b", DAY / 2), ("c", DAY / 2)] {
            db.wait(wait);
            let mut knock = entry(
                key,
                "eve",
                Wish::Refuse {
                    notice: notice.clone(),
                },
            );
            knock.inbound.raw = Some("SECRET WORDS".to_owned());
            let done = db.accept(&[knock]);
            assert!(matches!(&done.outcomes[0], Outcome::Refused(error)
                if error.code.as_str() == "access.refused"));
        }
        for table in ["messages", "turns", "people", "profiles"] {
            assert_eq!(db.count(table), 0, "{table}");
        }
        assert_eq!(db.count("refusals WHERE times = 3"), 1);
        assert_eq!(db.replies().len(), 2);
    });
}

#[test]
fn a_stranger_without_words_for_them_hears_nothing() {
    each(|db| {
        db.accept(&[entry("a", "eve", Wish::Refuse { notice: None })]);
        assert_eq!(db.count("refusals"), 1);
        assert_eq!(db.count("conversations"), 0);
        assert!(db.replies().is_empty());
    });
}

#[test]
fn a_deactivated_person_is_refused_and_what_waits_of_theirs_ends() {
    each(|db| {
        let (waits, runs) = (db.turn("ann", "one"), db.turn("ann", "two"));
        let off = Change::Activate {
            person: 1,
            active: false,
        };
        let claimed = db.claim().remove(0);
        assert_eq!(claimed.turn, waits);
        let now = db.now;
        let done = db.write(|conn| change::apply(conn, &off, now));
        assert_eq!(done.to_stop, [waits]);
        assert_eq!(
            db.state(runs),
            ("refused".into(), Some("access.inactive".into()))
        );
        let more = db.text("ann", "three");
        let done = db.accept(&[more]);
        assert!(matches!(&done.outcomes[0], Outcome::Refused(error)
            if error.code.as_str() == "access.inactive"));
        assert_eq!(db.count("messages"), 2);
        let on = Change::Activate {
            person: 1,
            active: true,
        };
        db.write(|conn| change::apply(conn, &on, now));
        let more = db.text("ann", "four");
        assert!(matches!(db.accept(&[more]).outcomes[0], Outcome::New));
    });
}

#[test]
fn an_edit_before_the_claim_replaces_the_text() {
    each(|db| {
        db.accept(&[joined("m", "ann", "helo", 0)]);
        let (of, text) = ("m".to_owned(), "hello".to_owned());
        db.accept(&[entry("m/1", "ann", Wish::Edit { of, text })]);
        assert_eq!(texts(db), ["hello"]);
        assert_eq!(db.count("turns"), 1);
    });
}

#[test]
fn an_edit_after_the_claim_is_a_turn_of_its_own() {
    each(|db| {
        db.accept(&[joined("m", "ann", "helo", 0)]);
        let first = db.claim().remove(0);
        let (of, text) = ("m".to_owned(), "hello".to_owned());
        db.accept(&[entry("m/1", "ann", Wish::Edit { of, text })]);
        assert!(db.settle(&first, &broca::store::queue::Ending::Silent));
        assert_eq!(texts(db), ["(edited) hello"]);
    });
}

#[test]
fn an_edit_of_what_was_never_seen_is_kept_and_asks_nothing() {
    each(|db| {
        let (of, text) = ("unknown".to_owned(), "hello".to_owned());
        db.accept(&[entry("m/1", "ann", Wish::Edit { of, text })]);
        assert_eq!(db.count("turns"), 0);
        assert_eq!(db.count("messages WHERE kind = 'edit'"), 1);
    });
}

#[test]
fn what_joins_becomes_one_turn_once_it_is_quiet() {
    each(|db| {
        db.accept(&[joined("1", "ann", "one", 500)]);
        db.wait(Duration::from_millis(400));
        db.accept(&[joined("2", "ann", "two", 500)]);
        db.wait(Duration::from_millis(400));
        assert!(db.claim().is_empty());
        db.wait(Duration::from_millis(100));
        assert_eq!(texts(db), ["one", "two"]);
        assert_eq!(db.count("turns"), 1);
    });
}

#[test]
fn nothing_joins_a_turn_that_was_claimed_or_is_of_another_person_or_key() {
    each(|db| {
        db.accept(&[joined("1", "ann", "one", 0)]);
        let mut of_bob = joined("2", "ann", "two", 0);
        of_bob.inbound.from.id = "u-bob".to_owned();
        db.accept(&[of_bob]);
        assert_eq!(db.count("turns"), 2);
        let mut other = joined("3", "ann", "three", 0);
        if let Wish::Turn {
            join: Some(join), ..
        } = &mut other.wish
        {
            join.key = "another album".to_owned();
        }
        db.accept(&[other]);
        assert_eq!(db.count("turns"), 3);
        db.accept(&[joined("4", "cy", "four", 0)]);
        assert_eq!(db.claim().len(), 2);
        db.accept(&[joined("5", "cy", "five", 0)]);
        assert_eq!(db.count("turns"), 5);
    });
}

#[test]
fn listen_keeps_and_is_not_replayed_when_the_mode_changes() {
    each(|db| {
        let kept = db.turn_in(Mode::Listen, false, "ann", "for later");
        assert_eq!(db.state(kept).0, "kept");
        let live = db.turn("ann", "for now");
        let claimed = db.claim();
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].turn, live);
        assert!(db.replies().is_empty());
    });
}

#[test]
fn retry_revives_what_was_kept() {
    each(|db| {
        let kept = db.turn_in(Mode::Listen, false, "ann", "for later");
        let retry = Change::Retry {
            turn: kept,
            mode: Mode::Live,
            agent_wide: false,
        };
        let now = db.now;
        db.write(|conn| change::apply(conn, &retry, now));
        assert_eq!(texts(db), ["for later"]);
    });
}

#[test]
fn a_chat_that_writes_again_gets_what_was_parked() {
    each(|db| {
        db.accept(&[entry("1", "ann", Wish::Reachable(false))]);
        db.say("ann", "are you there?");
        assert_eq!(db.replies()[0].1, "parked");
        assert!(db.claim_replies().is_empty());
        assert_eq!(outbox::next_due(&mut db.conn, db.now).expect("read"), None);
        let hello = db.text("ann", "here I am");
        db.accept(&[hello]);
        assert_eq!(db.claim_replies().len(), 1);
    });
}

#[test]
fn names_that_changed_are_brought_up_to_date() {
    each(|db| {
        db.turn("ann", "one");
        let mut renamed = db.text("ann", "two");
        renamed.inbound.from.name = Some("Ann".to_owned());
        db.accept(&[renamed]);
        assert_eq!(db.count("people"), 1);
        let claimed = db.claim().remove(0);
        assert_eq!(claimed.said[0].by.name.as_deref(), Some("Ann"));
        assert_eq!(claimed.to, crate::support::database::address("ann"));
    });
}
