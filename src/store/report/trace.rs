//! The whole way of a message: how it came, its turn, every attempt, every reply with its parts, its end.

use diesel::prelude::*;
use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::message::Address;
use crate::time::Timestamp;

use super::super::schema::{attempts, messages, parts, people, profiles, replies, turns};
use super::super::{Conn, people as persons};
use super::MessageRow;
use super::silent::{self, Bounds, Silence, Span};

mod rows;

pub use rows::{AttemptStep, PartStep, ReplyColumns, ReplyStep, TurnStep, Writer};

/// What is traced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A turn, with its messages and replies.
    Turn(i64),
    /// A message: its turn, or what was said at once.
    Message(i64),
    /// A reply: its turn, or the reply alone.
    Reply(i64),
}

/// The way.
#[derive(Debug, Serialize)]
pub struct Trace {
    /// The conversation here.
    pub conversation: i64,
    /// Where that is.
    pub address: Address,
    /// Who wrote; nobody where the operator sent a reply.
    pub from: Option<Writer>,
    /// What was written, oldest first.
    pub messages: Vec<MessageRow>,
    /// The turn that answers it, where one does.
    pub turn: Option<TurnStep>,
    /// Each sending to the agent, oldest first.
    pub attempts: Vec<AttemptStep>,
    /// Each reply, oldest first.
    pub replies: Vec<ReplyStep>,
    /// When the turn and all its replies were settled: unix milliseconds. Not before.
    pub ended_at: Option<i64>,
    /// What of it is silent.
    pub silences: Vec<Silence>,
}

/// The whole way of `subject`.
pub fn trace(conn: &mut Conn, subject: Subject, bounds: &Bounds, now: Timestamp) -> Result<Trace> {
    let mut trace = match subject {
        Subject::Turn(turn) => of_turn(conn, turn),
        Subject::Message(message) => of_message(conn, message),
        Subject::Reply(reply) => of_reply(conn, reply),
    }?;
    trace.ended_at = trace.end();
    trace.silences = silent::find(conn, bounds, Span::Newest, now)?;
    let (turn, mine) = (trace.turn.as_ref().map(|turn| turn.id), trace.ids());
    trace.silences.retain(|silence| {
        (silence.turn.is_some() && silence.turn == turn)
            || mine.contains(&(silence.message, silence.reply))
    });
    Ok(trace)
}

impl Trace {
    /// A turn that was retried counts from then on.
    fn end(&self) -> Option<i64> {
        let begun = match &self.turn {
            Some(turn) => turn.settled_at?,
            None => self.messages.first().map_or(0, |one| one.received_at),
        };
        let ends = self.replies.iter().map(|reply| reply.row.settled_at);
        let ends: Option<Vec<i64>> = ends.collect();
        ends.map(|ends| ends.into_iter().fold(begun, i64::max))
    }

    /// Its messages and replies, as a [`Silence`] names them.
    fn ids(&self) -> Vec<(Option<i64>, Option<i64>)> {
        let messages = self.messages.iter().map(|one| (Some(one.id), None));
        let replies = self.replies.iter().map(|one| (None, Some(one.row.id)));
        messages.chain(replies).collect()
    }

    fn new(conn: &mut Conn, conversation: i64, profile: Option<i64>) -> Result<Self> {
        Ok(Self {
            conversation,
            address: persons::address(conn, conversation)?,
            from: profile.map(|id| writer(conn, id)).transpose()?,
            messages: Vec::new(),
            turn: None,
            attempts: Vec::new(),
            replies: Vec::new(),
            ended_at: None,
            silences: Vec::new(),
        })
    }
}

fn unknown(what: &str, id: i64) -> Error {
    Error::new(Code::NotFound, format!("there is no {what} {id}")).hint(
        "`broca queue list --all` lists turns; a message and a reply are named by `--message` and `--reply`",
    )
}

