//! An agent that is out of reach: people are told, nothing is lost, everything is answered afterwards.

use std::time::Duration;

use crate::support::broca::SOON;
use crate::support::scene::{ANN, BEN, Scene};

const HASTE: &str = "[queue]\nnotice_after = \"1s\"\n";

#[test]
fn with_a_wrong_key_people_are_told_and_all_is_answered_once_it_is_right() {
    let scene = Scene::start_with(HASTE);
    scene.letta.lock("open sesame 2");
    scene.telegram.push(ANN, "one");
    scene.telegram.push(ANN, "two");
    scene.telegram.push(BEN, "three");
    scene.telegram.wait_sent(2, SOON);
    for chat in [ANN, BEN] {
        let told = scene.texts(chat);
        assert!(
            told.len() == 1 && told[0].contains("agent.unauthorized"),
            "{told:?}"
        );
        assert!(told[0].contains("kept"), "{told:?}");
    }
    let status = scene.broca.ask(&["status"]);
    assert_eq!(
        status["daemon"]["health"]["agent"]["code"],
        "agent.unauthorized"
    );
    scene.give_key("open sesame 2");
    scene.broca.reload();
    scene.telegram.wait_sent(5, SOON);
    assert_eq!(scene.texts(ANN)[1..], ["echo: one", "echo: two"]);
    assert_eq!(
        (scene.texts(BEN)[1].as_str(), scene.letta.count()),
        ("echo: three", 3)
    );
    let status = scene.broca.ask(&["status"]);
    assert!(
        status["daemon"]["health"]["agent"]["code"].is_null(),
        "{status}"
    );
}

#[test]
fn a_key_from_a_file_is_read_again_by_itself_when_the_file_changes() {
    let scene = Scene::ready_with("");
    let token = scene.telegram.token();
    scene
        .broca
        .write(".env", &format!("TELEGRAM_BOT_TOKEN={token}\n"));
    scene.broca.write("key", "wrong\n");
    scene
        .broca
        .edit("[agent]", "[agent]\napi_key = { file = \"key\" }");
    scene.letta.lock("right");
    scene.broca.start();
    scene.telegram.push(ANN, "hello");
    scene.broca.wait_log("agent.unauthorized");
    scene.broca.write("key", "right\n");
    scene.telegram.wait_sent(1, SOON);
    assert_eq!(scene.texts(ANN), ["echo: hello"]);
}

#[test]
fn a_letta_that_is_down_is_waited_for() {
    let scene = Scene::start();
    scene.letta.stop();
    for chat in [ANN, BEN] {
        scene.telegram.push(chat, "hello");
    }
    scene.broca.wait_log("agent.unreachable");
    let shown = scene.say(ANN, "/status", 1).remove(0).text;
    assert!(shown.contains("cannot be reached"), "{shown}");
    scene.letta.restart();
    scene.telegram.wait_sent(3, SOON);
    assert_eq!(
        (scene.texts(BEN), scene.letta.count()),
        (vec!["echo: hello".to_owned()], 2)
    );
}

#[test]
fn a_letta_that_was_down_across_a_restart_of_broca_is_waited_for_too() {
    let scene = Scene::ready_with("");
    scene.letta.stop();
    scene.broca.start();
    scene.telegram.push(ANN, "hello");
    scene.broca.wait_log("agent.unreachable");
    scene.revive();
    scene.broca.wait_log("agent.unreachable");
    scene.letta.restart();
    scene.telegram.wait_sent(1, SOON);
    assert_eq!(
        (scene.texts(ANN), scene.letta.count()),
        (vec!["echo: hello".to_owned()], 1)
    );
}

#[test]
fn a_turn_that_died_with_letta_is_never_left_in_silence() {
    let scene = Scene::ready_with("");
    scene
        .broca
        .edit("turn_timeout = \"60s\"", "turn_timeout = \"3s\"");
    scene.broca.start();
    scene.letta.ping_every(Duration::from_millis(100));
    scene.letta.think(Duration::from_mins(1));
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    scene.letta.stop();
    scene.letta.think(Duration::ZERO);
    scene.letta.restart();
    let shown = scene.telegram.wait_sent(1, SOON).remove(0).text;
    assert!(shown.contains("agent."), "{shown}");
    assert_eq!(scene.letta.count(), 1);
    scene.say(ANN, "next", 2);
    assert_eq!(scene.texts(ANN)[1], "echo: next");
}

#[test]
fn what_waited_too_long_is_given_up_with_a_word() {
    let scene = Scene::start_with(HASTE);
    scene.letta.lock("another key");
    scene.telegram.push(ANN, "hello");
    scene.telegram.wait_sent(1, SOON);
    scene.execute("UPDATE turns SET created_at = created_at - 2 * 86400000");
    scene.telegram.wait_sent(2, SOON);
    let told = scene.texts(ANN);
    assert!(
        told[1].contains("turn.expired") && told[1].contains("agent.unauthorized"),
        "{told:?}"
    );
    scene.broca.wait_idle();
    let failed = scene.broca.ask(&["queue", "list", "--state", "failed"]);
    assert_eq!(failed[0]["code"], "turn.expired");
    scene.give_key("another key");
    scene.broca.reload();
    scene
        .broca
        .ask(&["queue", "retry", &failed[0]["id"].to_string()]);
    scene.telegram.wait_sent(3, SOON);
    assert_eq!(
        (scene.texts(ANN)[2].as_str(), scene.letta.count()),
        ("echo: hello", 1)
    );
}
