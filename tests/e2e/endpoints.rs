//! Several endpoints at once, switched off and on while running.

use crate::support::broca::SOON;
use crate::support::scene::{ANN, Scene};
use crate::support::web::Web;

#[test]
fn two_endpoints_carry_messages_at_once() {
    let scene = Scene::start();
    let web = Web::visit(&scene.broca.url());
    web.post("k", "from the web");
    scene.say(ANN, "from telegram", 1);
    let done = scene.broca.run(&["chat", "from the terminal"]);
    assert_eq!(done.out, "echo: from the terminal\n");
    let answer = web.events(0).find(|event| event.data["role"] == "agent");
    assert_eq!(
        answer.expect("it is answered").data["text"],
        "echo: from the web"
    );
    assert_eq!(scene.texts(ANN), ["echo: from telegram"]);
    let turns = scene.letta.turns();
    let mut places: Vec<_> = turns
        .iter()
        .map(|turn| turn.conversation.as_str())
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 3);
}

#[test]
fn an_endpoint_is_switched_off_and_on_while_running() {
    let scene = Scene::start();
    let web = Web::visit(&scene.broca.url());
    scene.say(ANN, "one", 1);
    scene.broca.edit(
        "[endpoint.telegram]",
        "[endpoint.telegram]\nenabled = false",
    );
    scene.broca.reload();
    scene.telegram.push(ANN, "two");
    web.post("k", "meanwhile");
    let answer = web.events(0).find(|event| event.data["role"] == "agent");
    assert_eq!(
        answer.expect("it is answered").data["text"],
        "echo: meanwhile"
    );
    let status = scene.broca.ask(&["status"]);
    assert!(status["daemon"]["health"]["telegram"].is_null(), "{status}");
    assert_eq!(scene.letta.count(), 2);
    scene.broca.edit("enabled = false", "enabled = true");
    scene.broca.reload();
    scene.telegram.wait_sent(2, SOON);
    assert_eq!(scene.texts(ANN), ["echo: one", "echo: two"]);
}

#[test]
fn the_web_chat_is_switched_off_and_on_while_running() {
    let scene = Scene::start_with("[endpoint.webchat]\nenabled = true\n");
    let web = Web::visit(&scene.broca.url());
    scene.broca.edit("enabled = true", "enabled = false");
    scene.broca.reload();
    let body = r#"{"text":"hello","key":"k"}"#;
    let answer = web.call("POST", "/api/v1/messages", &[], Some(body));
    assert!(
        answer.status == 404 || answer.status == 503,
        "{}",
        answer.status
    );
    scene.say(ANN, "hello", 1);
    scene.broca.edit("enabled = false", "enabled = true");
    scene.broca.reload();
    assert!(web.post("k", "back"));
    let answer = web.events(0).find(|event| event.data["role"] == "agent");
    assert_eq!(answer.expect("it is answered").data["text"], "echo: back");
}

#[test]
fn who_may_talk_is_changed_while_running() {
    let scene = Scene::start();
    scene.say(ANN, "one", 1);
    scene.broca.edit(
        "access = \"open\"",
        "access = \"allowlist\"\nallow = [1001]",
    );
    scene.broca.reload();
    scene.telegram.push(1_002, "not I");
    scene.say(ANN, "two", 3);
    assert_eq!((scene.texts(ANN).len(), scene.letta.count()), (2, 2));
}
