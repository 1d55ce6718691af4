//! Which file the configuration is read from, and its text as tables.

use std::path::{Path, PathBuf};

use toml::Table;

use crate::error::Code;

use super::{Environment, Problem};

/// The file that [`super::load()`] reads or would read, absolute, there or not.
pub fn path(file: Option<&Path>) -> PathBuf {
    choose(file, &Environment::of_process()).path
}

/// The file that the configuration is read from.
pub(super) struct Chosen {
    pub path: PathBuf,
    /// Somebody named it, so that it must be there.
    named: bool,
}

pub(super) fn choose(file: Option<&Path>, environment: &Environment) -> Chosen {
    let variable = environment.process.get("BROCA_CONFIG");
    let variable = variable.filter(|text| !text.is_empty()).map(PathBuf::from);
    let named = file.map(Path::to_path_buf).or(variable);
    let path = named.clone().unwrap_or_else(|| PathBuf::from("broca.toml"));
    Chosen {
        path: std::path::absolute(&path).unwrap_or(path),
        named: named.is_some(),
    }
}

impl Chosen {
    pub(super) fn folder(&self) -> PathBuf {
        self.path
            .parent()
            .map(Path::to_path_buf)
            .unwrap_or_default()
    }

    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn read(&self, problems: &mut Vec<Problem>) -> Table {
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !self.named => {
                String::new()
            }
            Err(error) => {
                problems.push(self.unreadable(&error));
                return Table::new();
            }
        };
        text.parse().unwrap_or_else(|error: toml::de::Error| {
            problems.push(self.malformed(&text, &error));
            Table::new()
        })
    }

    fn unreadable(&self, error: &std::io::Error) -> Problem {
        Problem {
            code: Code::ConfigMissing,
            source: self.shown(),
            key: String::new(),
            message: format!("cannot be read: {error}"),
            hint: "check the path, or run `broca init` to make a file".to_owned(),
        }
    }

    /// Shows the place and not the line, in which a secret may stand.
    fn malformed(&self, text: &str, error: &toml::de::Error) -> Problem {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let before = text.get(..at).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Problem {
            code: Code::ConfigInvalid,
            source: format!("{}:{line}:{column}", self.shown()),
            key: String::new(),
            message: format!("malformed TOML: {}", on_one_line(error.message())),
            hint: "strings stand in quotes, and each key stands once; see `broca.toml.example`"
                .to_owned(),
        }
    }
}

fn on_one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("; ")
}
