//! `broca status`: how things are.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::store::report::silent::{Bounds, Silence};
use crate::store::report::{self, Stats};
use crate::time::Timestamp;

use super::instance::Instance;
use super::output::{Table, note, say, say_json};

/// Shows the daemon's health, what waits, and the last errors.
pub(super) fn run(instance: &Instance, as_json: bool) -> anyhow::Result<()> {
    let daemon = instance.daemon();
    let bounds = Bounds::of(&instance.config);
    let stats = instance.read(|conn| report::stats(conn, &bounds, Timestamp::now()))?;
    if as_json {
        say_json(&json!({ "daemon": daemon, "stats": stats }));
        return Ok(());
    }
    match &daemon {
        Some(daemon) => show_daemon(daemon),
        None => say("daemon: not running"),
    }
    show_stats(&stats);
    show_silent(&stats);
    show_errors(&stats);
    Ok(())
}

fn show_daemon(daemon: &Value) {
    let text = |key: &str| {
        daemon
            .get(key)
            .map_or(String::new(), |value| value.to_string().replace('"', ""))
    };
    say(format!(
        "daemon: process {}, version {}, mode {}",
        text("pid"),
        text("version"),
        text("mode")
    ));
    let parts = daemon.get("health").and_then(Value::as_object);
    for (name, condition) in parts.into_iter().flatten() {
        let field = |key: &str| condition.get(key).and_then(Value::as_str);
        let since = condition
            .get("since")
            .and_then(Value::as_i64)
            .map_or(0, |at| at);
        match field("code") {
            None => say(format!("{name}: well, since {}", ago(since))),
            Some(code) => {
                let words = field("message").unwrap_or_default();
                say(format!("{name}: {code}, since {}: {words}", ago(since)));
            }
        }
    }
}

fn show_stats(stats: &Stats) {
    let line = |pairs: &BTreeMap<String, i64>| {
        let all = pairs
            .iter()
            .map(|(state, count)| format!("{count} {state}"));
        let all: Vec<_> = all.collect();
        if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        }
    };
    say(format!("turns: {}", line(&stats.turns)));
    say(format!("replies: {}", line(&stats.replies)));
    if let Some(oldest) = stats.oldest_turn {
        say(format!("oldest waiting message: {}", ago(oldest)));
    }
    if let Some(oldest) = stats.oldest_reply {
        say(format!("oldest waiting reply: {}", ago(oldest)));
    }
    say(format!("refused messages: {}", stats.refused));
    if stats.repeated_parts + stats.unknowable_parts > 0 {
        let (repeated, left) = (stats.repeated_parts, stats.unknowable_parts);
        say(format!(
            "parts that may have arrived: {repeated} sent again, {left} left"
        ));
    }
}

fn show_silent(stats: &Stats) {
    say(format!("messages without an end: {}", stats.silent));
    if stats.silences.is_empty() {
        return;
    }
    let mut table = Table::new(&["trace", "since", "silent", "because"]);
    for silence in &stats.silences {
        table.row([
            wanted(silence),
            ago(silence.since),
            silence.why.as_str().to_owned(),
            silence.why.words().to_owned(),
        ]);
    }
    say("");
    table.print();
    let left = stats.silent - stats.silences.len();
    if left > 0 {
        note(format!("and {left} more"));
    }
    note(format!(
        "hint: `broca trace {}` shows what became of it",
        wanted(&stats.silences[0])
    ));
}

/// What `broca trace` takes for it.
pub(super) fn wanted(silence: &Silence) -> String {
    match (silence.turn, silence.message, silence.reply) {
        (Some(turn), ..) => turn.to_string(),
        (None, Some(message), _) => format!("--message {message}"),
        (None, None, reply) => format!("--reply {}", reply.unwrap_or_default()),
    }
}

fn show_errors(stats: &Stats) {
    if stats.last_errors.is_empty() {
        return;
    }
    let mut table = Table::new(&["turn", "state", "code", "when", "error"]);
    for turn in &stats.last_errors {
        table.row([
            turn.id.to_string(),
            turn.state.clone(),
            turn.code.clone().unwrap_or_default(),
            ago(turn.settled_at.unwrap_or(turn.created_at)),
            turn.error.clone().unwrap_or_default(),
        ]);
    }
    say("");
    table.print();
}

/// A moment as people say it.
pub(super) fn ago(at: i64) -> String {
    let span = Timestamp::now().since(Timestamp(at)).as_secs();
    match span {
        0..60 => format!("{span} s ago"),
        60..3600 => format!("{} min ago", span / 60),
        3600..86_400 => format!("{} h ago", span / 3600),
        _ => format!("{} days ago", span / 86_400),
    }
}
