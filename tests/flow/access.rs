//! Who may talk, and what they are told.

use crate::support::broca::{SOON, until};
use crate::support::scene::{ANN, BEN, Scene};

fn only_ann() -> Scene {
    let scene = Scene::ready_with("");
    let owner = format!("access = \"owner\"\nowner_id = {ANN}");
    scene.broca.edit("access = \"open\"", &owner);
    scene.broca.start();
    scene
}

#[test]
fn a_stranger_is_refused_once_and_never_reaches_the_agent() {
    let scene = only_ann();
    for text in ["let me in", "please", "/status"] {
        scene.telegram.push(BEN, text);
    }
    scene.say(ANN, "hello", 2);
    scene.broca.wait_idle();
    assert_eq!(scene.texts(ANN), ["echo: hello"]);
    let told = scene.texts(BEN);
    assert!(told.len() == 1 && told[0].contains("1002"), "{told:?}");
    assert_eq!(scene.letta.count(), 1);
    let status = scene.broca.ask(&["status"]);
    assert_eq!(status["stats"]["refused"], 3);
    scene.broca.stop();
    let files = ["broca.db", "broca.db-wal"].map(|name| std::fs::read(scene.broca.path(name)));
    let stored = |text: &[u8]| {
        let mut bytes = files
            .iter()
            .flatten()
            .flat_map(|bytes| bytes.windows(text.len()));
        bytes.any(|bytes| bytes == text)
    };
    assert_eq!((stored(b"let me in"), stored(b"hello")), (false, true));
}

#[test]
fn who_is_deactivated_is_not_heard_until_activated_again() {
    let scene = Scene::start();
    scene.say(ANN, "before", 1);
    let users = scene.broca.ask(&["users", "list"]);
    let id = users[0]["id"].to_string();
    scene.broca.ask(&["users", "deactivate", &id]);
    for text in ["during", "still"] {
        scene.telegram.push(ANN, text);
    }
    until("two refusals", || {
        scene.broca.ask(&["status"])["stats"]["refused"] == 2
    });
    scene.telegram.wait_sent(2, SOON);
    scene.broca.ask(&["users", "activate", &id]);
    scene.say(ANN, "after", 3);
    let told = scene.texts(ANN);
    assert_eq!(
        (told[0].as_str(), told[2].as_str()),
        ("echo: before", "echo: after")
    );
    assert!(told[1].contains("switched off"), "{told:?}");
    assert_eq!(scene.letta.count(), 2);
}

#[test]
fn deactivating_stops_the_turn_that_runs_and_what_waits() {
    let scene = Scene::start();
    scene.letta.think(std::time::Duration::from_secs(20));
    scene.telegram.push(ANN, "long");
    scene.letta.wait_for_turns(1);
    scene.telegram.push(ANN, "next");
    until("the second turn", || scene.broca.turns("ready") == 1);
    let id = scene.broca.ask(&["users", "list"])[0]["id"].to_string();
    scene.broca.ask(&["users", "deactivate", &id]);
    scene.broca.wait_idle();
    assert_eq!(
        (scene.broca.turns("refused"), scene.broca.turns("stopped")),
        (1, 1)
    );
    assert_eq!(
        (scene.letta.count(), scene.letta.runs()),
        (1, vec!["cancelled"])
    );
}

#[test]
fn an_update_that_cannot_be_understood_does_not_stop_the_rest() {
    let scene = Scene::start();
    scene
        .telegram
        .push_update(&serde_json::json!({"invented": {"by": "tomorrow"}}));
    scene
        .telegram
        .push_update(&serde_json::json!({"message": {"message_id": "x"}}));
    scene.say(ANN, "hello", 1);
    assert_eq!(scene.texts(ANN), ["echo: hello"]);
}