fn of_turn(conn: &mut Conn, id: i64) -> Result<Trace> {
    let row = turns::table.find(id);
    let place: Option<(i64, i64)> = row
        .select((turns::conversation, turns::profile))
        .first(conn)
        .optional()?;
    let (conversation, profile) = place.ok_or_else(|| unknown("turn", id))?;
    let mut trace = Trace::new(conn, conversation, Some(profile))?;
    trace.turn = Some(row.select(TurnStep::as_select()).first(conn)?);
    trace.messages = messages::table
        .filter(messages::turn.eq(id))
        .order(messages::id)
        .select(MessageRow::as_select())
        .load(conn)?;
    trace.attempts = attempts_of(conn, id)?;
    let said = replies::table.filter(replies::turn.eq(id));
    let said = said
        .order(replies::id)
        .select(ReplyColumns::as_select())
        .load(conn)?;
    trace.replies = with_parts(conn, said)?;
    Ok(trace)
}

/// A message without a turn is a command or was only kept; a command's reply was made in its commit.
fn of_message(conn: &mut Conn, id: i64) -> Result<Trace> {
    type Row = (Option<i64>, i64, i64, i64);
    let row: Option<Row> = messages::table
        .find(id)
        .select((
            messages::turn,
            messages::conversation,
            messages::profile,
            messages::received_at,
        ))
        .first(conn)
        .optional()?;
    let (turn, conversation, profile, at) = row.ok_or_else(|| unknown("message", id))?;
    if let Some(turn) = turn {
        return of_turn(conn, turn);
    }
    let mut trace = Trace::new(conn, conversation, Some(profile))?;
    trace.messages = messages::table
        .find(id)
        .select(MessageRow::as_select())
        .load(conn)?;
    let said = replies::table
        .filter(replies::conversation.eq(conversation))
        .filter(replies::turn.is_null().and(replies::created_at.eq(at)))
        .filter(replies::kind.eq("notice"));
    let is_command = trace.messages.iter().any(|one| one.kind == "command");
    if is_command {
        let said = said
            .order(replies::id)
            .select(ReplyColumns::as_select())
            .load(conn)?;
        trace.replies = with_parts(conn, said)?;
    }
    Ok(trace)
}

fn of_reply(conn: &mut Conn, id: i64) -> Result<Trace> {
    let row: Option<(Option<i64>, i64)> = replies::table
        .find(id)
        .select((replies::turn, replies::conversation))
        .first(conn)
        .optional()?;
    let (turn, conversation) = row.ok_or_else(|| unknown("reply", id))?;
    if let Some(turn) = turn {
        return of_turn(conn, turn);
    }
    let mut trace = Trace::new(conn, conversation, None)?;
    let said = replies::table
        .find(id)
        .select(ReplyColumns::as_select())
        .load(conn)?;
    trace.replies = with_parts(conn, said)?;
    Ok(trace)
}

fn writer(conn: &mut Conn, profile: i64) -> Result<Writer> {
    Ok(profiles::table
        .inner_join(people::table)
        .filter(profiles::id.eq(profile))
        .select((
            people::id,
            people::name,
            profiles::user_id,
            profiles::username,
        ))
        .first(conn)?)
}

fn attempts_of(conn: &mut Conn, turn: i64) -> Result<Vec<AttemptStep>> {
    type Row = (i64, i64, String, String, String, i64, Option<i64>);
    type Why = (Option<String>, Option<String>);
    let rows: Vec<(Row, Why)> = attempts::table
        .filter(attempts::turn.eq(turn))
        .order(attempts::id)
        .select((
            (
                attempts::id,
                attempts::claim,
                attempts::conversation,
                attempts::otids,
                attempts::state,
                attempts::created_at,
                attempts::ended_at,
            ),
            (attempts::code, attempts::error),
        ))
        .load(conn)?;
    let step = |(row, (code, error)): (Row, Why)| {
        let (id, claim, conversation, otids, state, created_at, ended_at) = row;
        AttemptStep {
            id,
            claim,
            conversation,
            otids: serde_json::from_str(&otids).unwrap_or_default(),
            state,
            code,
            error,
            created_at,
            ended_at,
        }
    };
    Ok(rows.into_iter().map(step).collect())
}

fn with_parts(conn: &mut Conn, rows: Vec<ReplyColumns>) -> Result<Vec<ReplyStep>> {
    rows.into_iter()
        .map(|row| {
            let parts = parts::table
                .filter(parts::reply.eq(row.id))
                .order(parts::place)
                .select(PartStep::as_select())
                .load(conn)?;
            Ok(ReplyStep { row, parts })
        })
        .collect()
}
