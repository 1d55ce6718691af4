//! `echo`, `listen` and `live`, changed while running.

use crate::support::broca::{SOON, until};
use crate::support::scene::{ANN, Scene};

#[test]
fn the_mode_changes_while_running_and_touches_only_later_messages() {
    let scene = Scene::start();
    scene.broca.edit("mode = \"live\"", "mode = \"echo\"");
    scene.broca.reload();
    scene.say(ANN, "back", 1);
    assert_eq!(
        (scene.texts(ANN), scene.letta.count()),
        (vec!["back".to_owned()], 0)
    );
    scene.broca.edit("mode = \"echo\"", "mode = \"listen\"");
    scene.broca.reload();
    scene.telegram.push(ANN, "kept");
    until("the kept turn", || scene.broca.turns("kept") == 1);
    scene.broca.edit("mode = \"listen\"", "mode = \"live\"");
    scene.broca.reload();
    scene.say(ANN, "answered", 2);
    assert_eq!(scene.texts(ANN), ["back", "echo: answered"]);
    assert_eq!((scene.letta.count(), scene.broca.turns("kept")), (1, 1));
}

#[test]
fn a_kept_message_is_answered_by_retry_alone() {
    let scene = Scene::ready_with("");
    scene.broca.edit("mode = \"live\"", "mode = \"listen\"");
    scene.broca.start();
    for text in ["one", "two"] {
        scene.telegram.push(ANN, text);
    }
    until("two kept turns", || scene.broca.turns("kept") == 2);
    scene.broca.stop();
    scene.broca.edit("mode = \"listen\"", "mode = \"live\"");
    scene.broca.start();
    scene.say(ANN, "new", 1);
    assert_eq!(scene.texts(ANN), ["echo: new"]);
    let done = scene.broca.ask(&["queue", "retry", "--state", "kept"]);
    assert_eq!(done.as_array().map(Vec::len), Some(2), "{done}");
    scene.telegram.wait_sent(3, SOON);
    assert_eq!(scene.texts(ANN), ["echo: new", "echo: one", "echo: two"]);
}

#[test]
fn settings_set_reaches_the_running_daemon() {
    let scene = Scene::start();
    scene.broca.ask(&["settings", "set", "mode", "echo"]);
    scene.broca.wait_log("the configuration was read again");
    scene.say(ANN, "back", 1);
    assert_eq!(scene.texts(ANN), ["back"]);
}

#[test]
fn a_broken_configuration_changes_nothing() {
    let scene = Scene::start();
    scene.broca.edit("mode = \"live\"", "mode = \"lively\"");
    scene.broca.signal("HUP");
    scene.broca.wait_log("stays as it was");
    scene.say(ANN, "still there", 1);
    assert_eq!(scene.texts(ANN), ["echo: still there"]);
}

#[test]
fn without_an_agent_messages_come_back() {
    let scene = Scene::ready_with("");
    let telegram = scene.telegram.url();
    scene.broca.configure(&format!(
        "[endpoint.telegram]\napi_url = \"{telegram}\"\naccess = \"open\"\n"
    ));
    scene.broca.start();
    scene.say(ANN, "hello", 1);
    assert_eq!(
        (scene.texts(ANN), scene.letta.request_count()),
        (vec!["hello".to_owned()], 0)
    );
}
