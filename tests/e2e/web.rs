//! The web chat of the real binary.

use std::time::Duration;

use serde_json::Value;

use crate::support::broca::until;
use crate::support::chat::Event;
use crate::support::scene::Scene;
use crate::support::web::Web;

/// Reads messages until one is the agent's; gives role, text and id of each.
fn until_answer(events: &mut impl Iterator<Item = Event>) -> Vec<(String, String, i64)> {
    let mut seen = Vec::new();
    for event in events.filter(|event| event.name == "message") {
        let text = |field: &str| event.data[field].as_str().unwrap_or_default().to_owned();
        let id = event.id.expect("a message has an id");
        seen.push((text("role"), text("text"), id));
        if text("role") == "agent" {
            return seen;
        }
    }
    panic!("the stream ended: {seen:?}");
}

fn words(seen: &[(String, String, i64)]) -> Vec<String> {
    seen.iter()
        .map(|(role, text, _)| format!("{role}: {text}"))
        .collect()
}

fn body(answer: broca::http::Answer) -> (u16, Value) {
    let status = answer.status;
    let text = answer.text().expect("a body");
    (
        status,
        serde_json::from_str(&text).unwrap_or(Value::String(text)),
    )
}

#[test]
fn a_message_posted_twice_is_one_turn_shown_as_it_comes() {
    let scene = Scene::start();
    let web = Web::visit(&scene.broca.url());
    scene.letta.think(Duration::from_millis(300));
    let mut events = web.events(0);
    assert!(web.post("k1", "hello"));
    assert!(!web.post("k1", "hello"));
    let mut steps = Vec::new();
    let mut seen = Vec::new();
    for event in &mut events {
        if event.name == "progress" {
            steps.push(event.data["step"].as_str().unwrap_or_default().to_owned());
        } else if event.name == "message" {
            seen.push(event.data["role"].as_str().unwrap_or_default().to_owned());
            if event.data["role"] == "agent" {
                assert_eq!(event.data["text"], "echo: hello");
                break;
            }
        }
    }
    assert_eq!(seen, ["user", "agent"]);
    assert!(steps.iter().any(|step| step == "thinking"), "{steps:?}");
    scene.broca.wait_idle();
    assert_eq!((scene.letta.count(), scene.broca.turns("replied")), (1, 1));
}

#[test]
fn a_stream_goes_on_across_a_crash_without_loss_or_doubles() {
    let scene = Scene::start();
    let web = Web::visit(&scene.broca.url());
    let mut events = web.events(0);
    web.post("k1", "one");
    let first = until_answer(&mut events);
    let reached = first.last().expect("two").2;
    scene.letta.think(Duration::from_millis(500));
    web.post("k2", "two");
    scene.letta.wait_for_turns(2);
    scene.revive();
    let later = until_answer(&mut web.events(reached));
    assert_eq!(words(&first), ["user: one", "agent: echo: one"]);
    assert_eq!(words(&later), ["user: two", "agent: echo: two"]);
    let all = until_answer(&mut web.events(0).skip_while(|event| event.id <= Some(reached)));
    assert_eq!(all, later);
    assert_eq!(scene.letta.count(), 2);
    assert!(!web.post("k2", "two"));
}

#[test]
fn other_sites_and_bad_requests_are_refused_with_a_reason() {
    let scene = Scene::start();
    let url = scene.broca.url();
    let (web, stranger) = (Web::visit(&url), Web::stranger(&url));
    let json = r#"{"text":"hello","key":"k"}"#;
    let long = format!(r#"{{"text":"{}","key":"k"}}"#, "a".repeat(400_000));
    let post = |web: &Web, headers: &[(&'static str, &str)], text: &str| {
        let (status, body) = body(web.call("POST", "/api/v1/messages", headers, Some(text)));
        (status, body["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());
    let site = [("origin", "https://evil.example")];
    assert_eq!(post(&web, &site, json), refused(403, "request.forbidden"));
    let host = [("host", "evil.example")];
    assert_eq!(post(&web, &host, json), refused(403, "request.forbidden"));
    assert_eq!(
        post(&stranger, &[], json),
        refused(401, "request.unauthorized")
    );
    assert_eq!(post(&web, &[], &long), refused(413, "request.too-large"));
    assert_eq!(post(&web, &[], "{"), refused(400, "request.malformed"));
    assert_eq!(body(web.call("GET", "/api/v1/nothing", &[], None)).0, 404);
    scene.broca.wait_idle();
    assert_eq!(scene.letta.count(), 0);
}

#[test]
fn health_says_whether_messages_are_carried() {
    let scene = Scene::start();
    let web = Web::visit(&scene.broca.url());
    assert_eq!(web.call("GET", "/healthz", &[], None).status, 200);
    until("readiness", || {
        web.call("GET", "/readyz", &[], None).status == 200
    });
    scene.letta.stop();
    web.post("k", "hello");
    until("unreadiness", || {
        let (status, body) = body(web.call("GET", "/readyz", &[], None));
        status == 503 && body["unwell"][0]["code"] == "agent.unreachable"
    });
    assert_eq!(web.call("GET", "/healthz", &[], None).status, 200);
    scene.letta.restart();
    assert_eq!(
        until_answer(&mut web.events(0)).pop().expect("two").1,
        "echo: hello"
    );
    until("readiness", || {
        web.call("GET", "/readyz", &[], None).status == 200
    });
}

#[test]
fn visitors_never_see_each_other() {
    let scene = Scene::start();
    let (ann, ben) = (
        Web::visit(&scene.broca.url()),
        Web::visit(&scene.broca.url()),
    );
    ann.post("k", "ann's secret");
    ben.post("k", "ben's question");
    assert_eq!(
        words(&until_answer(&mut ann.events(0))),
        ["user: ann's secret", "agent: echo: ann's secret"]
    );
    assert_eq!(
        words(&until_answer(&mut ben.events(0))),
        ["user: ben's question", "agent: echo: ben's question"]
    );
    let turns = scene.letta.turns();
    assert_ne!(turns[0].conversation, turns[1].conversation);
}
