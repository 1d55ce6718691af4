//! Where values come from besides the file: command line, environment and `.env`, in that order.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Code;

use super::Problem;

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// In the configuration file.
    File,
    /// In this variable of the `.env` file.
    DotEnv(String),
    /// In this environment variable.
    Environment(String),
    /// On the command line.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("file"),
            Self::DotEnv(name) => write!(f, "{name} in .env"),
            Self::Environment(name) => write!(f, "{name}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// All variables, by layer. Holds secrets, so that it cannot be printed.
#[derive(Clone, Default)]
pub struct Environment {
    /// Whole keys given on the command line, such as `queue.max_concurrent`.
    pub given: BTreeMap<String, String>,
    /// The process's variables.
    pub process: BTreeMap<String, String>,
    /// The variables of `.env`.
    pub dotenv: BTreeMap<String, String>,
}

impl Environment {
    /// The process's own variables. Bytes that are not UTF-8 are replaced.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os().map(|(name, value)| {
            let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
            (text(name), text(value))
        });
        Self {
            process: variables.collect(),
            ..Self::default()
        }
    }

    /// The value for the whole key `key`, whose variables are `names`, the first before the rest. A
    /// layer's any variable comes before the next layer's first; an empty one counts as not set.
    pub fn find(&self, key: &str, names: &[String]) -> Option<(&str, Origin)> {
        if let Some(text) = self.given.get(key) {
            return Some((text, Origin::CommandLine));
        }
        let in_layer = |layer: &BTreeMap<String, String>| {
            let name = names
                .iter()
                .find(|name| layer.get(*name).is_some_and(|text| !text.is_empty()))?;
            Some(name.clone())
        };
        if let Some(name) = in_layer(&self.process) {
            return Some((&self.process[&name], Origin::Environment(name)));
        }
        let name = in_layer(&self.dotenv)?;
        Some((&self.dotenv[&name], Origin::DotEnv(name)))
    }

    /// The names of all variables of both layers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.process
            .keys()
            .chain(self.dotenv.keys())
            .map(String::as_str)
    }

    /// Reads `folder/.env`, if there is one.
    pub fn read_dotenv(&mut self, folder: &Path, problems: &mut Vec<Problem>) -> PathBuf {
        let file = folder.join(".env");
        match std::fs::read_to_string(&file) {
            Ok(text) => self.dotenv = parse(&text, &file, problems),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => problems.push(Problem {
                code: Code::ConfigMissing,
                source: file.display().to_string(),
                key: String::new(),
                message: format!("cannot be read: {error}"),
                hint: "check the file and its permissions".to_owned(),
            }),
        }
        file
    }
}

/// The variable that overrides `key` of the table `section`, such as `BROCA_QUEUE_MAX_CONCURRENT`.
pub fn variable(section: &str, key: &str) -> String {
    let whole = super::section::whole_key(section, key);
    format!("BROCA_{}", whole.replace(['.', '-'], "_").to_uppercase())
}

/// The variables of a `.env` file's `text`: `NAME=value` lines, `export` before them allowed, `#`
/// comments, values bare or in single or double quotes (`\n`, `\"` and `\\` in the latter).
fn parse(text: &str, file: &Path, problems: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match assignment(line) {
            Some((name, value)) => {
                variables.insert(name, value);
            }
            None => problems.push(malformed(file, index + 1)),
        }
    }
    variables
}

fn malformed(file: &Path, line: usize) -> Problem {
    Problem {
        code: Code::ConfigInvalid,
        source: format!("{}:{line}", file.display()),
        key: String::new(),
        message: "has a line that is not `NAME=value`".to_owned(),
        hint: "write `NAME=value`, and `#` before a comment; close each quote on its line"
            .to_owned(),
    }
}

fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(letter) {
        return None;
    }
    Some((name.to_owned(), unquote(value.trim())?))
}

fn unquote(value: &str) -> Option<String> {
    let (text, rest) = match value.chars().next() {
        Some('\'') => {
            let (text, rest) = value[1..].split_once('\'')?;
            (text.to_owned(), rest)
        }
        Some('"') => double_quoted(&value[1..])?,
        _ => {
            let end = value.find(" #").or_else(|| value.find("\t#"));
            return Some(value[..end.unwrap_or(value.len())].trim_end().to_owned());
        }
    };
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(text)
}

fn double_quoted(value: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut letters = value.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((text, &value[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => text.push('\n'),
                other => text.push(other),
            },
            other => text.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (BTreeMap<String, String>, usize) {
        let mut problems = Vec::new();
        let variables = parse(text, Path::new(".env"), &mut problems);
        (variables, problems.len())
    }

    #[test]
    fn a_dotenv_file_is_read() {
        let text = "# a\nexport A = one two # why\nB='# $x'\nC=\"a\\\"b\\nc\" # d\nD=\nE=a#b\r\n";
        let (variables, problems) = read(text);
        let list: Vec<_> = variables
            .iter()
            .map(|(k, v)| (k.as_str(), v.as_str()))
            .collect();
        let wanted = [
            ("A", "one two"),
            ("B", "# $x"),
            ("C", "a\"b\nc"),
            ("D", ""),
            ("E", "a#b"),
        ];
        assert_eq!((list.as_slice(), problems), (&wanted[..], 0));
    }

    #[test]
    fn malformed_lines_are_named_by_number_and_not_shown() {
        let mut problems = Vec::new();
        parse(
            "A=1\ns3cret\nB=\"s3cret\nC='s3cret' x\n",
            Path::new(".env"),
            &mut problems,
        );
        let places: Vec<_> = problems.iter().map(|p| p.source.as_str()).collect();
        assert_eq!(places, [".env:2", ".env:3", ".env:4"]);
        assert!(!format!("{problems:?}").contains("s3cret"));
    }

    #[test]
    fn a_layer_comes_before_a_better_name() {
        let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        let mut environment = Environment {
            dotenv: one("BROCA_MODE", "live"),
            process: one("MESSAGE_MODE", "echo"),
            ..Environment::default()
        };
        let names = ["BROCA_MODE".to_owned(), "MESSAGE_MODE".to_owned()];
        let found = environment.find("mode", &names).map(|found| found.0);
        assert_eq!(found, Some("echo"));
        environment.process = one("MESSAGE_MODE", "");
        let found = environment.find("mode", &names).map(|found| found.0);
        assert_eq!(found, Some("live"));
    }

    #[test]
    fn each_key_has_its_variable() {
        assert_eq!(
            variable("endpoint.telegram", "access"),
            "BROCA_ENDPOINT_TELEGRAM_ACCESS"
        );
        assert_eq!(variable("", "mode"), "BROCA_MODE");
    }
}
