//! What is silent: what is past its bound without an end that anyone saw.
//!
//! A message ends in one of these, and each is seen: *replied*; *failed* or *stopped*, of which its person
//! is told by a reply in the same commit; *silent*, which the agent chose; *kept*, in the mode `listen`;
//! *refused*. Commands and what is only stored ask for no turn. A reply ends as *said*, or the operator sees
//! it as failed, dropped or parked. All else is on its way, and everything on its way has a bound. So
//! silent are, each after `SLACK` for what is late by a little:
//!
//! | [`Why`] | what | bound |
//! |---|---|---|
//! | `no-turn` | a text without a turn | none: both are one commit |
//! | `overdue` | a turn that waits | `queue.give_up_after` |
//! | `untold` | a turn that waits because of the agent, its person not told | `queue.notice_after` |
//! | `abandoned` | a turn that runs, by its claim and its latest attempt | `agent.turn_timeout` |
//! | `unanswered` | a turn replied, failed or stopped, with no reply since | none: one commit |
//! | `unsent` | a reply that waits, and is tried in vain or not at all | `queue.give_up_after` |
//! | `stuck` | a reply that is being sent, by its claim and its latest part | none: a send is short |
//! | `unsaid` | a reply said, with a part that was neither said nor left, or no part | none: one commit |
//!
//! What is on its way is read by the indexes of what is open. What is settled is read by its id, the
//! newest `NEWEST` of each table or all of it.

use std::time::Duration;

use diesel::dsl::{exists, max, not};
use diesel::prelude::*;
use serde::Serialize;

use crate::config::{Config, Mode};
use crate::error::Result;
use crate::time::Timestamp;

use super::super::Conn;
use super::super::schema::{attempts, messages, parts, replies, turns};
use super::super::state::{ReplyState, TurnState, mode_text};

/// How late everything may be: longer than the longest wait between two tries, and than the calls that
/// surround a turn.
const SLACK: Duration = Duration::from_mins(10);
/// So many of the newest rows of a table are looked at where not all are asked for.
const NEWEST: i64 = 10_000;

/// What is allowed to take how long.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// `queue.give_up_after`
    pub give_up_after: Duration,
    /// `queue.notice_after`
    pub notice_after: Duration,
    /// `agent.turn_timeout`
    pub turn_timeout: Duration,
}

/// How much of what is settled is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// The newest rows, at a cost that does not grow with the history.
    Newest,
    /// All of it.
    All,
}

/// What is silent about something; see the table above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A text has no turn.
    NoTurn,
    /// A turn was not given up in time.
    Overdue,
    /// Its person does not know that it waits for the agent.
    Untold,
    /// Nobody works on a turn that runs.
    Abandoned,
    /// A turn is settled without a word to its person.
    Unanswered,
    /// A reply waits for too long.
    Unsent,
    /// Nobody sends a reply that is being sent.
    Stuck,
    /// A reply counts as said and was not.
    Unsaid,
}

/// Something that is silent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Silence {
    /// What is wrong with it.
    pub why: Why,
    /// Its turn, where it has one.
    pub turn: Option<i64>,
    /// The message, where it is one.
    pub message: Option<i64>,
    /// The reply, where it is one.
    pub reply: Option<i64>,
    /// When it came, or was settled: unix milliseconds.
    pub since: i64,
}

impl Why {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoTurn => "no-turn",
            Self::Overdue => "overdue",
            Self::Untold => "untold",
            Self::Abandoned => "abandoned",
            Self::Unanswered => "unanswered",
            Self::Unsent => "unsent",
            Self::Stuck => "stuck",
            Self::Unsaid => "unsaid",
        }
    }

    /// In a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoTurn => "no turn will answer it",
            Self::Overdue => "it waits for longer than `queue.give_up_after`",
            Self::Untold => "it waits for the agent, and its person was not told",
            Self::Abandoned => "it runs, and nobody works on it",
            Self::Unanswered => "it is settled, and its person was told nothing",
            Self::Unsent => "its reply waits for longer than `queue.give_up_after`",
            Self::Stuck => "its reply is being sent, and nobody sends it",
            Self::Unsaid => "its reply counts as said, and a part of it was not",
        }
    }
}

