//! `broca init`.

use crate::support::broca::Broca;

#[test]
fn what_it_writes_is_checked_and_runs() {
    let broca = Broca::new("");
    std::fs::remove_file(broca.path("broca.toml")).expect("it is there");
    let done = broca.run(&["init", "--yes", "--json"]);
    assert_eq!(
        (done.code, &done.json()["mode"]),
        (0, &"echo".into()),
        "{done:?}"
    );
    let address = broca.url().replace("http://", "");
    broca.ask(&["settings", "set", "http.listen", &address]);
    assert_eq!(broca.run(&["check"]).code, 0);
    broca.start();
    let done = broca.run(&["chat", "hello"]);
    assert_eq!((done.code, done.out.as_str()), (0, "hello\n"), "{done:?}");
}

#[test]
fn it_overwrites_nothing_unless_told_to() {
    let broca = Broca::new("mode = \"echo\"\n");
    let done = broca.run(&["init", "--yes", "--json"]);
    assert_eq!(
        (done.code, done.error()["code"].as_str()),
        (2, Some("usage")),
        "{done:?}"
    );
    assert_eq!(broca.run(&["init", "--yes", "--force"]).code, 0);
}

#[test]
fn it_asks_nobody_where_nobody_is() {
    let broca = Broca::new("");
    let done = broca.run(&["init", "--force"]);
    assert!(done.code == 2 && done.err.contains("--yes"), "{done:?}");
}

#[test]
fn without_any_file_messages_come_back() {
    let broca = Broca::new("");
    std::fs::remove_file(broca.path("broca.toml")).expect("it is there");
    let done = broca.run(&["chat", "hello"]);
    assert_eq!((done.code, done.out.as_str()), (0, "hello\n"), "{done:?}");
}
