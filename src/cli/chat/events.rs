//! The session's events, as the daemon streams them.

use std::sync::mpsc::Sender;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Code, Error, Result};

use super::super::instance::Daemon;
use super::Input;

/// The daemon sends a heartbeat every 15 s.
const SILENCE: Duration = Duration::from_mins(1);

/// Something that happened in the session.
#[derive(Debug, Clone)]
pub(super) enum Event {
    /// Somebody said something.
    Message(Message),
    /// A turn does something.
    Progress(Progress),
}

/// Somebody said something.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Message {
    /// `user`, `agent`, `notice`, `error` or `operator`.
    pub(super) role: String,
    /// Markdown.
    pub(super) text: String,
    /// The turn that it answers.
    pub(super) turn: Option<i64>,
    /// The event as it came, for programs.
    #[serde(skip)]
    pub(super) raw: Value,
}

/// A turn does something.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Progress {
    /// The turn.
    pub(super) turn: i64,
    /// `thinking`, `tool`, `text` or `over`.
    pub(super) step: String,
    /// A tool's name, or the text so far.
    #[serde(default)]
    pub(super) value: Option<String>,
}

impl Event {
    /// Whether a turn failed.
    pub(super) fn is_error(&self) -> bool {
        matches!(self, Self::Message(message) if message.role == "error")
    }
}

/// Connects to the session's events of from now on, and passes them on from a thread of its own.
pub(super) fn listen(daemon: &Daemon, session: &str, sender: Sender<Input>) -> Result<()> {
    let path = format!("/chat/v1/events?session={session}&after=now");
    let answer = daemon.stream(&path, SILENCE)?;
    if !answer.is_ok() {
        let body = answer.text().unwrap_or_default();
        return Err(Error::new(
            Code::RequestMalformed,
            format!("the daemon refused: {body}"),
        ));
    }
    std::thread::spawn(move || {
        let mut kind = String::new();
        for line in answer.lines() {
            let Ok(line) = line else { break };
            if let Some(name) = line.strip_prefix("event:") {
                name.trim().clone_into(&mut kind);
            } else if let Some(event) = line
                .strip_prefix("data:")
                .and_then(|data| read(&kind, data))
                && sender.send(Input::Event(event)).is_err()
            {
                return;
            }
        }
        let _ = sender.send(Input::Lost(Error::new(
            Code::Io,
            "the daemon has closed the conversation",
        )));
    });
    Ok(())
}

fn read(kind: &str, data: &str) -> Option<Event> {
    let raw: Value = serde_json::from_str(data).ok()?;
    match kind {
        "message" => {
            let message: Message = serde_json::from_value(raw.clone()).ok()?;
            Some(Event::Message(Message { raw, ..message }))
        }
        "progress" => serde_json::from_value(raw).ok().map(Event::Progress),
        _ => None,
    }
}