impl Bounds {
    /// Those of a configuration.
    pub fn of(config: &Config) -> Self {
        Self {
            give_up_after: config.queue.give_up_after,
            notice_after: config.queue.notice_after,
            turn_timeout: config.agent.turn_timeout,
        }
    }
}

/// Everything that is silent; none where all is well.
pub fn find(conn: &mut Conn, bounds: &Bounds, span: Span, now: Timestamp) -> Result<Vec<Silence>> {
    let before = |bound: Duration| now.minus(bound.saturating_add(SLACK)).0;
    let given_up = before(bounds.give_up_after);
    let mut all = without_turn(conn, span)?;
    all.extend(overdue(conn, given_up)?);
    all.extend(untold(conn, before(bounds.notice_after), given_up)?);
    all.extend(abandoned(conn, before(bounds.turn_timeout))?);
    all.extend(unanswered(conn, span)?);
    all.extend(unsent(conn, given_up, before(Duration::ZERO))?);
    all.extend(stuck(conn, before(Duration::ZERO))?);
    all.extend(unsaid(conn, span)?);
    Ok(all)
}

fn of_turn(why: Why) -> impl Fn((i64, i64)) -> Silence {
    move |(turn, since)| Silence {
        why,
        turn: Some(turn),
        message: None,
        reply: None,
        since,
    }
}

fn of_reply(why: Why) -> impl Fn((i64, Option<i64>, i64)) -> Silence {
    move |(reply, turn, since)| Silence {
        why,
        turn,
        message: None,
        reply: Some(reply),
        since,
    }
}

/// What is settled is looked at above this id.
fn floor(span: Span, newest: Option<i64>) -> i64 {
    match span {
        Span::Newest => newest.unwrap_or(0).saturating_sub(NEWEST),
        Span::All => i64::MIN,
    }
}

fn without_turn(conn: &mut Conn, span: Span) -> Result<Vec<Silence>> {
    let newest = messages::table.select(max(messages::id)).first(conn)?;
    let turn = turns::table.filter(turns::id.nullable().eq(messages::turn));
    let found: Vec<(i64, i64)> = messages::table
        .filter(messages::id.gt(floor(span, newest)))
        .filter(messages::kind.eq("text"))
        .filter(not(exists(turn)))
        .order(messages::id)
        .select((messages::id, messages::received_at))
        .load(conn)?;
    let silence = |(message, since)| Silence {
        why: Why::NoTurn,
        turn: None,
        message: Some(message),
        reply: None,
        since,
    };
    Ok(found.into_iter().map(silence).collect())
}

fn overdue(conn: &mut Conn, given_up: i64) -> Result<Vec<Silence>> {
    let found: Vec<(i64, i64)> = turns::table
        .filter(turns::settled_at.is_null())
        .filter(turns::state.eq(TurnState::Ready.as_str()))
        .filter(turns::created_at.le(given_up))
        .order(turns::id)
        .select((turns::id, turns::created_at))
        .load(conn)?;
    Ok(found.into_iter().map(of_turn(Why::Overdue)).collect())
}

fn untold(conn: &mut Conn, noticed: i64, given_up: i64) -> Result<Vec<Silence>> {
    let found: Vec<(i64, i64)> = turns::table
        .filter(turns::settled_at.is_null().and(turns::noticed_at.is_null()))
        .filter(turns::state.eq(TurnState::Ready.as_str()))
        .filter(turns::mode.eq(mode_text(Mode::Live)))
        .filter(turns::last_code.is_not_null())
        .filter(turns::created_at.le(noticed))
        .filter(turns::created_at.gt(given_up))
        .order(turns::id)
        .select((turns::id, turns::created_at))
        .load(conn)?;
    Ok(found.into_iter().map(of_turn(Why::Untold)).collect())
}

