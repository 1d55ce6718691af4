//! `broca settings`.

use crate::support::broca::Broca;

#[test]
fn a_setting_is_changed_and_comments_stay() {
    let broca = Broca::new("# mine\nmode = \"echo\" # for now\n");
    broca.ask(&["settings", "set", "queue.max_concurrent", "3"]);
    let text = std::fs::read_to_string(broca.path("broca.toml")).expect("it is there");
    assert!(
        text.contains("# mine") && text.contains("# for now"),
        "{text}"
    );
    let got = broca.ask(&["settings", "get", "queue.max_concurrent"]);
    assert_eq!((&got["value"], &got["source"]), (&3.into(), &"file".into()));
    assert_eq!(broca.run(&["settings", "get", "mode"]).out, "echo\n");
}

#[test]
fn a_bad_value_or_key_changes_nothing() {
    let broca = Broca::new("mode = \"echo\"\n");
    let before = std::fs::read_to_string(broca.path("broca.toml")).expect("it is there");
    for (key, value) in [
        ("mode", "lively"),
        ("queue.max_concurent", "3"),
        ("queue.max_concurrent", "x"),
    ] {
        let done = broca.run(&["settings", "set", key, value, "--json"]);
        assert_eq!((done.code, done.out.as_str()), (2, ""), "{key}: {done:?}");
        assert_eq!(done.error()["code"], "config.invalid", "{key}");
    }
    let after = std::fs::read_to_string(broca.path("broca.toml")).expect("it is there");
    assert_eq!(before, after);
}

#[test]
fn what_the_environment_overrides_cannot_be_set() {
    let mut broca = Broca::new("mode = \"echo\"\n");
    broca.set("MESSAGE_MODE", "listen");
    let done = broca.run(&["settings", "set", "mode", "live", "--json"]);
    assert_eq!(done.code, 2, "{done:?}");
    let error = done.error();
    assert_eq!(error["code"], "config.overridden");
    assert!(error.to_string().contains("MESSAGE_MODE"), "{error}");
}

#[test]
fn secrets_are_never_shown() {
    let mut broca = Broca::new("[agent]\nid = \"agent-1\"\nendpoint = \"http://127.0.0.1:1\"\n");
    broca.set("AGENT_API_KEY", "hush-hush");
    for arguments in [
        &["settings", "get"][..],
        &["settings", "get", "--json"],
        &["check"],
    ] {
        let done = broca.run(arguments);
        assert!(
            !done.out.contains("hush") && !done.err.contains("hush"),
            "{done:?}"
        );
    }
}
