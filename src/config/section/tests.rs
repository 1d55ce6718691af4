use std::time::Duration;

use super::*;

fn section(text: &str, variables: &[(&str, &str)]) -> Section {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let table = text.parse().expect("the test's TOML is well-formed");
    Section::new("queue", table, variables.iter().map(own).collect())
}

#[test]
fn the_first_set_place_wins() {
    let text = "max = 2";
    let own = ("BROCA_QUEUE_MAX", "4");
    let old = ("OLD_MAX", "3");
    let read = |text, variables: &[_]| section(text, variables).get("max", &["OLD_MAX"], 1_u32);
    assert_eq!(read("", &[]), 1);
    assert_eq!(read(text, &[]), 2);
    assert_eq!(read(text, &[old]), 3);
    assert_eq!(read(text, &[old, own]), 4);
    assert_eq!(read(text, &[("OLD_MAX", "")]), 2);
}

#[test]
fn all_that_is_wrong_is_noted() {
    let mut section = section("max = \"x\"\nspan = 5\nmxa = 1\n", &[("OLD", "no")]);
    assert_eq!(section.get("max", &[], 7_u32), 7);
    assert_eq!(section.get("span", &[], Duration::ZERO), Duration::ZERO);
    assert!(!section.get("flag", &["OLD"], true));
    section.finish();
    let keys: Vec<_> = section
        .problems
        .iter()
        .map(|p| (p.source.as_str(), p.key.as_str()))
        .collect();
    let file = "broca.toml";
    let wanted = [
        (file, "queue.max"),
        (file, "queue.span"),
        (file, "queue.mxa"),
    ];
    assert_eq!(keys, wanted);
    assert_eq!(section.problems[2].hint, "did you mean `max`?");
}

#[test]
fn a_wrong_variable_is_named_as_the_source() {
    let mut section = section("max = 2", &[("OLD_MAX", "many")]);
    assert_eq!(section.get("max", &["OLD_MAX"], 1_u32), 1);
    assert_eq!(section.problems[0].source, "OLD_MAX");
    assert_eq!(section.problems[0].message, "must be a whole number");
}

#[test]
fn a_range_says_what_is_allowed() {
    let mut section = section("max = 0\nspan = \"9h\"", &[]);
    assert_eq!(section.ranged("max", &[], 5_u32, 1..=9), 5);
    let span = Duration::from_secs(1)..=Duration::from_mins(1);
    section.ranged("span", &[], Duration::from_secs(2), span);
    let messages: Vec<_> = section
        .problems
        .iter()
        .map(|p| p.message.as_str())
        .collect();
    assert_eq!(
        messages,
        ["must be from 1 to 9", "must be from \"1s\" to \"1m\""]
    );
}

#[test]
fn a_secret_comes_from_many_places() {
    let read = |text: &str, variables: &[_]| {
        let mut section = section(text, variables);
        let secret = section.secret("token", &["TOKEN"]);
        (
            secret.map(|secret| secret.reveal().to_owned()),
            section.problems.len(),
        )
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(read("", &[]), (None, 0));
    assert_eq!(read("token = \"a\"", &[]), (some("a"), 0));
    assert_eq!(read("token = \"a\"", &[("TOKEN", "b")]), (some("b"), 0));
    assert_eq!(
        read("token = { command = [\"echo\", \"c\"] }", &[]),
        (some("c"), 0)
    );
    assert_eq!(read("token = \"your-token\"", &[]), (None, 1));
    assert_eq!(read("token = 5", &[]), (None, 1));
    assert_eq!(
        read("token = { file = \"x\", command = [] }", &[]),
        (None, 1)
    );
    assert_eq!(read("token = { command = [] }", &[]), (None, 1));
}

#[test]
fn a_secret_is_asked_for_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    std::fs::write(&file, "one").expect("written");
    let mut section = section(&format!("token = {{ file = {file:?} }}"), &[]);
    let first = section.secret("token", &[]);
    std::fs::write(&file, "two").expect("written");
    assert_eq!(section.clone().secret("token", &[]), first);
    assert_eq!(section.watched(), [file]);
    assert!(!format!("{section:?}").contains("one"));
}

#[test]
fn sections_are_equal_where_their_values_are() {
    let read = |text: &str, variables: &[_]| {
        let mut section = section(text, variables);
        section.get("max", &[], 1_u32);
        section
    };
    assert_eq!(read("max = 1", &[]), read("", &[("OTHER", "x")]));
    assert_ne!(read("max = 2", &[]), read("", &[]));
}

#[test]
fn enabled_follows_what_the_reader_made_of_it() {
    assert!(section("", &[]).enabled(true));
    assert!(!section("enabled = false", &[]).enabled(true));
    assert!(!section("", &[("BROCA_QUEUE_ENABLED", "no")]).enabled(true));
    let mut asked = section("", &[]);
    asked.get("enabled", &[], true);
    assert!(asked.enabled(false));
}
