//! One table of the configuration, read key by key, so that every problem of it is found at once.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use toml::Value;

use crate::error::Code;
use crate::secret::Secret;

use super::effective::{Effective, Kind};
use super::environment::{Environment, Origin, variable};
use super::nearest::nearest;
use super::{Problem, Setting, placeholder, secrets};

/// What all tables of one loading share.
#[derive(Clone)]
pub(super) struct Place {
    /// The file's name, for problems.
    pub file: String,
    /// What relative paths are relative to.
    pub folder: PathBuf,
    pub environment: Environment,
}

/// A table `[name]` and the environment that may override its keys.
///
/// Two are equal where the values read from them are.
#[derive(Clone)]
pub struct Section {
    /// Its whole name, such as `endpoint.telegram`.
    pub name: String,
    table: toml::Table,
    place: Arc<Place>,
    values: BTreeMap<String, Effective>,
    watched: Vec<PathBuf>,
    /// What was wrong with the keys asked for so far.
    pub problems: Vec<Problem>,
}

enum Found {
    Text(String, Origin),
    Toml(Value),
}

impl Section {
    /// A table as it stands in the file (or an empty one), and the environment over `.env`.
    pub fn new(name: &str, table: toml::Table, environment: BTreeMap<String, String>) -> Self {
        let place = Place {
            file: "broca.toml".to_owned(),
            folder: PathBuf::from("."),
            environment: Environment {
                process: environment,
                ..Environment::default()
            },
        };
        Self::at(name, table, Arc::new(place))
    }

