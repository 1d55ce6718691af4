//! The log: one line an event on standard error, as text or JSON, each with the ids it is about.
//!
//! Call sites write `log::info!(turn = id, endpoint = "telegram"; "the turn is settled")`. Both forms
//! show the fields; a line reads alone without them.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use env_logger::{Builder, Target, WriteStyle};
use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{Level, LevelFilter, Metadata, Record};

use crate::config;
use crate::time::Timestamp;

/// What is said by others, and is of use only to those who look for it.
const NOISY: &[&str] = &[
    "axum",
    "deadpool",
    "diesel",
    "h2",
    "hyper",
    "hyper_util",
    "mio",
    "rustls",
    "tokio",
    "tower",
    "ureq",
    "ureq_proto",
];

static JSON: AtomicBool = AtomicBool::new(false);
static EMOJI: AtomicBool = AtomicBool::new(false);

/// Starts the log; in a process that already has one, as [`apply`].
pub fn start(settings: &config::Log) {
    let colour =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    let logger = Builder::new()
        .filter_level(LevelFilter::Trace)
        .target(Target::Stderr)
        .write_style(WriteStyle::Never)
        .format(move |out, record| out.write_all(line(record, colour).as_bytes()))
        .build();
    // A second start finds the first one's logger, which follows `apply` just as well.
    let _ = log::set_boxed_logger(Box::new(Capped(logger)));
    apply(settings);
}

/// Changes level and form while running.
pub fn apply(settings: &config::Log) {
    JSON.store(settings.json, Ordering::Relaxed);
    EMOJI.store(settings.emoji, Ordering::Relaxed);
    log::set_max_level(settings.level);
}

/// Keeps what others say to warnings, unless everything is wanted.
struct Capped(env_logger::Logger);

impl log::Log for Capped {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_wanted(metadata.target(), metadata.level(), log::max_level())
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}

fn is_wanted(target: &str, level: Level, most: LevelFilter) -> bool {
    let origin = target.split("::").next().unwrap_or_default();
    level <= most
        && (most == LevelFilter::Trace || level <= Level::Warn || !NOISY.contains(&origin))
}

fn line(record: &Record<'_>, colour: bool) -> String {
    if JSON.load(Ordering::Relaxed) {
        json(record, Timestamp::now())
    } else {
        text(
            record,
            Timestamp::now(),
            colour,
            EMOJI.load(Ordering::Relaxed),
        )
    }
}

fn text(record: &Record<'_>, now: Timestamp, colour: bool, emoji: bool) -> String {
    let (paint, plain) = if colour {
        (paint(record.level()), "\x1b[0m")
    } else {
        ("", "")
    };
    let emoji = if emoji { picture(record.level()) } else { "" };
    let (level, target) = (record.level(), record.target());
    let message = on_one_line(&record.args().to_string());
    let mut line = format!("{now} {paint}{level:<5}{plain} {emoji}{target} {message}");
    for (name, value) in Fields::of(record).0 {
        let value = match value {
            serde_json::Value::String(text) => quoted(text),
            other => other.to_string(),
        };
        write!(line, " {name}={value}").expect("a string takes all");
    }
    line.push('\n');
    line
}

fn json(record: &Record<'_>, now: Timestamp) -> String {
    let mut line = serde_json::Map::new();
    for (name, value) in Fields::of(record).0 {
        line.insert(name, value);
    }
    let own = [
        ("time", now.to_string()),
        ("level", record.level().as_str().to_ascii_lowercase()),
        ("target", record.target().to_owned()),
        ("message", record.args().to_string()),
    ];
    line.extend(own.map(|(name, text)| (name.to_owned(), text.into())));
    format!("{}\n", serde_json::Value::Object(line))
}

const fn paint(level: Level) -> &'static str {
    match level {
        Level::Error => "\x1b[31m",
        Level::Warn => "\x1b[33m",
        Level::Info => "\x1b[32m",
        Level::Debug => "\x1b[34m",
        Level::Trace => "\x1b[90m",
    }
}

const fn picture(level: Level) -> &'static str {
    match level {
        Level::Error => "❌ ",
        Level::Warn => "⚠️ ",
        Level::Info => "💬 ",
        Level::Debug => "🔍 ",
        Level::Trace => "🧵 ",
    }
}

/// No text of a stranger may begin a line of its own, or move the cursor.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

fn quoted(text: String) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '=');
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        serde_json::Value::String(text).to_string()
    }
}

/// A record's fields, in the order in which the call site wrote them.
#[derive(Default)]
struct Fields(Vec<(String, serde_json::Value)>);

impl Fields {
    fn of(record: &Record<'_>) -> Self {
        let mut fields = Self::default();
        // Only a visitor that fails makes a visit fail, and this one does not.
        let _ = record.key_values().visit(&mut fields);
        fields
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut typed = Typed(serde_json::Value::Null);
        value.visit(&mut typed)?;
        self.0.push((key.as_str().to_owned(), typed.0));
        Ok(())
    }
}

struct Typed(serde_json::Value);

impl VisitValue<'_> for Typed {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.0 = value.to_string().into();
        Ok(())
    }
    fn visit_null(&mut self) -> Result<(), Error> {
        Ok(())
    }
    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }
    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }
    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }
    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.0 = value.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_123);
    const FIELDS: &[(&str, i64)] = &[("turn", 7)];

    fn with<T>(
        message: &str,
        fields: &dyn log::kv::Source,
        use_it: impl Fn(&Record<'_>) -> T,
    ) -> T {
        let mut builder = Record::builder();
        builder
            .level(Level::Info)
            .target("broca::bridge")
            .key_values(fields);
        use_it(&builder.args(format_args!("{message}")).build())
    }

    #[test]
    fn text_is_one_line_with_its_fields() {
        let line = with("said\nno\x1b[2J", &FIELDS, |record| {
            text(record, NOW, false, false)
        });
        assert_eq!(
            line,
            "2023-11-14T22:13:20.123Z INFO  broca::bridge said\\nno\\u{1b}[2J turn=7\n"
        );
        let line = with("x", &[("who", "a b")], |record| {
            text(record, NOW, false, true)
        });
        assert!(line.ends_with("💬 broca::bridge x who=\"a b\"\n"), "{line}");
    }

    #[test]
    fn json_is_one_object_a_line() {
        let line = with("said\n", &FIELDS, |record| json(record, NOW));
        let value: serde_json::Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(value["turn"], 7);
        assert_eq!(value["message"], "said\n");
        assert_eq!(value["level"], "info");
        assert_eq!(line.matches('\n').count(), 1);
        let line = with("x", &[("message", "y")], |record| json(record, NOW));
        assert!(line.contains("\"message\":\"x\""), "{line}");
    }

    #[test]
    fn others_are_quiet_unless_all_is_wanted() {
        assert!(is_wanted("broca::bridge", Level::Debug, LevelFilter::Debug));
        assert!(!is_wanted(
            "rustls::client",
            Level::Debug,
            LevelFilter::Debug
        ));
        assert!(is_wanted("rustls::client", Level::Warn, LevelFilter::Info));
        assert!(is_wanted(
            "rustls::client",
            Level::Debug,
            LevelFilter::Trace
        ));
        assert!(!is_wanted("broca", Level::Debug, LevelFilter::Info));
    }
}
