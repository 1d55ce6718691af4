//! The configuration as a whole: precedence, all problems at once, no secret told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use broca::config::{self, Config, Environment, Mode, Origin, Problem, Reader, Watch, Watched};
use broca::error::Code;
use proptest::prelude::*;
use tempfile::TempDir;

mod mutated;

type Loaded = Result<(Config, Vec<Watched>), Vec<Problem>>;

/// A folder with a `broca.toml`.
struct Instance {
    folder: TempDir,
    environment: Environment,
}

impl Instance {
    fn new(toml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let instance = Self {
            folder,
            environment: Environment::default(),
        };
        instance.file("broca.toml", toml);
        instance
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let file = self.folder.path().join(name);
        config::write(&file, text).expect("the folder is writable");
        file
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.process.insert(name.into(), value.into());
        self
    }

    fn load(&self) -> Loaded {
        let file = self.folder.path().join("broca.toml");
        config::load_from(Some(&file), self.environment.clone(), READERS)
    }

    fn config(&self) -> Config {
        self.load().expect("it loads").0
    }

    fn problems(&self) -> Vec<(Code, String)> {
        let problems = self.load().expect_err("it does not load");
        problems
            .into_iter()
            .map(|problem| (problem.code, problem.key))
            .collect()
    }
}

const READERS: &[Reader] = &[
    Reader {
        name: "radio",
        default_on: false,
        read: Some(|section| {
            section.get("enabled", &[], false);
            if section.secret("token", &["RADIO_TOKEN"]).is_none() {
                section.missing("token", "set `RADIO_TOKEN`");
            }
        }),
    },
    Reader {
        name: "pigeon",
        default_on: true,
        read: None,
    },
];

#[test]
fn defaults_need_no_file() {
    let config = Instance::new("").config();
    assert_eq!(config.mode, Mode::Echo);
    assert_eq!(config.http.listen, "127.0.0.1:8640");
    assert!(Path::new(config.database.url.reveal()).is_absolute());
    assert_eq!(config.queue.give_up_after, Duration::from_hours(24));
}

#[test]
fn each_place_overrides_the_next() {
    let mut instance = Instance::new("[queue]\nmax_attempts = 2\n");
    let read = |instance: &Instance| {
        let config = instance.config();
        let origin = config.values["queue.max_attempts"].origin.clone();
        (config.queue.max_attempts, origin)
    };
    assert_eq!(read(&instance), (2, Origin::File));
    instance.file(".env", "MAX_RETRIES=3\n");
    assert_eq!(read(&instance), (3, Origin::DotEnv("MAX_RETRIES".into())));
    instance = instance.variable("MAX_RETRIES", "4");
    assert_eq!(
        read(&instance),
        (4, Origin::Environment("MAX_RETRIES".into()))
    );
    let name = "BROCA_QUEUE_MAX_ATTEMPTS";
    instance = instance.variable(name, "5");
    assert_eq!(read(&instance), (5, Origin::Environment(name.into())));
    instance.environment.given = BTreeMap::from([("queue.max_attempts".into(), "6".into())]);
    assert_eq!(read(&instance), (6, Origin::CommandLine));
}

#[test]
fn the_old_variables_work_in_their_units() {
    let config = Instance::new("")
        .variable("AGENT_ID", "agent-1")
        .variable("AGENT_ENDPOINT", "http://localhost:8283/")
        .variable("LETTA_API_KEY", "one")
        .variable("AGENT_API_KEY", "two")
        .variable("LONG_TASK_MAX_WAIT", "300")
        .variable("LOG_LEVEL", "WARNING")
        .variable("DB_PATH", "old/sanctum.db")
        .config();
    assert_eq!(config.mode, Mode::Live);
    assert_eq!(config.agent.endpoint, "http://localhost:8283");
    assert_eq!(config.agent.key.expect("a key").reveal(), "two");
    assert_eq!(config.agent.turn_timeout, Duration::from_mins(5));
    assert_eq!(config.log.level, log::LevelFilter::Warn);
    assert!(config.database.url.reveal().ends_with("old/sanctum.db"));
    let mode = Instance::new("")
        .variable("MESSAGE_MODE", "LISTEN")
        .config()
        .mode;
    assert_eq!(mode, Mode::Listen);
}

