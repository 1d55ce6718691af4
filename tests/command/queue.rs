//! `broca queue`, with a daemon and without one.

use crate::support::broca::Broca;

/// Three messages in the terminal were echoed.
fn talked() -> Broca {
    let broca = Broca::new("");
    let done = broca.run_with(&["chat"], "one\ntwo\nthree\n");
    assert_eq!(done.out, "one\ntwo\nthree\n", "{done:?}");
    broca
}

#[test]
fn turns_are_listed_shown_retried_and_deleted() {
    let broca = talked();
    for daemon in [false, true] {
        if daemon {
            broca.start();
        }
        assert_eq!(broca.ask(&["queue", "list"]), serde_json::json!([]));
        let all = broca.ask(&["queue", "list", "--all"]);
        let turns = all.as_array().expect("a list");
        let id = turns[0]["id"].to_string();
        let shown = broca.ask(&["queue", "show", &id]);
        assert_eq!(shown["messages"][0]["text"], shown["replies"][0]["text"]);
        assert_eq!(broca.run(&["queue", "delete", &id]).code, 2);
        broca.ask(&["queue", "delete", &id, "--yes"]);
        let left = broca.ask(&["queue", "list", "--all"]);
        assert_eq!(left.as_array().map(Vec::len), Some(turns.len() - 1));
        let done = broca.run(&["queue", "show", &id, "--json"]);
        assert_eq!(
            (done.code, done.error()["code"].as_str()),
            (1, Some("not-found")),
            "{done:?}"
        );
    }
    let id = broca.ask(&["queue", "list", "--all"])[0]["id"].to_string();
    broca.ask(&["queue", "retry", &id]);
    broca.wait_idle();
    let shown = broca.ask(&["queue", "show", &id]);
    assert_eq!(
        shown["replies"].as_array().map(Vec::len),
        Some(2),
        "{shown}"
    );
}

#[test]
fn what_is_settled_cannot_be_cancelled() {
    let broca = talked();
    let id = broca.ask(&["queue", "list", "--all"])[0]["id"].to_string();
    let done = broca.run(&["queue", "cancel", &id, "--json"]);
    assert_eq!(
        (done.code, done.error()["code"].as_str()),
        (1, Some("wrong-state")),
        "{done:?}"
    );
    let done = broca.run(&["queue", "cancel", "999", "--json"]);
    assert_eq!(
        (done.code, done.error()["code"].as_str()),
        (1, Some("not-found")),
        "{done:?}"
    );
    assert_eq!(
        broca.ask(&["queue", "flush", "--yes"])["stopped"],
        serde_json::json!([])
    );
}

#[test]
fn lists_are_for_people_too_and_fit_a_narrow_terminal() {
    let broca = talked();
    for arguments in [
        &["queue", "list", "--all"][..],
        &["status"],
        &["users", "list"],
        &["conversations", "list"],
    ] {
        let output = broca
            .command(arguments)
            .env("COLUMNS", "40")
            .output()
            .expect("it runs");
        let text = String::from_utf8(output.stdout).expect("it writes UTF-8");
        assert!(output.status.success() && !text.is_empty(), "{arguments:?}");
    }
    let stats = broca.ask(&["queue", "stats"]);
    assert_eq!(stats["stats"]["turns"]["replied"], 3, "{stats}");
}
