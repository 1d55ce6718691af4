//! The examples and the documentation say what the code does.

use std::collections::BTreeSet;
use std::path::Path;

use broca::config::{self, Config, Environment, Reader, variable};
use broca::endpoint;
use broca::error::Code;

const EXAMPLE: &str = include_str!("../broca.toml.example");
const VARIABLES: &str = include_str!("../.env.example");
const DOCUMENTED: &str = include_str!("../docs/configuration.md");

/// Those of Broca 2, and the ones that hold secrets.
const OLD: &[&str] = &[
    "AGENT_ID",
    "AGENT_ENDPOINT",
    "AGENT_API_KEY",
    "LETTA_API_KEY",
    "MESSAGE_MODE",
    "MAX_RETRIES",
    "LOG_LEVEL",
    "TELEGRAM_BOT_TOKEN",
    "TELEGRAM_OWNER_ID",
    "TELEGRAM_OWNER_USERNAME",
    "TELEGRAM_REQUIRE_OWNER",
    "TELEGRAM_BUFFER_DELAY",
    "LONG_TASK_MAX_WAIT",
    "DB_PATH",
    "WEBCHAT_TOKEN",
];

fn readers() -> Vec<Reader> {
    let all = endpoint::KNOWN.iter().map(|name| Reader {
        name,
        default_on: endpoint::kind(name).is_some_and(|kind| kind.default_on),
        read: endpoint::kind(name).map(|kind| kind.read),
    });
    all.collect()
}

fn load(toml: &str) -> Config {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("broca.toml");
    config::write(&file, toml).expect("the folder is writable");
    let loaded = config::load_from(Some(&file), Environment::default(), &readers());
    let (mut config, _) = loaded.expect("it loads");
    // The one value that depends on the place.
    let url = config
        .database
        .url
        .reveal()
        .replace(&*folder.path().to_string_lossy(), "");
    config.database.url = broca::secret::Secret::new(url);
    config
}

#[cfg(all(
    feature = "telegram",
    feature = "webchat",
    feature = "cli",
    feature = "sqlite"
))]
#[test]
fn the_example_is_the_defaults() {
    let (example, default) = (load(EXAMPLE), load(""));
    assert_eq!(example.changed_keys(&default), Vec::<String>::new());
    assert_eq!(example.database, default.database);
    assert_eq!(example.warnings, []);
}

#[test]
fn every_key_is_in_the_example_and_documented() {
    let named = keys_of(EXAMPLE);
    for key in load("").values.keys() {
        assert!(named.contains(key), "`{key}` is not in broca.toml.example");
        assert!(
            DOCUMENTED.contains(&format!("| `{key}` ")),
            "`{key}` is not in docs/configuration.md"
        );
        let variable = variable("", key);
        assert!(
            DOCUMENTED.contains(&variable),
            "`{variable}` is not in docs/configuration.md"
        );
    }
}

/// Whole keys, those commented out included.
fn keys_of(toml: &str) -> BTreeSet<String> {
    let mut table = String::new();
    let mut keys = BTreeSet::new();
    for line in toml.lines() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            table = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ") {
            keys.insert(format!("{table}{}", key.trim_start_matches("# ")));
        }
    }
    keys
}

#[test]
fn every_old_variable_is_in_the_example_and_documented() {
    for name in OLD {
        assert!(
            VARIABLES.contains(&format!("# {name}=")),
            "{name} is not in .env.example"
        );
        assert!(
            DOCUMENTED.contains(&format!("`{name}`")),
            "{name} is not in docs/configuration.md"
        );
    }
}

#[test]
fn what_waits_for_a_restart_is_documented() {
    for key in config::AT_START {
        let row = DOCUMENTED
            .lines()
            .find(|line| line.starts_with(&format!("| `{key}` ")));
        let row = row.unwrap_or_default();
        assert!(row.trim_end().ends_with("| restart |"), "{key}: {row}");
    }
    let rows = DOCUMENTED
        .lines()
        .filter(|line| line.ends_with("| restart |"))
        .count();
    assert_eq!(rows, config::AT_START.len());
}

#[test]
fn every_code_is_in_the_readme() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(file).unwrap_or_default();
    let missing = Code::ALL
        .iter()
        .filter(|code| !readme.contains(&format!("`{code}`")));
    let rows: Vec<_> = missing
        .map(|code| format!("| `{code}` | {} | {} |", code.meaning().trim(), code.hint()))
        .collect();
    assert!(
        rows.is_empty(),
        "README.md lacks these rows:\n{}",
        rows.join("\n")
    );
}

/// The pages that people read.
fn pages() -> Vec<std::path::PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = [root.to_owned(), root.join("docs")]
        .into_iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("a folder of the project"));
    let paths = found.map(|entry| entry.expect("it can be read").path());
    let mut pages: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    pages.sort();
    pages
}

/// A heading as a link names it.
fn anchor(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter_map(|letter| match letter {
        ' ' => Some('-'),
        '-' | '_' => Some(letter),
        other => other.is_alphanumeric().then_some(other),
    });
    kept.collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        let text = std::fs::read_to_string(&page).expect("a page");
        for rest in text.split("](").skip(1) {
            let link = rest.split(')').next().unwrap_or_default();
            if link.starts_with("http") {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() {
                page.clone()
            } else {
                page.with_file_name(file)
            };
            let there = std::fs::read_to_string(&target).unwrap_or_default();
            let headings = there.lines().filter(|line| line.starts_with('#'));
            let is_there = place.is_empty() || headings.map(anchor).any(|name| name == place);
            if !target.exists() || !is_there {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn every_state_is_documented() {
    use broca::store::state::{ReplyState, TurnState};
    let api = include_str!("../docs/http-api.md");
    let turns = TurnState::ALL.iter().map(|state| state.as_str());
    let replies = ReplyState::ALL.iter().map(|state| state.as_str());
    for state in turns.chain(replies) {
        assert!(api.contains(&format!("`{state}`")), "{state}");
    }
}

#[test]
fn every_command_is_in_the_readme() {
    let readme = include_str!("../README.md");
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_broca"))
        .arg("--help")
        .output()
        .expect("it runs");
    let help = String::from_utf8(help.stdout).expect("text");
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let mut count = 0;
    for line in commands.filter(|line| line.find(|letter| letter != ' ') == Some(2)) {
        let name = line.split_whitespace().next().unwrap_or_default();
        count += 1;
        assert!(
            name == "help" || readme.contains(&format!("| `broca {name}` |")),
            "`broca {name}` is not in README.md"
        );
    }
    assert!(count > 5, "{help}");
}