#[test]
fn all_problems_come_at_once() {
    let text = "mdoe = \"live\"\n[queue]\nmax_concurrent = 0\nmax_atempts = 3\n[http]\nlisten = \"x\"\n\
                [agnet]\n[endpoint.radoi]\n[endpoint.radio]\nenabled = true\n[endpoint.pigeon]\n[log]\n\
                level = \"loud\"\nemoji = 1\n";
    let problems = Instance::new(text).problems();
    let wanted = [
        (Code::ConfigInvalid, "mdoe"),
        (Code::ConfigInvalid, "queue.max_concurrent"),
        (Code::ConfigInvalid, "queue.max_atempts"),
        (Code::ConfigInvalid, "http.listen"),
        (Code::ConfigInvalid, "agnet"),
        (Code::ConfigInvalid, "endpoint.radoi"),
        (Code::ConfigMissing, "endpoint.radio.token"),
        (Code::EndpointNotBuilt, "endpoint.pigeon.enabled"),
        (Code::ConfigInvalid, "log.level"),
        (Code::ConfigInvalid, "log.emoji"),
    ];
    for (code, key) in wanted {
        assert!(
            problems.contains(&(code, key.to_owned())),
            "{key} is not in {problems:?}"
        );
    }
    assert_eq!(problems.len(), wanted.len(), "{problems:?}");
}

#[test]
fn a_misspelling_is_answered_with_what_was_meant() {
    let instance = Instance::new("[qeue]\n[queue]\nmax_concurent = 1\n[endpoint.radoi]\n");
    let problems = instance.load().expect_err("it does not load");
    let hint = |key: &str| {
        let problem = problems.iter().find(|problem| problem.key == key);
        problem
            .map(|problem| problem.hint.clone())
            .unwrap_or_default()
    };
    assert_eq!(hint("qeue"), "did you mean `[queue]`?");
    assert_eq!(
        hint("queue.max_concurent"),
        "did you mean `max_concurrent`?"
    );
    assert_eq!(hint("endpoint.radoi"), "did you mean `[endpoint.radio]`?");
    let loaded = Instance::new("")
        .variable("BROCA_QUEUE_MAX_CONCURENT", "1")
        .config();
    assert_eq!(
        loaded.warnings[0].hint,
        "did you mean `BROCA_QUEUE_MAX_CONCURRENT`?"
    );
}

#[test]
fn broken_toml_is_named_by_line_and_column() {
    let problems = Instance::new("mode = \"echo\"\nx = s3cret\n")
        .load()
        .expect_err("it is broken");
    assert!(
        problems[0].source.ends_with("broca.toml:2:5"),
        "{problems:?}"
    );
    assert!(!format!("{problems:?}").contains("s3cret"));
}

#[test]
fn an_endpoint_that_is_off_needs_nothing() {
    let instance = Instance::new("[endpoint.pigeon]\nenabled = false\n[endpoint.radio]\n");
    let config = instance.config();
    assert_eq!(
        config.endpoint("radio").map(|radio| radio.enabled(true)),
        Some(false)
    );
    assert!(config.endpoint("pigeon").is_none());
    let wrong = Instance::new("[endpoint.radio]\nenabled = false\nvolume = 3\n").problems();
    assert_eq!(
        wrong,
        [(Code::ConfigInvalid, "endpoint.radio.volume".to_owned())]
    );
}

#[test]
fn live_mode_needs_a_real_agent() {
    let live = "mode = \"live\"\n";
    let problems = Instance::new(live).problems();
    assert_eq!(problems, [(Code::ConfigMissing, "agent.id".to_owned())]);
    let placeholder = "[agent]\nid = \"agent-…\"\n";
    let problems = Instance::new(&format!("{live}{placeholder}")).problems();
    assert_eq!(problems, [(Code::ConfigPlaceholder, "agent.id".to_owned())]);
    let config = Instance::new(placeholder).config();
    assert_eq!((config.mode, config.agent.id), (Mode::Echo, None));
    assert_eq!(config.warnings[0].code, Code::ConfigPlaceholder);
}

