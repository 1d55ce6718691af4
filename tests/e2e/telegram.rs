//! A Telegram that limits, blocks, refuses, breaks off.

use std::time::{Duration, Instant};

use crate::support::broca::SOON;
use crate::support::letta::Step;
use crate::support::scene::{ANN, BEN, Scene};
use crate::support::telegram::Fault;

#[test]
fn a_wait_that_telegram_asks_for_is_kept_to() {
    let scene = Scene::start();
    scene.telegram.fail_next("sendMessage", Fault::flood(1));
    let began = Instant::now();
    let sent = scene.say(ANN, "hello", 1);
    assert!(sent[0].at.duration_since(began) >= Duration::from_secs(1));
    scene.broca.wait_idle();
    assert_eq!(
        (
            scene.telegram.sent_count(),
            scene.telegram.calls("sendMessage").len()
        ),
        (1, 2)
    );
    assert_eq!(scene.broca.repeats(), 0);
}

#[test]
fn replies_to_someone_who_blocked_the_bot_wait_until_they_write_again() {
    let scene = Scene::start();
    scene.telegram.fail_next("sendMessage", Fault::blocked());
    scene.telegram.push(ANN, "one");
    scene.broca.wait_status("a parked reply", |status| {
        status["stats"]["replies"]["parked"] == 1
    });
    scene.say(BEN, "hello", 1);
    assert!(scene.texts(ANN).is_empty());
    scene.broca.wait_status("Ben's reply", |status| {
        status["stats"]["replies"]["said"] == 1
    });
    scene.revive();
    scene.say(ANN, "two", 3);
    assert_eq!(scene.texts(ANN), ["echo: one", "echo: two"]);
    assert_eq!((scene.letta.count(), scene.broca.repeats()), (3, 0));
}

#[test]
fn a_part_whose_styles_are_refused_goes_as_plain_text() {
    let scene = Scene::start();
    scene
        .letta
        .reply_with(|_| vec![Step::Say("**so** be it".to_owned())]);
    let words = "Bad Request: can't parse entities: unsupported";
    scene
        .telegram
        .fail_next("sendMessage", Fault::refuse(400, words));
    let sent = scene.say(ANN, "hello", 1).remove(0);
    assert_eq!((sent.text.as_str(), sent.entities.len()), ("so be it", 0));
}

#[test]
fn what_was_surely_not_sent_is_sent_again_and_counts_as_no_repeat() {
    let scene = Scene::start();
    let words = "Internal Server Error";
    scene
        .telegram
        .fail_next("sendMessage", Fault::refuse(500, words));
    scene.say(ANN, "hello", 1);
    scene.broca.wait_idle();
    assert_eq!(scene.texts(ANN), ["echo: hello"]);
}

#[test]
fn a_lost_confirmation_is_repeated_and_counted() {
    let scene = Scene::start();
    scene.telegram.fail_next("sendMessage", Fault::ResetAfter);
    scene.say(ANN, "hello", 2);
    scene.broca.wait_idle();
    assert_eq!(scene.texts(ANN), ["echo: hello", "echo: hello"]);
    assert_eq!((scene.broca.repeats(), scene.letta.count()), (1, 1));
    assert_said(&scene, "parts that may have arrived: 1 sent again, 0 left");
}

fn assert_said(scene: &Scene, words: &str) {
    let status = scene.broca.run(&["status"]);
    assert!(status.out.contains(words), "{status:?}");
}

#[test]
fn a_lost_confirmation_is_left_where_the_operator_says_so() {
    let scene = Scene::start_with("[outbox]\nuncertain = \"skip\"\n");
    scene.telegram.fail_next("sendMessage", Fault::TornAfter);
    scene.telegram.push(ANN, "one");
    scene.telegram.wait_sent(1, SOON);
    scene.broca.wait_idle();
    scene.say(ANN, "two", 2);
    assert_eq!(scene.texts(ANN), ["echo: one", "echo: two"]);
    let status = scene.broca.ask(&["status"]);
    assert_eq!(
        (
            &status["stats"]["repeated_parts"],
            &status["stats"]["unknowable_parts"]
        ),
        (&0.into(), &1.into())
    );
    assert_said(&scene, "parts that may have arrived: 0 sent again, 1 left");
}

#[test]
fn a_long_reply_resumes_at_the_part_that_failed() {
    let scene = Scene::start();
    scene.letta.reply_with(|_| {
        let page = |letter: &str| letter.repeat(3_000);
        vec![Step::Say(["a", "b", "c"].map(page).join("\n\n"))]
    });
    scene.say(ANN, "warm up", 3);
    scene.telegram.fail_next("sendMessage", Fault::flood(1));
    scene.say(ANN, "again", 6);
    scene.broca.wait_idle();
    let starts: String = scene.texts(ANN).iter().map(|text| &text[..1]).collect();
    assert_eq!((starts.as_str(), scene.broca.repeats()), ("abcabc", 0));
}

#[test]
fn failing_polls_heal_and_lose_nothing() {
    let scene = Scene::start();
    for fault in [Fault::Html(502), Fault::Malformed, Fault::ResetBefore] {
        scene.telegram.fail_next("getUpdates", fault);
    }
    for text in ["one", "two"] {
        scene.telegram.push(ANN, text);
    }
    scene.telegram.wait_sent(2, SOON);
    assert_eq!(
        (scene.texts(ANN), scene.letta.count()),
        (vec!["echo: one".to_owned(), "echo: two".to_owned()], 2)
    );
    scene.broca.wait_log("telegram cannot receive");
    scene.broca.wait_log("telegram receives");
}

#[test]
fn an_update_that_comes_twice_is_one_turn() {
    let scene = Scene::start();
    let mut message = crate::support::telegram::Telegram::message(ANN);
    message["message_id"] = 77.into();
    message["text"] = "hello".into();
    scene.telegram.push_message("message", message.clone());
    scene.telegram.wait_sent(1, SOON);
    scene.telegram.push_message("message", message);
    scene.say(ANN, "next", 2);
    assert_eq!(
        (scene.texts(ANN), scene.letta.count()),
        (vec!["echo: hello".to_owned(), "echo: next".to_owned()], 2)
    );
}

#[test]
fn an_edit_of_what_was_answered_is_a_turn_of_its_own() {
    let scene = Scene::start();
    let number = scene.telegram.push(ANN, "helo");
    scene.telegram.wait_sent(1, SOON);
    scene.telegram.edit(ANN, number, "hello", 1_700_000_100);
    scene.telegram.wait_sent(2, SOON);
    assert_eq!(scene.texts(ANN)[1], "echo: (edited) hello");
}
