//! The rows of a trace. Times are unix milliseconds.

use diesel::prelude::*;
use serde::Serialize;

use super::super::super::schema::{parts, replies, turns};

/// Who wrote.
#[derive(Debug, Serialize, Queryable)]
pub struct Writer {
    /// The person's id here.
    pub user: i64,
    /// How they are called.
    pub name: String,
    /// Their id on the endpoint.
    pub user_id: String,
    /// Their handle.
    pub username: Option<String>,
}

/// A turn, with all that decides what becomes of it.
#[derive(Debug, Serialize, Queryable, Selectable)]
#[diesel(table_name = turns)]
pub struct TurnStep {
    /// Its id.
    pub id: i64,
    /// What it is answered in order with.
    pub lane: String,
    /// The mode it was accepted under.
    pub mode: String,
    /// Where it is.
    pub state: String,
    /// How often it was claimed.
    #[diesel(column_name = claim)]
    pub claims: i64,
    /// How often since its last outcome.
    pub barren: i32,
    /// Failures that the agent reported.
    pub failures: i32,
    /// Whether it has its lane: it runs, or waits while an attempt of it may be at work.
    pub held: bool,
    /// Whether it is to be stopped.
    pub stop_asked: bool,
    /// When it was accepted, or retried.
    pub created_at: i64,
    /// When it may be claimed.
    pub due_at: i64,
    /// When it last was.
    pub claimed_at: Option<i64>,
    /// When its person was told that it waits.
    pub noticed_at: Option<i64>,
    /// When it was settled.
    pub settled_at: Option<i64>,
    /// Why it waits or failed.
    #[diesel(column_name = last_code)]
    pub code: Option<String>,
    /// The words of that.
    #[diesel(column_name = last_error)]
    pub error: Option<String>,
}

/// A sending to the agent; not what was sent.
#[derive(Debug, Serialize)]
pub struct AttemptStep {
    /// Its id.
    pub id: i64,
    /// The claim it belongs to.
    pub claim: i64,
    /// The conversation at the agent.
    pub conversation: String,
    /// What the agent knows its messages by.
    pub otids: Vec<String>,
    /// How it ended, or `open`.
    pub state: String,
    /// Why, if it failed.
    pub code: Option<String>,
    /// The words of that.
    pub error: Option<String>,
    /// When it began.
    pub created_at: i64,
    /// When it ended.
    pub ended_at: Option<i64>,
}

/// A reply on its way.
#[derive(Debug, Serialize)]
pub struct ReplyStep {
    /// The reply.
    #[serde(flatten)]
    pub row: ReplyColumns,
    /// Its parts, once it was claimed.
    pub parts: Vec<PartStep>,
}

/// A reply's own columns.
#[derive(Debug, Serialize, Queryable, Selectable)]
#[diesel(table_name = replies)]
pub struct ReplyColumns {
    /// Its id.
    pub id: i64,
    /// `answer`, `notice`, `error` or `operator`.
    pub kind: String,
    /// Markdown.
    pub text: String,
    /// Where it is.
    pub state: String,
    /// How often it was claimed.
    #[diesel(column_name = claim)]
    pub claims: i64,
    /// Times it could not be sent.
    pub failures: i32,
    /// When it was said by the agent, Broca or the operator.
    pub created_at: i64,
    /// When it may be sent.
    pub due_at: i64,
    /// When it was last claimed.
    pub claimed_at: Option<i64>,
    /// When it was settled.
    pub settled_at: Option<i64>,
    /// Why it waits or failed.
    #[diesel(column_name = last_code)]
    pub code: Option<String>,
    /// The words of that.
    #[diesel(column_name = last_error)]
    pub error: Option<String>,
}

/// What one `send` takes.
#[derive(Debug, Serialize, Queryable, Selectable)]
#[diesel(table_name = parts)]
pub struct PartStep {
    /// Its place, from 0.
    pub place: i32,
    /// `planned`, `sending`, `said` or `unknowable`.
    pub state: String,
    /// How often it was sent again although it may have arrived.
    pub repeats: i32,
    /// What the network calls it.
    pub receipt: Option<String>,
    /// When the network confirmed it.
    pub said_at: Option<i64>,
}