#[test]
fn an_app_server_is_refused_clearly() {
    let instance = Instance::new("[agent]\nendpoint = \"ws://localhost:1\"\n");
    let problems = instance.load().expect_err("it is refused");
    assert!(problems[0].message.contains("App Server"), "{problems:?}");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let named = config::load_from(
        Some(Path::new("/no/such.toml")),
        Environment::default(),
        &[],
    );
    assert_eq!(
        named.expect_err("it is not there")[0].code,
        Code::ConfigMissing
    );
}

#[test]
fn secret_files_are_read_again_and_watched() {
    let instance = Instance::new("[agent]\napi_key = { file = \"key\" }\n");
    assert_eq!(instance.problems()[0].1, "agent.api_key");
    let key = instance.file("key", "one\n");
    let (before, files) = instance.load().expect("it loads");
    assert!(files.contains(&key) && files.len() == 3, "{files:?}");
    let mut watch = Watch::new(files);
    instance.file("key", "three\n");
    assert!(watch.changed());
    let after = instance.config();
    assert_eq!(after.changed_keys(&before), ["agent.api_key"]);
    assert_eq!(after.needs_restart(&before), Vec::<String>::new());
}

#[test]
fn what_waits_for_a_restart_is_named() {
    let instance = Instance::new("[http]\nlisten = \"127.0.0.1:1\"\n");
    let before = instance.config();
    instance.file(
        "broca.toml",
        "mode = \"listen\"\n[http]\nlisten = \"127.0.0.1:2\"\n",
    );
    let after = instance.config();
    assert_eq!(after.changed_keys(&before), ["http.listen", "mode"]);
    assert_eq!(after.needs_restart(&before), ["http.listen"]);
    let running = after.as_started(&before);
    assert_eq!(running.changed_keys(&before), ["mode"]);
    assert_eq!(running.http, before.http);
}

#[test]
fn files_with_secrets_that_others_can_read_are_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let instance = Instance::new("[agent]\napi_key = \"k\"\n");
    assert_eq!(instance.config().warnings, []);
    let file = instance.file("broca.toml", "[agent]\napi_key = \"k\"\n");
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(&file, open).expect("it is ours");
    assert_eq!(instance.config().warnings.len(), 1);
}

const NAMES: &[&str] = &[
    "mode",
    "agent",
    "id",
    "api_key",
    "endpoint",
    "queue",
    "max_concurrent",
    "radio",
    "token",
    "enabled",
    "database",
    "url",
    "log",
    "level",
    "x",
];

fn values() -> impl Strategy<Value = toml::Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(toml::Value::Boolean),
        any::<i64>().prop_map(toml::Value::Integer),
        any::<f64>().prop_map(toml::Value::Float),
        "s3cret.{0,8}|live|echo".prop_map(toml::Value::String),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = proptest::sample::select(NAMES).prop_map(str::to_owned);
        let table = proptest::collection::btree_map(key, inner.clone(), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..3).prop_map(toml::Value::Array),
            table.prop_map(|table| toml::Value::Table(table.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_file_makes_loading_panic_or_tell_a_secret(
        table in proptest::collection::btree_map(
            proptest::sample::select(NAMES).prop_map(str::to_owned), values(), 0..6),
        broken in any::<bool>(),
    ) {
        let table: toml::Table = table.into_iter().collect();
        let mut text = table.to_string();
        if broken {
            text.push_str("\nwrong = s3cret");
        }
        let told = match Instance::new(&text).load() {
            Ok((config, _)) => format!("{:?}", (config.warnings, config.endpoints, config.agent.key)),
            Err(problems) => format!("{problems:?}"),
        };
        prop_assert!(!told.contains("s3cret"), "{told}");
    }

    #[test]
    fn no_text_makes_loading_panic(text in "[\\[\\]a-z=\"' .\n{}#0-9-]{0,80}", dotenv in "\\PC{0,60}") {
        let instance = Instance::new(&text);
        instance.file(".env", &dotenv);
        let _ = instance.load();
    }
}

#[test]
fn a_password_in_an_address_is_not_shown() {
    let text = "[agent]\nendpoint = \"https://me:s3cret@letta.example\"\n";
    let config = Instance::new(text).config();
    assert!(!format!("{:?}", config.values).contains("s3cret"));
    assert!(config.agent.endpoint.contains("s3cret"));
}
