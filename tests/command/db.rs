//! `broca db`.

use crate::support::broca::Broca;

#[test]
fn a_schema_is_made_undone_and_made_again() {
    let broca = Broca::new("");
    let made = broca.ask(&["db", "migrate"]);
    assert!(
        made["applied"].as_i64().is_some_and(|count| count > 0),
        "{made}"
    );
    assert_eq!(broca.ask(&["db", "migrate"])["applied"], 0);
    let applied = || {
        let all = broca.ask(&["db", "status"]);
        let all = all.as_array().expect("a list").clone();
        all.iter().filter(|one| one["applied"] == true).count()
    };
    let whole = applied();
    let done = broca.run(&["db", "rollback", "--json"]);
    assert_eq!(
        (done.code, done.error()["code"].as_str()),
        (2, Some("usage")),
        "{done:?}"
    );
    broca.ask(&["db", "rollback", "--yes"]);
    assert_eq!(applied(), whole - 1);
    let done = broca.run(&["queue", "list", "--json"]);
    assert_eq!(done.code, 1, "{done:?}");
    broca.start();
    assert_eq!(applied(), whole);
}

#[test]
fn a_schema_is_not_changed_under_a_daemon() {
    let broca = Broca::new("");
    broca.start();
    for arguments in [
        &["db", "migrate", "--json"][..],
        &["db", "rollback", "--yes", "--json"],
    ] {
        let done = broca.run(arguments);
        assert_eq!(
            (done.code, done.error()["code"].as_str()),
            (1, Some("store.held")),
            "{done:?}"
        );
    }
    assert_eq!(broca.run(&["chat", "hello"]).out, "hello\n");
}
