//! Configuration: what was written, resolved once, passed down as plain sections.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::secret::Secret;

mod change;
mod effective;
mod environment;
mod file;
mod load;
mod nearest;
mod placeholder;
mod problem;
mod secrets;
mod section;
mod setting;
mod tables;
mod watch;
mod write;

pub use change::AT_START;
pub use effective::Effective;
pub use environment::{Environment, Origin, variable};
pub use file::path;
pub use load::{Reader, Watched, load, load_from};
pub use nearest::nearest;
pub use placeholder::is_placeholder;
pub use problem::{Problem, Problems};
pub use section::Section;
pub use setting::Setting;
pub use watch::Watch;
pub use write::{try_out, write};

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It comes back as it is; no agent is needed.
    Echo,
    /// It is stored, and nothing is answered; the agent is not called.
    Listen,
    /// The agent answers.
    Live,
}

/// How people are kept apart at the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// A conversation for each chat, side by side.
    Conversation,
    /// A conversation for each chat, and the person's memory block attached for the turn; one at a time.
    Block,
    /// Everyone in the agent's default conversation; one at a time.
    Shared,
}

/// What to do with a part whose confirmation was lost, where the network shows a repeat twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Uncertain {
    /// Send it again; counted.
    Repeat,
    /// Leave it.
    Skip,
}

/// The whole configuration, resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The configuration file, where there is one.
    pub file: Option<PathBuf>,
    /// What relative paths are relative to.
    pub folder: PathBuf,
    /// What becomes of messages.
    pub mode: Mode,
    /// The agent.
    pub agent: Agent,
    /// The database.
    pub database: Database,
    /// The queue.
    pub queue: Queue,
    /// The outbox.
    pub outbox: Outbox,
    /// The HTTP server.
    pub http: Http,
    /// The stop.
    pub shutdown: Shutdown,
    /// The log.
    pub log: Log,
    /// Each endpoint's table, by name; only of endpoints that this build knows.
    pub endpoints: BTreeMap<String, Section>,
    /// What is allowed, but most likely not meant; for the log.
    pub warnings: Vec<Problem>,
    /// Every setting's value in force, by whole key.
    pub values: BTreeMap<String, Effective>,
}

/// `[agent]`
#[derive(Debug, Clone, PartialEq)]
pub struct Agent {
    /// Letta's id of it; without one there is no agent.
    pub id: Option<String>,
    /// Letta's address.
    pub endpoint: String,
    /// Letta's key, where it wants one.
    pub key: Option<Secret>,
    /// How people are kept apart.
    pub isolation: Isolation,
    /// How long the agent may work on a turn.
    pub turn_timeout: Duration,
    /// How a message reads for the agent: `{name} {username} {platform} {user_id} {text}` are filled in.
    pub template: String,
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// A path, already made absolute, or `postgres://…`. Holds a password: never print it whole.
    pub url: Secret,
    /// Connections for reading (`SQLite`) or for all (`PostgreSQL`).
    pub pool_size: usize,
}

/// `[queue]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Turns at once, over all lanes.
    pub max_concurrent: usize,
    /// Failures that the agent reported, before a turn ends.
    pub max_attempts: u32,
    /// After this a waiting person is told that the message is kept.
    pub notice_after: Duration,
    /// After this a turn ends without an answer.
    pub give_up_after: Duration,
}

/// `[outbox]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    /// What to do with a part that may or may not have arrived.
    pub uncertain: Uncertain,
    /// Replies sent at once, over all conversations.
    pub max_concurrent: usize,
}

/// `[http]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// `address:port`.
    pub listen: String,
}

/// `[shutdown]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shutdown {
    /// How long running turns and replies may take to end.
    pub grace: Duration,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: log::LevelFilter,
    /// JSON instead of text.
    pub json: bool,
    /// Emoji before text lines.
    pub emoji: bool,
}

impl Config {
    /// The control and chat socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("broca.sock")
    }

    /// The endpoint's table; empty where the file has none.
    pub fn endpoint(&self, name: &str) -> Option<&Section> {
        self.endpoints.get(name)
    }
}
