//! One table of the configuration, read key by key, so that every problem of it is found at once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::secret::Secret;

use super::Problem;

/// A table `[name]` and the environment that may override its keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// Its whole name, such as `endpoint.telegram`.
    pub name: String,
    table: toml::Table,
    environment: BTreeMap<String, String>,
    asked: Vec<String>,
    /// What was wrong with the keys asked for so far.
    pub problems: Vec<Problem>,
}

/// A type that a setting can have.
pub trait Setting: Sized {
    /// What is allowed, for the error: `a whole number`, `one of a, b`.
    const ALLOWED: &'static str;
    /// From the file.
    fn from_toml(value: &toml::Value) -> Option<Self>;
    /// From an environment variable.
    fn from_text(text: &str) -> Option<Self>;
}

impl Section {
    /// A table as it stands in the file (or an empty one), and the environment over `.env`.
    pub fn new(name: &str, table: toml::Table, environment: BTreeMap<String, String>) -> Self {
        Self {
            name: name.to_owned(),
            table,
            environment,
            asked: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The value of `key`: from the first set variable of `variables`, else from the table, else
    /// `default`. A wrong one is noted as a problem, and reads as `default`.
    pub fn get<T: Setting>(&mut self, key: &str, variables: &[&str], default: T) -> T {
        self.find(key, variables).unwrap_or(default)
    }

    /// As [`Self::get`], for a setting without a default.
    pub fn find<T: Setting>(&mut self, _key: &str, _variables: &[&str]) -> Option<T> {
        None
    }

    /// As [`Self::get`]; outside `range` is a problem.
    pub fn ranged<T: Setting + PartialOrd + std::fmt::Debug>(
        &mut self,
        key: &str,
        variables: &[&str],
        default: T,
        _range: RangeInclusive<T>,
    ) -> T {
        self.get(key, variables, default)
    }

    /// A secret: a variable, a string in the file, `{ file = "…" }` or `{ command = ["…"] }`.
    pub fn secret(&mut self, _key: &str, _variables: &[&str]) -> Option<Secret> {
        None
    }

    /// Whether `enabled` is set, or else `default`.
    pub fn enabled(&self, default: bool) -> bool {
        self.table
            .get("enabled")
            .and_then(toml::Value::as_bool)
            .unwrap_or(default)
    }
}

impl Setting for Duration {
    const ALLOWED: &'static str = "a time such as \"500ms\", \"10s\", \"5m\" or \"24h\"";
    fn from_toml(value: &toml::Value) -> Option<Self> {
        Self::from_text(value.as_str()?)
    }
    fn from_text(text: &str) -> Option<Self> {
        humantime::parse_duration(text).ok()
    }
}
