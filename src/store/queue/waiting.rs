//! Turns that wait: when the next is due, what their people are told, and when they are given up.

use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;

use crate::config::Mode;
use crate::error::{Code, Result};
use crate::message::ReplyKind;
use crate::retry::LONGEST;
use crate::time::Timestamp;

use super::super::kept::on;
use super::super::schema::turns;
use super::super::state::{self, TurnState};
use super::super::{Conn, outbox};
use super::attempt::has_open_attempt;
use super::{AttemptEnd, AttemptState, Claimed, end, lane, open_attempt};

/// When the next waiting turn is due, if one waits for its time. One that is due when it comes is not meant: who
/// accepts it tells.
pub fn next_due(conn: &mut Conn, now: Timestamp) -> Result<Option<Timestamp>> {
    let waiting = turns::settled_at
        .is_null()
        .and(turns::due_at.ne(turns::created_at));
    let due = turns::table
        .filter(waiting.and(turns::due_at.gt(now.0)))
        .select(diesel::dsl::min(turns::due_at));
    let due: Option<i64> = on!(conn, due.first(conn))?;
    Ok(due.map(Timestamp))
}

/// Whether another turn may wait for the end of this one, which has come.
///
/// Asked in the transaction that settles, and on a server no claim runs meanwhile: so one that came before saw
/// the lane taken and is told, or one that comes later sees it free.
pub fn is_waited_for(conn: &mut Conn, claimed: &Claimed, agent_wide: bool) -> Result<bool> {
    conn.alone("turns")?;
    let open = turns::table.filter(turns::settled_at.is_null());
    if agent_wide {
        return Ok(on!(conn, diesel::select(exists(open)).get_result(conn))?);
    }
    let beside = open.filter(turns::conversation.eq(claimed.conversation));
    Ok(on!(conn, diesel::select(exists(beside)).get_result(conn))?)
}

/// Makes the database this daemon's: what an earlier one ran is claimable at once, and lanes are those of
/// the present isolation. Clocks get set back: what was accepted or claimed later than now is due at
/// once, and no other wait is longer than the longest backoff.
pub fn take_over(conn: &mut Conn, agent_wide: bool, now: Timestamp) -> Result<usize> {
    let running = turns::table.filter(
        turns::settled_at
            .is_null()
            .and(turns::state.eq(TurnState::Running.as_str())),
    );
    let left = diesel::update(running)
        .set((
            turns::state.eq(TurnState::Ready.as_str()),
            turns::boot.eq(None::<String>),
            turns::held.eq(has_open_attempt()),
            turns::due_at.eq(now.0),
        ))
        .execute(conn)?;
    let latest = now.plus(LONGEST).0;
    let open = turns::settled_at.is_null();
    let ahead = turns::created_at
        .nullable()
        .gt(now.0)
        .or(turns::claimed_at.gt(now.0));
    diesel::update(turns::table.filter(open.and(ahead)))
        .set(turns::due_at.eq(now.0))
        .execute(conn)?;
    diesel::update(turns::table.filter(open.and(turns::due_at.gt(latest))))
        .set(turns::due_at.eq(latest))
        .execute(conn)?;
    relane(conn, agent_wide)?;
    outbox::take_over(conn, now, latest)?;
    Ok(left)
}

fn relane(conn: &mut Conn, agent_wide: bool) -> Result<()> {
    let open: Vec<(i64, i64, String)> = turns::table
        .filter(
            turns::settled_at
                .is_null()
                .and(turns::mode.eq(state::mode_text(Mode::Live))),
        )
        .select((turns::id, turns::conversation, turns::lane))
        .load(conn)?;
    for (turn, conversation, old) in open {
        let new = lane(conversation, agent_wide);
        if new != old {
            diesel::update(turns::table.find(turn))
                .set(turns::lane.eq(new))
                .execute(conn)?;
        }
    }
    Ok(())
}

