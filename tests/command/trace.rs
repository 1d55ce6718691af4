//! `broca trace`, and what `broca status` and `broca check` say of silent messages.

use serde_json::json;

use crate::support::broca::Broca;
use crate::support::database;

/// A message in the terminal was echoed.
fn talked() -> Broca {
    let broca = Broca::new("");
    let done = broca.run_with(&["chat"], "a word\n");
    assert_eq!(done.out, "a word\n", "{done:?}");
    broca
}

fn text(broca: &Broca, arguments: &[&str], columns: &str) -> String {
    let mut command = broca.command(arguments);
    let output = command.env("COLUMNS", columns).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it writes UTF-8")
}

#[test]
fn a_message_is_traced_for_people_and_for_programs() {
    let broca = talked();
    let turn = broca.ask(&["queue", "list", "--all"])[0]["id"].to_string();
    let way = broca.ask(&["trace", &turn]);
    assert_eq!(way["turn"]["state"], "replied", "{way}");
    assert_eq!(way["address"]["endpoint"], "cli");
    assert_eq!(way["messages"][0]["text"], "a word");
    assert_eq!(way["replies"][0]["parts"][0]["state"], "said");
    assert_eq!(way["ended_at"], way["replies"][0]["settled_at"]);
    assert_eq!(way["silences"], json!([]));
    for option in ["message", "reply"] {
        let list = if option == "message" {
            "messages"
        } else {
            "replies"
        };
        let id = way[list][0]["id"].to_string();
        assert_eq!(broca.ask(&["trace", &format!("--{option}"), &id]), way);
    }
    let shown = text(&broca, &["trace", &turn], "100");
    for words in [
        "replied, over after",
        "came, text, key",
        "“a word”",
        "answer 1 said",
        " UTC",
        "+0 ms",
    ] {
        assert!(shown.contains(words), "`{words}` is not in {shown}");
    }
    let narrow = text(&broca, &["trace", &turn], "40");
    let wide = narrow.lines().find(|line| line.chars().count() > 40);
    assert_eq!(wide, None, "{narrow}");
}

#[test]
fn what_is_not_there_is_a_kind_error() {
    let broca = talked();
    for arguments in [
        &["trace", "99"][..],
        &["trace", "--message", "99"],
        &["trace", "--reply", "99"],
    ] {
        let done = broca.run(&[arguments, &["--json"]].concat());
        let error = done.error();
        assert_eq!(
            (done.code, &error["code"]),
            (1, &json!("not-found")),
            "{done:?}"
        );
        assert!(
            error["hint"]
                .as_str()
                .is_some_and(|hint| hint.contains("queue list"))
        );
    }
    for arguments in [
        &["trace"][..],
        &["trace", "x"],
        &["trace", "1", "--reply", "1"],
    ] {
        assert_eq!(broca.run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn a_silent_message_is_shown_with_what_traces_it() {
    let mut broca = talked();
    broca.allow_silence();
    let turn = broca.ask(&["queue", "list", "--all"])[0]["id"].as_i64();
    assert_eq!(broca.ask(&["status"])["stats"]["silent"], 0);
    assert_eq!(broca.run(&["check"]).code, 0);
    let path = broca.path("broca.db");
    let mut conn = broca::store::Conn::open(&path.to_string_lossy()).expect("it is there");
    database::run(&mut conn, "DELETE FROM parts; DELETE FROM replies;");
    let stats = broca.ask(&["status"])["stats"].clone();
    assert_eq!(stats["silent"], 1);
    let silence = &stats["silences"][0];
    assert_eq!(
        (&silence["why"], silence["turn"].as_i64()),
        (&json!("unanswered"), turn)
    );
    let id = turn.expect("an id").to_string();
    let done = broca.run(&["status"]);
    assert!(done.out.contains("messages without an end: 1"), "{done:?}");
    assert!(done.err.contains(&format!("broca trace {id}")), "{done:?}");
    let shown = text(&broca, &["trace", &id], "100");
    assert!(shown.contains("silent: unanswered"), "{shown}");
    let done = broca.run(&["check", "--json"]);
    let found = done.json();
    let of_messages = found
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["what"] == "messages");
    let of_messages = of_messages.expect("they are looked at");
    assert_eq!(
        (done.code, &of_messages["code"]),
        (1, &json!("turn.silent")),
        "{done:?}"
    );
}
