//! What the stages pass on: addresses, messages, batches, parts, progress.

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::time::Timestamp;

/// A place that messages come from and replies go to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The endpoint's name, as in `[endpoint.<name>]`.
    pub endpoint: String,
    /// Whose side of the network this is (Telegram: the bot's id).
    pub account: String,
    /// The chat, as the network names it.
    pub chat: String,
    /// The topic or thread within the chat, where there is one.
    pub thread: Option<String>,
}

/// Who wrote, as the network tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sender {
    /// The network's own lasting id of the person.
    pub id: String,
    /// Handle without `@`.
    pub username: Option<String>,
    /// Display name.
    pub name: Option<String>,
    /// Language tag, such as `en` or `pt-br`.
    pub language: Option<String>,
}

/// Whether the endpoint's access rules let the sender talk to the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// May talk.
    Welcome,
    /// May not: counted, nothing stored of the text, at most one notice a day.
    Stranger,
}

/// What arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Text for the agent (or a command such as `/help`, which intake recognises).
    Text(String),
    /// A new version of an earlier message, named by that message's key.
    Edit {
        /// The key of the message that changed.
        of: String,
        /// The text as it reads now.
        text: String,
    },
    /// The person blocked (`false`) or unblocked (`true`) this side.
    Reachable(bool),
    /// Something this version does not carry; kept raw and passed.
    Other(String),
}

/// Asks intake to put this message into the turn before it, if that still waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// Only messages of equal key join.
    pub key: String,
    /// The turn becomes due once nothing has joined for this many milliseconds.
    pub quiet_ms: u64,
}

/// One thing that an endpoint received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Unique for the endpoint and account, and the same whenever the same thing comes again.
    pub key: String,
    /// Where it came from, and where replies go.
    pub address: Address,
    /// Who sent it.
    pub from: Sender,
    /// Whether they may.
    pub standing: Standing,
    /// What it is.
    pub content: Content,
    /// The network's own form of it, where that says more than the rest.
    pub raw: Option<String>,
    /// Wanted company, see [`Join`].
    pub join: Option<Join>,
}

/// Where an endpoint stands in its network's stream of messages. Only the endpoint reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub String);

/// What one `receive` brought: committed whole, together with its cursor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// In the order in which they are to be answered.
    pub items: Vec<Inbound>,
    /// Where the endpoint stands once these are stored; `None` leaves it where it was.
    pub cursor: Option<Cursor>,
}

/// What became of one item of a batch.
#[derive(Debug)]
pub enum Outcome {
    /// Stored now.
    New,
    /// Stored before.
    Seen,
    /// Not taken, for the reason given; trying again does not help.
    Refused(Error),
    /// Not stored; it may be tried again.
    Failed(Error),
}

/// Why a reply is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplyKind {
    /// The agent's words (or the echo's).
    Answer,
    /// Broca's own words: an answer to a command, or that a message is kept.
    Notice,
    /// A turn that failed: a sentence, a code, what to do.
    Error,
    /// From `broca send`.
    Operator,
}

/// One text for one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbound {
    /// The reply's id.
    pub reply: i64,
    /// The turn that it answers, if any.
    pub turn: Option<i64>,
    /// Where it goes.
    pub to: Address,
    /// Why it is sent.
    pub kind: ReplyKind,
    /// Markdown (`CommonMark`).
    pub text: String,
}

/// A piece of a reply that fits one `send`. Its form is the endpoint's own, stored as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part(pub String);

/// Names a part for ever, so that an endpoint that can shows it once however often it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartId {
    /// The reply's id.
    pub reply: i64,
    /// The part's place in the reply, from 0.
    pub index: u32,
}

/// The network's word that a part arrived: its id of the message, where it gives one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt(pub Option<String>);

/// What a turn is doing right now. May be lost without harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The place that waits.
    pub to: Address,
    /// The turn it is about.
    pub turn: i64,
    /// What it does.
    pub step: Step,
}

/// A moment of a running turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", content = "value", rename_all = "lowercase")]
pub enum Step {
    /// The agent thinks.
    Thinking,
    /// The agent uses the tool of this name.
    Tool(String),
    /// The answer's whole text so far.
    Text(String),
    /// The turn is over; replies, if any, come by themselves.
    Over,
}

/// What Broca knows of the person behind a turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// Broca's id of the person.
    pub person: i64,
    /// How they are called.
    pub name: Option<String>,
    /// Their handle on the endpoint, without `@`.
    pub username: Option<String>,
    /// Their id on the endpoint.
    pub user_id: String,
    /// Language tag.
    pub language: Option<String>,
    /// What the operator noted.
    pub notes: String,
}

/// A message as the agent is to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Who said it.
    pub by: About,
    /// The text, untouched.
    pub text: String,
    /// When it was stored.
    pub at: Timestamp,
}
