//! The walls of the house: who may import whom, and how large a file or a function may grow.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

mod source;

use source::Source;

/// Words import each other and nothing else.
const WORDS: &[&str] = &[
    "error", "exchange", "kill", "message", "secret", "shelf", "time",
];
/// Tools import words, and the tools before them.
const TOOLS: &[&str] = &[
    "retry", "blocking", "http", "shutdown", "config", "logging", "server",
];
/// Doors import words and tools; each knows one outside thing.
const DOORS: &[&str] = &["endpoint", "agent", "store"];
/// What the stages share.
const SHARED: &[&str] = &["bridge::dispatch", "bridge::flow", "bridge::words"];
/// Stages, and the doors that each joins.
const STAGES: &[(&str, &[&str])] = &[
    ("bridge::intake", &["endpoint", "store"]),
    ("bridge::processor", &["agent", "store"]),
    ("bridge::delivery", &["endpoint", "store"]),
];

/// Everything that stands at the top of the crate.
const TOP: &[&[&str]] = &[WORDS, TOOLS, DOORS, &["bridge", "cli"]];

/// Lines of code of a file, without blank lines, comments and unit tests.
const LONGEST_FILE: usize = 400;
/// Lines of a function, from its head to its closing brace.
const LONGEST_FUNCTION: usize = 60;

/// Whether code of the room `from` may name something of the room `to`.
fn may_import(from: &str, to: &str) -> bool {
    let is_word = WORDS.contains(&to);
    let is_tool = TOOLS.contains(&to);
    let place = |name: &str| TOOLS.iter().position(|tool| *tool == name);
    if from == to || from == "cli" {
        return true;
    }
    if WORDS.contains(&from) {
        return is_word;
    }
    if let Some(here) = place(from) {
        return is_word || place(to).is_some_and(|there| there < here);
    }
    if DOORS.contains(&from) {
        return is_word || is_tool;
    }
    if from.starts_with("endpoint::") {
        return is_word || is_tool || to == "endpoint";
    }
    if SHARED.contains(&from) {
        return is_word || is_tool || DOORS.contains(&to) || SHARED.contains(&to);
    }
    if let Some((_, doors)) = STAGES.iter().find(|(name, _)| *name == from) {
        return is_word || is_tool || doors.contains(&to) || SHARED.contains(&to);
    }
    // What is left is the bridge itself, which nobody but the command line imports.
    from == "bridge" && to != "cli" && !to.starts_with("endpoint::")
}

/// The room that a module path is in.
fn room(path: &[String]) -> String {
    let inner = |outer: &str, names: &[&str]| {
        path.first().is_some_and(|first| first == outer)
            && path
                .get(1)
                .is_some_and(|name| names.contains(&name.as_str()))
    };
    let parts = [
        "intake",
        "processor",
        "delivery",
        "dispatch",
        "flow",
        "words",
    ];
    if inner("bridge", &parts) || inner("endpoint", broca::endpoint::KNOWN) {
        return path[..2].join("::");
    }
    path.first().cloned().unwrap_or_default()
}

#[test]
fn imports_follow_the_flow() {
    let mut wrong = BTreeSet::new();
    for source in sources() {
        let from = room(&source.module);
        for path in source.paths() {
            let to = room(&path);
            let is_room = TOP.iter().any(|rooms| rooms.contains(&path[0].as_str()));
            if is_room && !may_import(&from, &to) {
                wrong.insert(format!(
                    "{}: `{}` is out of reach for `{from}`",
                    source.name,
                    path.join("::")
                ));
            }
        }
    }
    assert_none(wrong);
}

#[test]
fn every_room_has_its_place() {
    for source in sources() {
        let room = room(&source.module);
        let outer = room.split("::").next().unwrap_or_default();
        let known = TOP.iter().any(|rooms| rooms.contains(&outer));
        assert!(known, "`{room}` is in none of the lists");
    }
}

#[test]
fn files_and_functions_stay_short() {
    let mut long = BTreeSet::new();
    for source in sources() {
        let lines = source.lines_of_code();
        if lines > LONGEST_FILE {
            long.insert(format!("{}: {lines} lines of code", source.name));
        }
        for (name, lines) in source.functions() {
            if lines > LONGEST_FUNCTION {
                long.insert(format!("{}: `{name}` has {lines} lines", source.name));
            }
        }
    }
    assert_none(long);
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent = files("src", "rs").into_iter().filter(|file| {
        let tests = file.ends_with("tests.rs");
        !tests && !read(file).starts_with("//!")
    });
    assert_none(silent.map(|file| file.display().to_string()));
}

/// What is in one place only, so that it can be reasoned about: `(text, where it may stand)`.
const ONE_PLACE: &[(&str, &[&str])] = &[
    (
        "spawn_blocking",
        &["src/blocking.rs", "src/store/writer.rs"],
    ),
    ("SystemTime::now", &["src/time.rs"]),
    ("#[allow", &[]),
    (".unwrap()", &[]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
    ("process::exit", &[]),
    ("ureq::Agent", &["src/http.rs"]),
];

#[test]
fn what_has_one_place_stays_there() {
    let mut wrong = BTreeSet::new();
    for source in sources() {
        for (text, places) in ONE_PLACE {
            if source.code.contains(text) && !places.contains(&source.name.as_str()) {
                wrong.insert(format!("{}: `{text}`", source.name));
            }
        }
    }
    assert_none(wrong);
}

#[test]
fn modules_are_named_by_their_files() {
    let old = files("src", "rs").into_iter().chain(files("tests", "rs"));
    let old = old.filter(|file| file.ends_with("mod.rs"));
    assert_none(old.map(|file| file.display().to_string()));
}

#[test]
fn no_text_names_the_machine_it_was_written_on() {
    // Put together here, so that this file does not name them either.
    let home = ["/", "work", "/"].concat();
    let cache = ["/root", "/.cargo"].concat();
    let all = ["src", "tests", "docs", "migrations"]
        .iter()
        .flat_map(|folder| files(folder, ""))
        .chain(top_level());
    let wrong = all.filter(|file| {
        let text = read(file);
        text.contains(&home) || text.contains(&cache)
    });
    assert_none(wrong.map(|file| file.display().to_string()));
}

fn sources() -> Vec<Source> {
    let is_code = |file: &PathBuf| {
        let name = file.file_name().and_then(|name| name.to_str());
        !matches!(name, Some("tests.rs" | "lib.rs" | "main.rs"))
    };
    let all = files("src", "rs").into_iter().filter(is_code);
    all.map(|file| Source::new(&name_of(&file), &read(&file)))
        .collect()
}

fn name_of(file: &Path) -> String {
    let name = file.strip_prefix(root()).unwrap_or(file);
    name.display().to_string()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder of the project whose extension is `extension`, or any where it is empty.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("it is a folder of the project") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if extension.is_empty() || path.extension().is_some_and(|ext| ext == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The texts that stand beside the folders.
fn top_level() -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(root()).expect("the project's folder");
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| {
        let named = path.extension().and_then(|ext| ext.to_str());
        matches!(named, Some("md" | "toml" | "rs" | "example"))
    })
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

fn assert_none(found: impl IntoIterator<Item = String>) {
    let found: Vec<_> = found.into_iter().collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}