/// Tells those who wait because of the agent, once, that their message is kept. Gives how many were told.
///
/// A turn waits because of the agent where the queue is `paused`, or where its last try failed.
pub fn notice(
    conn: &mut Conn,
    after: Duration,
    paused: bool,
    words: &str,
    now: Timestamp,
) -> Result<usize> {
    let waiting: Vec<(i64, i64, String)> = turns::table
        .filter(turns::settled_at.is_null().and(turns::noticed_at.is_null()))
        .filter(turns::state.eq(TurnState::Ready.as_str()))
        .filter(turns::mode.eq(state::mode_text(Mode::Live)))
        .filter(turns::created_at.le(now.minus(after).0))
        .filter(
            turns::last_code
                .is_not_null()
                .or(paused.into_sql::<diesel::sql_types::Bool>()),
        )
        .order(turns::id)
        .select((turns::id, turns::conversation, turns::endpoint))
        .load(conn)?;
    let mut told = 0;
    for (turn, conversation, endpoint) in waiting {
        let is_told = is_told(conn, turn, conversation)?;
        diesel::update(turns::table.find(turn))
            .set(turns::noticed_at.eq(now.0))
            .execute(conn)?;
        if !is_told {
            told += 1;
            outbox::say(
                conn,
                conversation,
                &endpoint,
                None,
                ReplyKind::Notice,
                words,
                now,
            )?;
        }
    }
    Ok(told)
}

/// Whether another waiting message of the conversation was already given the notice.
fn is_told(conn: &mut Conn, turn: i64, conversation: i64) -> Result<bool> {
    let others = turns::table
        .filter(
            turns::settled_at
                .is_null()
                .and(turns::conversation.eq(conversation)),
        )
        .filter(turns::id.ne(turn).and(turns::noticed_at.is_not_null()));
    Ok(diesel::select(exists(others)).get_result(conn)?)
}

/// Ends what has waited for longer than `after`, telling each person. Gives the turns.
pub fn expire(
    conn: &mut Conn,
    after: Duration,
    words: &dyn Fn(Option<&str>) -> String,
    now: Timestamp,
) -> Result<Vec<i64>> {
    let old: Vec<(i64, i64, String, Option<String>)> = turns::table
        .filter(turns::settled_at.is_null())
        .filter(turns::state.eq(TurnState::Ready.as_str()))
        .filter(turns::created_at.le(now.minus(after).0))
        .order(turns::id)
        .select((
            turns::id,
            turns::conversation,
            turns::endpoint,
            turns::last_code,
        ))
        .load(conn)?;
    let mut expired = Vec::new();
    for (turn, conversation, endpoint, last_code) in old {
        let text = words(last_code.as_deref());
        if give_up(conn, turn, &text, now)? {
            let (kind, from) = (ReplyKind::Error, Some(turn));
            outbox::say(conn, conversation, &endpoint, from, kind, &text, now)?;
            expired.push(turn);
        }
    }
    Ok(expired)
}

/// `false` where a worker has claimed the turn meanwhile.
fn give_up(conn: &mut Conn, turn: i64, words: &str, now: Timestamp) -> Result<bool> {
    let waits = turns::table
        .find(turn)
        .filter(turns::state.eq(TurnState::Ready.as_str()));
    let mine = diesel::update(waits)
        .set((
            turns::state.eq(TurnState::Failed.as_str()),
            turns::held.eq(false),
            turns::last_code.eq(Code::TurnExpired.as_str()),
            turns::last_error.eq(words),
            turns::settled_at.eq(now.0),
        ))
        .execute(conn)?;
    if mine > 0
        && let Some(open) = open_attempt(conn, turn)?
    {
        let ended = AttemptEnd {
            id: open.id,
            how: AttemptState::Failed,
            error: Some((Code::TurnExpired, "given up".to_owned())),
        };
        end(conn, &ended, now)?;
    }
    Ok(mine > 0)
}