fn abandoned(conn: &mut Conn, over: i64) -> Result<Vec<Silence>> {
    let later = attempts::table
        .filter(attempts::turn.eq(turns::id))
        .filter(attempts::created_at.gt(over));
    let found: Vec<(i64, i64)> = turns::table
        .filter(turns::settled_at.is_null())
        .filter(turns::state.eq(TurnState::Running.as_str()))
        .filter(turns::claimed_at.is_null().or(turns::claimed_at.le(over)))
        .filter(turns::created_at.le(over))
        .filter(not(exists(later)))
        .order(turns::id)
        .select((turns::id, turns::created_at))
        .load(conn)?;
    Ok(found.into_iter().map(of_turn(Why::Abandoned)).collect())
}

/// A turn that was retried has replies of its earlier life; only those since it was settled count.
fn unanswered(conn: &mut Conn, span: Span) -> Result<Vec<Silence>> {
    let newest = turns::table.select(max(turns::id)).first(conn)?;
    let told = [TurnState::Replied, TurnState::Failed, TurnState::Stopped];
    let since = replies::table
        .filter(replies::turn.eq(turns::id.nullable()))
        .filter(replies::created_at.nullable().ge(turns::settled_at));
    let found: Vec<(i64, i64)> = turns::table
        .filter(turns::id.gt(floor(span, newest)))
        .filter(turns::state.eq_any(told.map(TurnState::as_str)))
        .filter(not(exists(since)))
        .order(turns::id)
        .select((turns::id, turns::settled_at.assume_not_null()))
        .load(conn)?;
    Ok(found.into_iter().map(of_turn(Why::Unanswered)).collect())
}

/// One that was parked is due from the moment in which its person is back.
fn unsent(conn: &mut Conn, given_up: i64, due: i64) -> Result<Vec<Silence>> {
    let tried_or_forgotten = replies::last_code.is_not_null().or(replies::due_at.le(due));
    let found: Vec<(i64, Option<i64>, i64)> = replies::table
        .filter(replies::settled_at.is_null())
        .filter(replies::state.eq(ReplyState::Ready.as_str()))
        .filter(replies::created_at.le(given_up))
        .filter(tried_or_forgotten)
        .order(replies::id)
        .select((replies::id, replies::turn, replies::created_at))
        .load(conn)?;
    Ok(found.into_iter().map(of_reply(Why::Unsent)).collect())
}

fn stuck(conn: &mut Conn, over: i64) -> Result<Vec<Silence>> {
    let later = parts::table
        .filter(parts::reply.eq(replies::id))
        .filter(parts::said_at.gt(over));
    let found: Vec<(i64, Option<i64>, i64)> = replies::table
        .filter(replies::settled_at.is_null())
        .filter(replies::state.eq(ReplyState::Sending.as_str()))
        .filter(
            replies::claimed_at
                .is_null()
                .or(replies::claimed_at.le(over)),
        )
        .filter(replies::created_at.le(over))
        .filter(not(exists(later)))
        .order(replies::id)
        .select((replies::id, replies::turn, replies::created_at))
        .load(conn)?;
    Ok(found.into_iter().map(of_reply(Why::Stuck)).collect())
}

fn unsaid(conn: &mut Conn, span: Span) -> Result<Vec<Silence>> {
    let newest = replies::table.select(max(replies::id)).first(conn)?;
    let any = parts::table.filter(parts::reply.eq(replies::id));
    let left = any.filter(parts::state.eq_any(["planned", "sending"]));
    let found: Vec<(i64, Option<i64>, i64)> = replies::table
        .filter(replies::id.gt(floor(span, newest)))
        .filter(replies::state.eq(ReplyState::Said.as_str()))
        .filter(not(exists(any)).or(exists(left)))
        .order(replies::id)
        .select((
            replies::id,
            replies::turn,
            replies::settled_at.assume_not_null(),
        ))
        .load(conn)?;
    Ok(found.into_iter().map(of_reply(Why::Unsaid)).collect())
}