    pub(super) fn at(name: &str, table: toml::Table, place: Arc<Place>) -> Self {
        Self {
            name: name.to_owned(),
            table,
            place,
            values: BTreeMap::new(),
            watched: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// The value of `key`: from its own variable (`BROCA_<SECTION>_<KEY>`) or the first set one of
    /// `variables`, else from the table, else `default`. A wrong one is noted as a problem, and reads as
    /// `default`.
    pub fn get<T: Setting>(&mut self, key: &str, variables: &[&str], default: T) -> T {
        self.find(key, variables)
            .unwrap_or_else(|| self.defaulted(key, default))
    }

    /// As [`Self::get`], for a setting without a default.
    pub fn find<T: Setting>(&mut self, key: &str, variables: &[&str]) -> Option<T> {
        let found = self.seek(key, variables);
        let (value, origin) = match &found {
            None => (None, Origin::Default),
            Some(Found::Text(text, origin)) => (T::from_text(text), origin.clone()),
            Some(Found::Toml(value)) => (T::from_toml(value), Origin::File),
        };
        if found.is_some() && value.is_none() {
            self.invalid(key, &origin, format!("must be {}", T::ALLOWED));
        }
        let shown = value.as_ref().map(Setting::to_toml);
        self.note(key, Effective::new(shown, origin, Kind::Plain));
        value
    }

    /// As [`Self::get`]; outside `range` is a problem.
    pub fn ranged<T: Setting + PartialOrd + fmt::Debug>(
        &mut self,
        key: &str,
        variables: &[&str],
        default: T,
        range: RangeInclusive<T>,
    ) -> T {
        match self.find(key, variables) {
            Some(value) if range.contains(&value) => value,
            Some(_) => {
                let (least, most) = (range.start().to_toml(), range.end().to_toml());
                self.refuse(key, format!("must be from {least} to {most}"));
                default
            }
            None => self.defaulted(key, default),
        }
    }

    /// A secret: a variable, a string in the file, `{ file = "…" }` or `{ command = ["…"] }`. It is read
    /// once a loading; asking again gives the same. A placeholder is a problem, and reads as none.
    pub fn secret(&mut self, key: &str, variables: &[&str]) -> Option<Secret> {
        self.hidden(key, variables, Kind::Secret)
    }

    /// Has the value of `key` shown without user, password and query from now on.
    pub(super) fn conceal(&mut self, key: &str) {
        if let Some(noted) = self.values.get_mut(key) {
            noted.kind = Kind::Url;
        }
    }

    /// As [`Self::secret`], for an address that is shown without its password.
    pub(super) fn secret_url(&mut self, key: &str, variables: &[&str], default: &str) -> Secret {
        self.hidden(key, variables, Kind::Url).unwrap_or_else(|| {
            let value = Some(Value::String(default.to_owned()));
            self.note(key, Effective::new(value, Origin::Default, Kind::Url));
            Secret::new(default)
        })
    }

    /// Whether `enabled` is set, or else `default`.
    pub fn enabled(&self, default: bool) -> bool {
        if let Some(noted) = self.values.get("enabled") {
            return noted
                .value
                .as_ref()
                .and_then(Value::as_bool)
                .unwrap_or(default);
        }
        match self.seek("enabled", &[]) {
            Some(Found::Text(text, _)) => bool::from_text(&text).unwrap_or(default),
            Some(Found::Toml(value)) => value.as_bool().unwrap_or(default),
            None => default,
        }
    }

    /// Notes that the value of `key` is refused: `message` says what is allowed, without the value.
    pub fn refuse(&mut self, key: &str, message: impl Into<String>) {
        let origin = self.values.get(key).map(|noted| noted.origin.clone());
        self.invalid(key, &origin.unwrap_or(Origin::File), message.into());
    }

    /// Notes that `key` is needed and not there.
    pub fn missing(&mut self, key: &str, hint: impl Into<String>) {
        let message = "is not set".to_owned();
        self.problem(
            Code::ConfigMissing,
            key,
            &Origin::File,
            message,
            hint.into(),
        );
    }

    /// Every key asked for, with its value.
    pub fn values(&self) -> &BTreeMap<String, Effective> {
        &self.values
    }

    /// The files that secrets were read from.
    pub(super) fn watched(&self) -> &[PathBuf] {
        &self.watched
    }

    /// Notes every key of the table that nobody asked for.
    pub(super) fn finish(&mut self) {
        let unknown = self
            .table
            .keys()
            .filter(|key| !self.values.contains_key(*key));
        for key in unknown.cloned().collect::<Vec<_>>() {
            let hint = match nearest(&key, self.values.keys().map(String::as_str)) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("remove it; known here: {}", self.known()),
            };
            let message = "is not a known key".to_owned();
            self.problem(Code::ConfigInvalid, &key, &Origin::File, message, hint);
        }
    }

    pub(super) fn problem(
        &mut self,
        code: Code,
        key: &str,
        origin: &Origin,
        message: String,
        hint: String,
    ) {
        let source = match origin {
            Origin::File | Origin::Default => self.place.file.clone(),
            other => other.to_string(),
        };
        let key = whole_key(&self.name, key);
        let problem = Problem {
            code,
            source,
            key,
            message,
            hint,
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn invalid(&mut self, key: &str, origin: &Origin, message: String) {
        let hint = match origin {
            Origin::Environment(name) => format!("correct or unset `{name}`"),
            Origin::DotEnv(name) => format!("correct `{name}` in `.env`"),
            _ => format!("correct `{}`", whole_key(&self.name, key)),
        };
        self.problem(Code::ConfigInvalid, key, origin, message, hint);
    }

    fn known(&self) -> String {
        let keys = self.values.keys().map(|key| format!("`{key}`"));
        keys.collect::<Vec<_>>().join(", ")
    }

    fn note(&mut self, key: &str, value: Effective) {
        self.values.insert(key.to_owned(), value);
    }

    /// Notes the default as the value in force, unless something wrong was set.
    fn defaulted<T: Setting>(&mut self, key: &str, default: T) -> T {
        let noted = self.values.get_mut(key);
        if let Some(noted) = noted.filter(|noted| noted.origin == Origin::Default) {
            noted.value = Some(default.to_toml());
        }
        default
    }

    fn seek(&self, key: &str, variables: &[&str]) -> Option<Found> {
        let legacy = variables.iter().map(|name| (*name).to_owned());
        let names: Vec<_> = std::iter::once(variable(&self.name, key))
            .chain(legacy)
            .collect();
        let whole = whole_key(&self.name, key);
        let outside = self.place.environment.find(&whole, &names);
        outside
            .map(|(text, origin)| Found::Text(text.to_owned(), origin))
            .or_else(|| Some(Found::Toml(self.table.get(key)?.clone())))
    }

    fn hidden(&mut self, key: &str, variables: &[&str], kind: Kind) -> Option<Secret> {
        if let Some(noted) = self.values.get(key) {
            return Some(Secret::new(noted.value.as_ref()?.as_str()?));
        }
        let found = self.seek(key, variables);
        let origin = match &found {
            None => Origin::Default,
            Some(Found::Text(_, origin)) => origin.clone(),
            Some(Found::Toml(_)) => Origin::File,
        };
        let text = found.and_then(|found| self.secret_text(key, found));
        let value = text.clone().map(Value::String);
        self.note(key, Effective::new(value, origin, kind));
        text.map(Secret::new)
    }

    fn secret_text(&mut self, key: &str, found: Found) -> Option<String> {
        let (text, origin) = match found {
            Found::Text(text, origin) => (Ok(text), origin),
            Found::Toml(value) => (self.secret_in_file(&value), Origin::File),
        };
        match text {
            Ok(text) if placeholder::is_placeholder(&text) => {
                let (message, hint) = ("is a placeholder", Code::ConfigPlaceholder.hint());
                let (message, hint) = (message.to_owned(), hint.to_owned());
                self.problem(Code::ConfigPlaceholder, key, &origin, message, hint);
                None
            }
            Ok(text) => Some(text).filter(|text| !text.is_empty()),
            Err(message) => {
                self.invalid(key, &origin, message);
                None
            }
        }
    }

    fn secret_in_file(&mut self, value: &Value) -> Result<String, String> {
        let shape = "must be a string, `{ file = \"…\" }` or `{ command = [\"…\"] }`";
        if let Some(text) = value.as_str() {
            return Ok(text.to_owned());
        }
        let table = value.as_table().filter(|table| table.len() == 1);
        let (how, what) = table.and_then(|table| table.iter().next()).ok_or(shape)?;
        match (how.as_str(), what) {
            ("file", Value::String(file)) => {
                let file = self.place.folder.join(file);
                self.watched.push(file.clone());
                secrets::from_file(&file)
            }
            ("command", Value::Array(_)) => {
                let words = Vec::from_toml(what).ok_or(shape)?;
                secrets::from_command(&words, &self.place.folder)
            }
            _ => Err(shape.to_owned()),
        }
    }
}

/// `key` of the table `section`, as people write it.
pub(super) fn whole_key(section: &str, key: &str) -> String {
    match section {
        "" => key.to_owned(),
        section => format!("{section}.{key}"),
    }
}

impl PartialEq for Section {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.values == other.values
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Section");
        shown
            .field("name", &self.name)
            .field("values", &self.values);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
