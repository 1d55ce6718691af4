//! An agent that fails, stalls, refuses, forgets.

use std::time::Duration;

use crate::support::broca::SOON;
use crate::support::letta::{Fault, Step};
use crate::support::scene::{ANN, BEN, Scene};

const CAL: i64 = 1003;

#[test]
fn a_failure_of_the_model_is_tried_again_and_answered_once() {
    let scene = Scene::start();
    scene.letta.fail_next(Fault::Fail("llm_server_error"));
    scene.letta.fail_next(Fault::Fail("llm_rate_limit"));
    scene.telegram.push(ANN, "one");
    scene.telegram.push(BEN, "two");
    scene.telegram.wait_sent(2, SOON);
    scene.broca.wait_idle();
    assert_eq!(
        (scene.texts(ANN), scene.texts(BEN)),
        (said("one"), said("two"))
    );
}

#[test]
fn refused_and_broken_requests_become_one_turn_each() {
    let scene = Scene::start();
    let busy = r#"{"detail":"CONFLICT: Cannot send a new message"}"#;
    for fault in [
        Fault::Status(429, "{}"),
        Fault::Status(500, "{}"),
        Fault::Status(409, busy),
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::CutAfter(2),
    ] {
        scene.letta.fail_next(fault);
    }
    for chat in ANN..ANN + 6 {
        scene.telegram.push(chat, &format!("from {chat}"));
    }
    scene.telegram.wait_sent(6, SOON);
    scene.broca.wait_idle();
    for chat in ANN..ANN + 6 {
        assert_eq!(scene.texts(chat), said(&format!("from {chat}")));
    }
    assert_eq!(scene.letta.count(), 6);
}

#[test]
fn failures_are_shown_when_the_budget_is_spent_and_retry_answers() {
    let scene = Scene::start_with("[queue]\nmax_attempts = 2\n");
    scene.letta.fail_next(Fault::Fail("llm_server_error"));
    scene.letta.fail_next(Fault::Fail("llm_server_error"));
    let shown = scene.say(ANN, "hello", 1).remove(0).text;
    assert!(shown.contains("agent.failed"), "{shown}");
    let failed = scene.broca.ask(&["queue", "list", "--state", "failed"]);
    assert_eq!(failed[0]["code"], "agent.failed");
    let id = failed[0]["id"].to_string();
    scene.broca.ask(&["queue", "retry", &id]);
    scene.telegram.wait_sent(2, SOON);
    assert_eq!(scene.texts(ANN)[1], "echo: hello");
}

#[test]
fn what_no_retry_can_help_is_shown_at_once() {
    let scene = Scene::start();
    for fault in [
        Fault::Status(422, r#"{"detail":"no"}"#),
        Fault::FailMidway("llm_server_error"),
    ] {
        scene.letta.fail_next(fault);
        let sent = scene.telegram.sent_count() + 1;
        scene.say(ANN, "hello", sent);
    }
    let shown = scene.texts(ANN);
    assert!(
        shown[0].contains("agent.rejected") && shown[1].contains("agent.failed-midway"),
        "{shown:?}"
    );
    assert_eq!((scene.letta.count(), scene.broca.turns("failed")), (1, 2));
    scene.say(ANN, "again", 3);
    assert_eq!(scene.texts(ANN)[2], "echo: again");
}

#[test]
fn a_turn_that_never_ends_is_stopped_and_shown() {
    let scene = Scene::ready_with("");
    scene
        .broca
        .edit("turn_timeout = \"60s\"", "turn_timeout = \"1s\"");
    scene.broca.start();
    scene.letta.ping_every(Duration::from_millis(100));
    scene.letta.fail_next(Fault::Hang);
    let shown = scene.say(ANN, "hello", 1).remove(0).text;
    assert!(shown.contains("agent.timed-out"), "{shown}");
    assert_eq!(scene.letta.runs(), ["cancelled"]);
    scene.say(ANN, "next", 2);
    assert_eq!(
        (scene.texts(ANN)[1].as_str(), scene.letta.count()),
        ("echo: next", 2)
    );
}

#[test]
fn an_empty_answer_is_shown_and_a_chosen_silence_is_not() {
    let scene = Scene::start();
    scene.letta.reply_with(|turn| match turn.texts[0].as_str() {
        "empty" => vec![],
        "silent" => vec![Step::Tool("memory_insert".to_owned())],
        _ => vec![Step::Say("well".to_owned())],
    });
    for text in ["empty", "silent", "words"] {
        scene.telegram.push(ANN, text);
    }
    scene.telegram.wait_sent(2, SOON);
    let shown = scene.texts(ANN);
    assert!(
        shown[0].contains("agent.empty-answer") && shown[1] == "well",
        "{shown:?}"
    );
    assert_eq!((scene.broca.turns("silent"), scene.letta.count()), (1, 3));
}

#[test]
fn a_question_for_leave_is_denied_and_the_turn_ends_in_words() {
    let scene = Scene::start();
    scene.letta.reply_with(|turn| match turn.decisions.first() {
        None => vec![Step::Ask("delete_everything".to_owned())],
        Some((_, true)) => vec![Step::Say("done".to_owned())],
        Some((_, false)) => vec![Step::Say("then not".to_owned())],
    });
    scene.say(ANN, "clean up", 1);
    assert_eq!(scene.texts(ANN), ["then not"]);
}

#[test]
fn a_conversation_that_was_deleted_at_letta_is_made_anew() {
    let scene = Scene::start();
    scene.say(ANN, "one", 1);
    let old = scene.letta.turns()[0].conversation.clone();
    scene.letta.delete_conversation(&old);
    scene.say(ANN, "two", 2);
    assert_eq!(scene.texts(ANN)[1], "echo: two");
    let turns = scene.letta.turns();
    assert_eq!(turns.len(), 2);
    assert_ne!(turns[1].conversation, old);
}

#[test]
fn a_letta_without_redis_answers_too() {
    let scene = Scene::ready_with("");
    scene.letta.redis(false);
    scene.broca.start();
    for chat in [ANN, BEN, CAL] {
        scene.telegram.push(chat, "hello");
    }
    scene.telegram.wait_sent(3, SOON);
    assert_eq!((scene.letta.count(), scene.texts(CAL)), (3, said("hello")));
}

fn said(text: &str) -> Vec<String> {
    vec![format!("echo: {text}")]
}
