//! `broca settings`: what is in force, and changes to `broca.toml` that keep its comments.

use std::path::Path;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use toml_edit::{DocumentMut, Item, TableLike, Value};

use crate::config::{self, Config, Effective, Origin, Problem, Problems, Reader};
use crate::error::{Code, Error};

use super::output::{Table, note, say, say_json, usage};

/// `broca settings`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show settings in force, and where each comes from
    Get {
        /// A key such as `queue.max_concurrent`, or a table such as `queue`; all where none is given
        key: Option<String>,
    },
    /// Change a setting in `broca.toml`; a running daemon takes it over by itself
    Set {
        /// The whole key, such as `queue.max_concurrent`
        key: String,
        /// The new value; lists as `a,b`; `-` reads it from standard input
        value: String,
    },
}

/// Runs the command on the configuration that `file` (`--config`) chooses.
pub(super) fn run(
    args: &Args,
    file: Option<&Path>,
    readers: &[Reader],
    as_json: bool,
) -> anyhow::Result<()> {
    match &args.action {
        Action::Get { key } => get(key.as_deref(), &load(file, readers)?, as_json),
        Action::Set { key, value } => {
            let value = given(value)?;
            set(key, &value, file, readers)?;
            if as_json {
                say_json(&json!({"key": key, "file": config::path(file)}));
            } else {
                note(format!(
                    "`{key}` is set in `{}`",
                    config::path(file).display()
                ));
            }
            Ok(())
        }
    }
}

fn load(file: Option<&Path>, readers: &[Reader]) -> anyhow::Result<Config> {
    let (config, _) = config::load(file, readers).map_err(Problems)?;
    Ok(config)
}

fn given(value: &str) -> anyhow::Result<String> {
    if value != "-" {
        return Ok(value.to_owned());
    }
    let text = std::io::read_to_string(std::io::stdin()).context("reading the value")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn get(key: Option<&str>, config: &Config, as_json: bool) -> anyhow::Result<()> {
    if let Some((key, value)) = key.and_then(|key| config.values.get_key_value(key)) {
        let shown = value.shown();
        if as_json {
            say_json(&as_object(key, value));
        } else {
            say(shown.as_ref().map(plain).unwrap_or_default());
        }
        return Ok(());
    }
    let within = |whole: &str| key.is_none_or(|table| whole.starts_with(&format!("{table}.")));
    let values: Vec<_> = config
        .values
        .iter()
        .filter(|(whole, _)| within(whole))
        .collect();
    if values.is_empty() {
        return Err(unknown(key.unwrap_or_default(), config));
    }
    list(&values, as_json);
    Ok(())
}

fn list(values: &[(&String, &Effective)], as_json: bool) {
    if as_json {
        let all: Vec<_> = values
            .iter()
            .map(|(key, value)| as_object(key, value))
            .collect();
        return say_json(&all);
    }
    let mut table = Table::new(&["key", "value", "source"]);
    for (key, value) in values {
        let shown = value.shown().as_ref().map(plain).unwrap_or_default();
        table.row([(*key).clone(), shown, value.origin.to_string()]);
    }
    table.print();
}

fn as_object(key: &str, value: &Effective) -> serde_json::Value {
    json!({"key": key, "value": value.shown(), "source": value.origin.to_string()})
}

fn plain(value: &toml::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn unknown(key: &str, config: &Config) -> anyhow::Error {
    let error = Error::new(Code::ConfigInvalid, format!("`{key}` is not a known key"));
    let near = config::nearest(key, config.values.keys().map(String::as_str));
    match near {
        Some(near) => error.hint(format!("did you mean `{near}`?")).into(),
        None => error.hint("list all with `broca settings get`").into(),
    }
}

fn set(key: &str, value: &str, file: Option<&Path>, readers: &[Reader]) -> anyhow::Result<()> {
    let path = config::path(file);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("reading `{}`", path.display()))?,
    };
    let before = tried(&path, &text, readers)?;
    if let Ok(config) = &before {
        not_overridden(key, config)?;
    }
    let known = before.err().unwrap_or_default();
    let mut refused = Vec::new();
    for value in candidates(value) {
        let text = edited(&text, key, value)?;
        refused = tried(&path, &text, readers)?.err().unwrap_or_default();
        refused.retain(|problem| problem.key == key || !was(problem, &known));
        if refused.is_empty() {
            return save(&path, &text);
        }
    }
    Err(Problems(refused).into())
}

