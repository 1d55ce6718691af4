use proptest::prelude::*;

use super::*;
use crate::mutate::{cases, mutated_text};

const READERS: &[Reader] = &[Reader {
    name: "radio",
    default_on: false,
    read: Some(|section| {
        section.get("allow", &[], Vec::<String>::new());
        section.secret("token", &[]);
    }),
}];

struct Instance(tempfile::TempDir);

impl Instance {
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let instance = Self(folder);
        config::write(&instance.file(), toml).expect("written");
        instance
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("broca.toml")
    }

    fn set(&self, key: &str, value: &str) -> Result<String, String> {
        let result = set(key, value, Some(&self.file()), READERS);
        let files = std::fs::read_dir(self.0.path()).expect("readable").count();
        assert!(files <= 2, "a trial file stayed");
        result.map_err(|error| error.to_string())?;
        Ok(std::fs::read_to_string(self.file()).expect("readable"))
    }
}

#[test]
fn an_edit_keeps_comments_and_layout() {
    let text = "# mine\nmode = 'echo'   # for now\n\n[queue] # q\nmax_attempts = 5 # five\n";
    let edited_text = edited(text, "queue.max_attempts", Value::from(7)).expect("edited");
    assert_eq!(edited_text, text.replace("= 5", "= 7"));
    let added = edited(text, "endpoint.telegram.enabled", Value::from(true)).expect("edited");
    assert_eq!(
        added,
        format!("{text}\n[endpoint.telegram]\nenabled = true\n")
    );
}

#[test]
fn an_edit_needs_a_key_within_tables() {
    for key in ["", "a..b", ".a", "mode.x"] {
        assert!(
            edited("mode = 'echo'\n", key, Value::from(1)).is_err(),
            "{key}"
        );
    }
    assert!(edited("mode = ", "mode", Value::from(1)).is_err());
}

#[test]
fn a_value_becomes_what_its_key_needs() {
    let instance = Instance::new("");
    let set = |key: &str, value: &str, line: &str| {
        let text = instance.set(key, value).expect("it is set");
        assert!(text.contains(line), "{line} is not in {text}");
    };
    set("mode", "listen", "mode = \"listen\"");
    set("queue.max_attempts", "7", "max_attempts = 7");
    set("log.emoji", "true", "emoji = true");
    set("queue.notice_after", "2m", "notice_after = \"2m\"");
    set("endpoint.radio.token", "12345", "token = \"12345\"");
    set(
        "endpoint.radio.token",
        "{ command = [\"echo\", \"x\"] }",
        "token = { command = [",
    );
    set(
        "endpoint.radio.allow",
        "1001,ann",
        "allow = [\"1001\", \"ann\"]",
    );
    set("endpoint.radio.allow", "[\"bob\"]", "allow = [\"bob\"]");
}

#[test]
fn a_wrong_value_changes_nothing() {
    let instance = Instance::new("[queue]\nmax_attempts = 5\n");
    let refused = |key: &str, value: &str| instance.set(key, value).expect_err("it is refused");
    assert!(refused("queue.max_attempts", "0").contains("must be from 1 to 100"));
    assert!(refused("queue.max_attempts", "many").contains("a whole number"));
    assert!(refused("queue.max_atempts", "5").contains("is not a known key"));
    assert!(refused("queue.max_attempts", "0").contains("broca.toml: "));
    let text = std::fs::read_to_string(instance.file()).expect("readable");
    assert_eq!(text, "[queue]\nmax_attempts = 5\n");
}

#[test]
fn a_broken_setting_can_be_put_right_beside_another() {
    let instance = Instance::new("[queue]\nmax_attempts = 0\n[log]\nlevel = \"loud\"\n");
    let text = instance.set("queue.max_attempts", "3").expect("it is set");
    assert!(text.contains("max_attempts = 3") && text.contains("loud"));
}

#[test]
fn what_a_variable_overrides_cannot_be_set() {
    let instance = Instance::new("");
    config::write(&instance.0.path().join(".env"), "MAX_RETRIES=3\n").expect("written");
    let error = set("queue.max_attempts", "4", Some(&instance.file()), READERS);
    let error = error.expect_err("it is overridden");
    let error = error.downcast_ref::<Error>().expect("it has a code");
    assert_eq!(error.code, Code::ConfigOverridden);
    assert!(
        error.message().contains("`MAX_RETRIES` in `.env`"),
        "{error}"
    );
}

#[test]
fn a_key_that_is_not_there_is_answered_with_what_was_meant() {
    let instance = Instance::new("[endpoint.radio]\ntoken = \"s3cret\"\n");
    let config = load(Some(&instance.file()), READERS).expect("it loads");
    let error = get(Some("queue.max_atempts"), &config, false).expect_err("it is not there");
    let error = error.downcast_ref::<Error>().expect("it has a code");
    assert_eq!(error.advice(), "did you mean `queue.max_attempts`?");
    let token = as_object(
        "endpoint.radio.token",
        &config.values["endpoint.radio.token"],
    );
    assert_eq!(token["value"], "***");
    assert_eq!(token["source"], "file");
}

/// Files that people may have, with a secret in them.
const FILES: &[&str] = &[
    "# mine\nmode = 'echo'   # for now\n\n[queue] # q\nmax_attempts = 5 # five\n\n[endpoint.radio]\nenabled = true\ntoken = \"c4n4ry!\"\n",
    "[agent]\nendpoint = \"https://me:c4n4ry!@letta.example\"\napi_key = 'c4n4ry!'\n[endpoint]\nradio = { enabled = true, allow = [\"a\"] }\n",
    "queue.max_attempts = 3\n",
    "",
];
const TOKENS: &[&str] = &[
    "c4n4ry!",
    "= 'c4n4ry!'",
    "\n",
    "=",
    "[",
    "]",
    "\"",
    "'",
    "{",
    "}",
    ".",
    ",",
    "#",
    "\u{0}",
    "\u{feff}",
    "\r\n",
    "[[queue]]\n",
    "-1",
];
const KEYS: &[&str] = &[
    "mode",
    "queue.max_attempts",
    "endpoint.radio.token",
    "endpoint.radio.allow",
    "agent.endpoint",
    "database.url",
    "queue",
];
const VALUES: &[&str] = &[
    "live",
    "7",
    "c4n4ry!",
    "a,b",
    "[\"a\"]",
    "{ file = \"secret\" }",
    "{ command = [\"false\"] }",
    "postgres://me:c4n4ry!@db/x",
    "",
];

proptest! {
    #![proptest_config(cases(128))]

    /// The file is as it was, or has the new value and can be loaded no worse; and no secret is told.
    #[test]
    fn an_edit_is_whole_or_nothing(
        text in mutated_text(FILES, TOKENS),
        key in mutated_text(KEYS, &[".", "\"", "x", " "]),
        value in mutated_text(VALUES, TOKENS),
    ) {
        let instance = Instance::new(&text);
        let problems = || tried(&instance.file(), &std::fs::read_to_string(instance.file()).unwrap_or_default(), READERS);
        let before = problems().expect("a folder that can be written");
        match instance.set(&key, &value) {
            Ok(_) => {
                let known = before.err().unwrap_or_default();
                let after = problems().expect("a folder that can be written").err().unwrap_or_default();
                let new: Vec<_> = after.iter().filter(|problem| !was(problem, &known)).collect();
                prop_assert!(new.is_empty(), "{new:?}");
            }
            Err(words) => {
                let now = std::fs::read_to_string(instance.file()).expect("readable");
                prop_assert_eq!(now, text);
                prop_assert!(!words.contains("c4n4ry!"), "{words}");
            }
        }
    }
}
