//! `broca chat`.

use serde_json::Value;

use crate::support::letta::Fault;
use crate::support::scene::{ANN, Scene};

#[test]
fn it_talks_through_the_daemon() {
    let scene = Scene::start();
    let done = scene.broca.run(&["chat", "hello"]);
    assert_eq!(
        (done.code, done.out.as_str()),
        (0, "echo: hello\n"),
        "{done:?}"
    );
    let done = scene.broca.run_with(&["chat"], "one\n\ntwo\n");
    assert_eq!(
        (done.code, done.out.as_str()),
        (0, "echo: one\necho: two\n"),
        "{done:?}"
    );
    scene.say(ANN, "beside it", 1);
    let turns = scene.letta.turns();
    assert_eq!(
        (turns.len(), turns[0].conversation == turns[2].conversation),
        (4, true)
    );
}

#[test]
fn it_talks_without_a_daemon_for_its_own_messages_alone() {
    let scene = Scene::ready_with("");
    scene.telegram.push(ANN, "not now");
    let done = scene.broca.run(&["chat", "hello"]);
    assert_eq!(
        (done.code, done.out.as_str()),
        (0, "echo: hello\n"),
        "{done:?}"
    );
    let done = scene.broca.run(&["chat", "again"]);
    assert_eq!(
        (done.code, done.out.as_str()),
        (0, "echo: again\n"),
        "{done:?}"
    );
    assert_eq!((scene.letta.count(), scene.telegram.sent_count()), (2, 0));
    scene.broca.start();
    scene.telegram.wait_sent(1, crate::support::broca::SOON);
    assert_eq!(scene.texts(ANN), ["echo: not now"]);
}

#[test]
fn json_is_one_message_a_line() {
    let scene = Scene::start();
    let done = scene.broca.run_with(&["chat", "--json"], "one\ntwo\n");
    let lines: Vec<Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let agent: Vec<_> = lines
        .iter()
        .filter(|line| line["role"] == "agent")
        .collect();
    assert_eq!((done.code, agent.len()), (0, 2), "{done:?}");
    assert_eq!(
        (&agent[0]["text"], &agent[1]["text"]),
        (&"echo: one".into(), &"echo: two".into())
    );
}

#[test]
fn a_failed_turn_is_shown_and_fails_the_command() {
    let scene = Scene::start();
    scene
        .letta
        .fail_next(Fault::Status(422, r#"{"detail":"no"}"#));
    let done = scene.broca.run(&["chat", "hello"]);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.out.contains("agent.rejected"), "{done:?}");
}

#[test]
fn sessions_have_histories_of_their_own() {
    let scene = Scene::start();
    for session in ["a", "b", "a"] {
        scene.broca.run(&["chat", "hello", "--session", session]);
    }
    let turns = scene.letta.turns();
    let places: Vec<_> = turns.iter().map(|turn| &turn.conversation).collect();
    assert!(
        places[0] == places[2] && places[0] != places[1],
        "{places:?}"
    );
}