/// What loading `text` in the place of the file at `path` gives.
fn tried(
    path: &Path,
    text: &str,
    readers: &[Reader],
) -> anyhow::Result<Result<Config, Vec<Problem>>> {
    let load = |beside: &Path| {
        config::load(Some(beside), readers).map_or_else(
            |problems| Err(told_of(path, beside, problems)),
            |(config, _)| Ok(config),
        )
    };
    config::try_out(path, text, load)
        .with_context(|| format!("writing beside `{}`", path.display()))
}

/// The problems of the trial file, told of the real one.
fn told_of(path: &Path, trial: &Path, mut problems: Vec<Problem>) -> Vec<Problem> {
    let trial = trial.display().to_string();
    for problem in &mut problems {
        if let Some(place) = problem.source.strip_prefix(&trial) {
            problem.source = format!("{}{place}", path.display());
        }
    }
    problems
}

fn was(problem: &Problem, known: &[Problem]) -> bool {
    known
        .iter()
        .any(|old| (old.code, &old.key) == (problem.code, &problem.key))
}

fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    config::write(path, text).with_context(|| format!("writing `{}`", path.display()))
}

fn not_overridden(key: &str, config: &Config) -> Result<(), Error> {
    let (name, place) = match config.values.get(key).map(|value| &value.origin) {
        Some(Origin::Environment(name)) => (name, "the environment"),
        Some(Origin::DotEnv(name)) => (name, "`.env`"),
        _ => return Ok(()),
    };
    let message = format!("`{key}` is set by `{name}` in {place}, which comes before the file");
    Err(Error::new(Code::ConfigOverridden, message)
        .hint(format!("change or unset `{name}` in {place}")))
}

/// What the text may mean. A string comes before all else, so that a token of digits stays one; a value
/// of TOML comes last, since the problems of the last are the ones shown.
fn candidates(text: &str) -> Vec<Value> {
    let parsed = text.parse::<Value>();
    if let Ok(Value::InlineTable(table)) = parsed {
        // `{ file = "…" }` or `{ command = ["…"] }`: nobody means the letters.
        return vec![table.into()];
    }
    let mut all = vec![Value::from(text)];
    if !text.starts_with('[') {
        let items = text
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        all.push(items.collect());
    }
    all.extend(parsed);
    all
}

/// `text` with `key` set, all else as it was.
fn edited(text: &str, key: &str, value: Value) -> anyhow::Result<String> {
    let mut document: DocumentMut = text.parse().map_err(|_: toml_edit::TomlError| {
        Error::new(Code::ConfigInvalid, "the configuration file is malformed")
            .hint("see where with `broca check`")
    })?;
    let mut path: Vec<_> = key.split('.').collect();
    let last = path
        .pop()
        .filter(|last| !last.is_empty() && !path.contains(&""));
    let last = last.ok_or_else(|| usage(format!("`{key}` is not a key")))?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for name in path {
        table = table
            .entry(name)
            .or_insert_with(new_table)
            .as_table_like_mut()
            .ok_or_else(|| usage(format!("`{name}` in `{key}` is not a table")))?;
    }
    replace(table, last, value);
    Ok(document.to_string())
}

fn new_table() -> Item {
    let mut table = toml_edit::Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

fn replace(table: &mut dyn TableLike, key: &str, mut value: Value) {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) => {
            *value.decor_mut() = old.decor().clone();
            *old = value;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
}

#[cfg(test)]
mod tests;
