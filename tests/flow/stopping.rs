//! `/stop`, `/status`, `/help`, and what the operator stops.

use std::time::Duration;

use crate::support::broca::until;
use crate::support::scene::{ANN, BEN, Scene};

const LONG: Duration = Duration::from_secs(20);

#[test]
fn stop_ends_the_turn_under_way_and_the_next_one_is_answered() {
    let scene = Scene::start();
    scene.letta.think(LONG);
    scene.telegram.push(ANN, "a long story");
    scene.letta.wait_for_turns(1);
    scene.letta.think(Duration::ZERO);
    scene.say(ANN, "/stop", 1);
    assert_eq!(scene.texts(ANN), ["Stopped."]);
    assert_eq!(
        (scene.letta.count(), scene.letta.runs()),
        (1, vec!["cancelled"])
    );
    scene.say(ANN, "next", 2);
    assert_eq!(scene.texts(ANN)[1], "echo: next");
    assert_eq!(scene.broca.turns("stopped"), 1);
}

#[test]
fn stop_ends_a_turn_that_the_agent_has_yet_to_begin() {
    let scene = Scene::start();
    scene.letta.think(LONG);
    scene.telegram.push(ANN, "a long story");
    scene.letta.wait_for_turns(1);
    // As Letta answers where the run to cancel is not there yet.
    scene.letta.refuse("/cancel", 409);
    scene.telegram.push(ANN, "/stop");
    until("a first try", || {
        scene
            .letta
            .requests()
            .iter()
            .any(|path| path.contains("/cancel"))
    });
    scene.letta.heal();
    scene.telegram.wait_sent(1, LONG);
    assert_eq!(scene.texts(ANN), ["Stopped."]);
    assert_eq!(scene.letta.runs(), ["cancelled"]);
}

#[test]
fn stop_touches_nobody_else() {
    let scene = Scene::start();
    scene.letta.think(Duration::from_secs(2));
    scene.telegram.push(BEN, "mine goes on");
    scene.letta.wait_for_turns(1);
    scene.say(ANN, "/stop", 1);
    assert_eq!(scene.texts(ANN), ["Nothing is running."]);
    scene.telegram.wait_sent(2, LONG);
    assert_eq!(scene.texts(BEN), ["echo: mine goes on"]);
}

#[test]
fn commands_answer_at_once_beside_a_turn_and_reach_no_agent() {
    let scene = Scene::start();
    scene.letta.think(LONG);
    scene.telegram.push(ANN, "a long story");
    scene.letta.wait_for_turns(1);
    scene.say(ANN, "/status", 1);
    scene.say(ANN, "/help", 2);
    scene.say(ANN, "/start", 3);
    let told = scene.texts(ANN);
    assert!(
        told[0].contains("The agent answers") && told[0].contains("chat: 1"),
        "{told:?}"
    );
    assert!(
        told[1].contains("/stop") && told[2].contains("Hello"),
        "{told:?}"
    );
    assert_eq!(scene.letta.count(), 1);
}

#[test]
fn the_operator_cancels_what_runs_and_flushes_what_waits() {
    let scene = Scene::start();
    scene.letta.think(LONG);
    for text in ["one", "two", "three"] {
        scene.telegram.push(ANN, text);
    }
    scene.letta.wait_for_turns(1);
    until("three turns", || scene.broca.turns("ready") == 2);
    let done = scene.broca.run(&["queue", "flush", "--json"]);
    assert_eq!(
        (done.code, done.error()["code"].as_str()),
        (2, Some("usage"))
    );
    let flushed = scene.broca.ask(&["queue", "flush", "--yes"]);
    assert_eq!(flushed["stopped"].as_array().map(Vec::len), Some(2));
    let listed = scene.broca.ask(&["queue", "list"]);
    let id = listed[0]["id"].to_string();
    assert_eq!(
        (listed.as_array().map(Vec::len), &listed[0]["state"]),
        (Some(1), &"running".into())
    );
    assert_eq!(
        scene.broca.ask(&["queue", "cancel", &id])["state"],
        "stopping"
    );
    scene.telegram.wait_sent(3, LONG);
    scene.broca.wait_idle();
    assert_eq!((scene.broca.turns("stopped"), scene.letta.count()), (3, 1));
}
