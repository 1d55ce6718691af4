//! `broca check`: each trouble with its code and a hint.

use serde_json::Value;

use crate::support::broca::{Broca, Done};
use crate::support::letta::Letta;

/// The finding about `what`.
fn finding(done: &Done, what: &str) -> Value {
    let all = done.json();
    let found = all
        .as_array()
        .and_then(|all| all.iter().find(|one| one["what"] == what));
    found
        .unwrap_or_else(|| panic!("nothing about {what}: {all}"))
        .clone()
}

fn assert_found(done: &Done, what: &str, code: &str) {
    let found = finding(done, what);
    assert_eq!(
        (&found["ok"], &found["code"]),
        (&false.into(), &code.into()),
        "{found}"
    );
    assert!(
        found["hint"].as_str().is_some_and(|hint| !hint.is_empty()),
        "{found}"
    );
    assert_eq!(done.code, 1, "{done:?}");
}

fn agent(letta: &Letta) -> Broca {
    let (url, id) = (letta.url(), letta.agent());
    Broca::new(&format!(
        "[agent]\nid = \"{id}\"\nendpoint = \"{url}\"\napi_key = \"a key\"\n"
    ))
}

#[test]
fn all_is_well() {
    let letta = Letta::start();
    let broca = agent(&letta);
    let done = broca.run(&["check", "--json"]);
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(finding(&done, "agent")["ok"], true);
    let done = broca.run(&["check"]);
    assert!(done.code == 0 && !done.out.contains("FAIL"), "{done:?}");
    assert!(!broca.path("broca.db").exists(), "a check makes nothing");
    broca.start();
    let done = broca.run(&["check", "--json"]);
    assert_eq!(
        (done.code, &finding(&done, "http")["ok"]),
        (0, &true.into()),
        "{done:?}"
    );
}

#[test]
fn a_wrong_key() {
    let letta = Letta::start();
    letta.lock("another key");
    let broca = agent(&letta);
    assert_found(
        &broca.run(&["check", "--json"]),
        "agent",
        "agent.unauthorized",
    );
    let done = broca.run(&["check"]);
    assert!(
        done.out.contains("agent.unauthorized") && done.out.contains("hint:"),
        "{done:?}"
    );
    assert!(!done.out.contains("a key"), "{done:?}");
}

#[test]
fn a_letta_that_is_not_there() {
    let letta = Letta::start();
    let broca = agent(&letta);
    letta.stop();
    assert_found(
        &broca.run(&["check", "--json"]),
        "agent",
        "agent.unreachable",
    );
}

#[test]
fn an_agent_that_is_not_there() {
    let letta = Letta::start();
    let broca = agent(&letta);
    broca.edit(letta.agent(), "agent-00000000-0000-4000-8000-00000000dead");
    assert_found(&broca.run(&["check", "--json"]), "agent", "agent.missing");
}

#[cfg(feature = "telegram")]
#[test]
fn a_bad_token() {
    let telegram = crate::support::telegram::Telegram::start();
    let url = telegram.url();
    let broca = Broca::new(&format!(
        "[endpoint.telegram]\napi_url = \"{url}\"\ntoken = \"42:wrong\"\naccess = \"open\"\n"
    ));
    let done = broca.run(&["check", "--json"]);
    assert_found(&done, "telegram", "endpoint.unauthorized");
    assert!(!done.out.contains("42:wrong"), "{done:?}");
}

#[test]
fn a_place_that_cannot_be_written() {
    let broca = Broca::new("[database]\nurl = \"broca.toml/broca.db\"\n");
    let done = broca.run(&["check", "--json"]);
    assert_found(&done, "database", "store.unreachable");
    let done = broca.run(&["run", "--json"]);
    assert_eq!(
        (done.code, &done.error()["code"]),
        (1, &"store.unreachable".into()),
        "{done:?}"
    );
}

#[test]
fn a_typo_in_the_configuration() {
    let broca = Broca::new("[queue]\nmax_concurent = 3\n");
    let done = broca.run(&["check", "--json"]);
    assert_eq!(
        (done.code, &done.error()["code"]),
        (2, &"config.invalid".into()),
        "{done:?}"
    );
    let done = broca.run(&["check"]);
    assert!(
        done.err.contains("max_concurrent") && done.err.contains("hint:"),
        "{done:?}"
    );
}

#[test]
fn a_port_that_is_taken() {
    let broca = Broca::new("");
    let address = broca.url().replace("http://", "");
    let _taken = std::net::TcpListener::bind(address).expect("it is free");
    assert_found(&broca.run(&["check", "--json"]), "http", "io");
}
