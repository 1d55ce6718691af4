//! Attempts: each sending of a turn, stored before it leaves.

use diesel::dsl::exists;
use diesel::prelude::*;

use crate::error::{Code, Error, Result};
use crate::exchange::{Attempt, Request};
use crate::message::ReplyKind;
use crate::time::Timestamp;

use super::super::Conn;
use super::super::kept::{insert, update};
use super::super::schema::{attempts, turns};
use super::fence::held_by;
use super::{Claimed, say, split};

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct AttemptEnd {
    /// The attempt.
    pub id: i64,
    /// How.
    pub how: AttemptState,
    /// Why, if it failed.
    pub error: Option<(Code, String)>,
}

/// The ends of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// The agent answered.
    Answered,
    /// The agent said that it failed, or refused it.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// The attempt of a turn that has no end yet.
pub fn open_attempt(conn: &mut Conn, turn: i64) -> Result<Option<Attempt>> {
    type Row = (i64, String, String, String, String, i64);
    let row: Option<Row> = attempts::table
        .filter(attempts::turn.eq(turn).and(attempts::ended_at.is_null()))
        .select((
            attempts::id,
            attempts::conversation,
            attempts::body,
            attempts::otids,
            attempts::tells,
            attempts::created_at,
        ))
        .first(conn)
        .optional()?;
    row.map(|(id, conversation, body, otids, tells, at)| {
        let otids = serde_json::from_str(&otids)
            .map_err(|error| Error::new(Code::StoreFailed, format!("attempt {id}: {error}")))?;
        let request = Request {
            conversation,
            body,
            otids,
            tells,
        };
        Ok(Attempt {
            id,
            turn,
            request,
            at: Timestamp(at),
        })
    })
    .transpose()
}

/// Whether a turn has such an attempt, which may be at work at the agent.
#[diesel::dsl::auto_type]
pub(super) fn has_open_attempt() -> _ {
    exists(
        attempts::table.filter(
            attempts::turn
                .eq(turns::id)
                .and(attempts::ended_at.is_null()),
        ),
    )
}

/// Stores an attempt just before it is sent. `None` where the claim is no longer ours.
pub fn begin(
    conn: &mut Conn,
    turn: i64,
    claim: i64,
    request: &Request,
    now: Timestamp,
) -> Result<Option<Attempt>> {
    if !is_ours(conn, turn, claim)? {
        return Ok(None);
    }
    insert(conn, turn, claim, request, now).map(Some)
}

/// Whether the claim is still ours; writes nothing new, and keeps it so to the transaction's end.
fn is_ours(conn: &mut Conn, turn: i64, claim: i64) -> Result<bool> {
    let mine = update!(conn, held_by(turn, claim), turns::claim.eq(claim))?;
    Ok(mine > 0)
}

/// Stores an attempt of a turn that is ours.
pub(super) fn insert(
    conn: &mut Conn,
    turn: i64,
    claim: i64,
    request: &Request,
    now: Timestamp,
) -> Result<Attempt> {
    let otids = serde_json::to_string(&request.otids).expect("strings are JSON");
    let attempt = diesel::insert_into(attempts::table).values((
        attempts::turn.eq(turn),
        attempts::claim.eq(claim),
        attempts::conversation.eq(&request.conversation),
        attempts::body.eq(&request.body),
        attempts::otids.eq(otids),
        attempts::tells.eq(&request.tells),
        attempts::state.eq("open"),
        attempts::created_at.eq(now.0),
    ));
    let id = insert!(conn, attempt, attempts::id)?;
    Ok(Attempt {
        id,
        turn,
        request: request.clone(),
        at: now,
    })
}

/// Ends an attempt.
pub fn end(conn: &mut Conn, end: &AttemptEnd, now: Timestamp) -> Result<()> {
    let state = match end.how {
        AttemptState::Answered => "answered",
        AttemptState::Failed => "failed",
        AttemptState::Cancelled => "cancelled",
    };
    let (code, words) = split(end.error.as_ref());
    let open = attempts::table
        .find(end.id)
        .filter(attempts::ended_at.is_null());
    let ended = (
        attempts::state.eq(state),
        attempts::code.eq(code),
        attempts::error.eq(words),
        attempts::ended_at.eq(now.0),
    );
    update!(conn, open, ended)?;
    Ok(())
}

/// Ends an attempt and begins the one that follows it within the same claim, together with what the
/// agent had said in between. `None` where the claim is no longer ours, and then nothing is written.
pub fn next_attempt(
    conn: &mut Conn,
    claimed: &Claimed,
    ended: &AttemptEnd,
    said: &[String],
    request: &Request,
    now: Timestamp,
) -> Result<Option<Attempt>> {
    let (turn, claim) = (claimed.turn, claimed.claim);
    if !is_ours(conn, turn, claim)? {
        return Ok(None);
    }
    end(conn, ended, now)?;
    say(conn, claimed, ReplyKind::Answer, said, now)?;
    insert(conn, turn, claim, request, now).map(Some)
}
