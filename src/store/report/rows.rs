//! The rows of reports.

use diesel::prelude::*;
use serde::Serialize;

use crate::message::Address;
use crate::time::Timestamp;

use super::super::schema::messages;

/// A turn in a list.
#[derive(Debug, Serialize, Queryable)]
pub struct TurnRow {
    /// Its id.
    pub id: i64,
    /// Its conversation.
    pub conversation: i64,
    /// Where it came from.
    pub endpoint: String,
    /// The person's profile.
    pub profile: i64,
    /// The mode it was accepted under.
    pub mode: String,
    /// Where it is.
    pub state: String,
    /// How often it was claimed.
    pub claims: i64,
    /// Failures that the agent reported.
    pub failures: i32,
    /// Unix milliseconds.
    pub created_at: i64,
    /// Unix milliseconds.
    pub due_at: i64,
    /// Unix milliseconds.
    pub settled_at: Option<i64>,
    /// Why it waits or failed.
    pub code: Option<String>,
    /// The words of that.
    pub error: Option<String>,
}

/// A message.
#[derive(Debug, Serialize, Queryable, Selectable)]
#[diesel(table_name = messages)]
pub struct MessageRow {
    /// Its id.
    pub id: i64,
    /// What names it on its network.
    pub key: String,
    /// `text`, `edit`, `command` or `other`.
    pub kind: String,
    /// The text.
    pub text: Option<String>,
    /// Unix milliseconds.
    pub received_at: i64,
}

/// A person in a list.
#[derive(Debug, Serialize)]
pub struct UserRow {
    /// Their id.
    pub id: i64,
    /// How they are called.
    pub name: String,
    /// May they talk?
    pub active: bool,
    /// What the operator noted.
    pub notes: String,
    /// On which endpoints.
    pub profiles: Vec<ProfileRow>,
}

/// A profile.
#[derive(Debug, Serialize, Queryable)]
pub struct ProfileRow {
    /// Its id.
    pub id: i64,
    /// The endpoint.
    pub endpoint: String,
    /// Their id there.
    pub user_id: String,
    /// Handle.
    pub username: Option<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// Language tag.
    pub language: Option<String>,
}

/// A conversation in a list.
#[derive(Debug, Serialize)]
pub struct ConversationRow {
    /// Its id.
    pub id: i64,
    /// Where it is.
    pub address: Address,
    /// Whether replies can reach it.
    pub reachable: bool,
    /// Messages stored.
    pub messages: i64,
    /// Its id at the agent, where it has one.
    pub agent_conversation: Option<String>,
}

/// A line of a conversation's history.
#[derive(Debug, Serialize)]
pub struct Line {
    /// When.
    pub at: Timestamp,
    /// `user`, or the reply's kind.
    pub from: String,
    /// What was said.
    pub text: String,
}
