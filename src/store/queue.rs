//! The queue: claim a turn, begin an attempt, settle it or put it back. The schema holds the
//! invariants; every settling names the claim it was made under, so that a stale worker settles nothing.

use std::collections::HashSet;

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::config::Mode;
use crate::error::{Code, Result};
use crate::exchange::{AgentIds, Attempt, Request};
use crate::message::{Address, ReplyKind, Said};
use crate::time::Timestamp;

use super::kept::{Keep, on, update};
use super::schema::turns;
use super::state::{self, TurnState};
use super::{Conn, outbox};

mod attempt;
pub(super) mod fence;
mod load;
mod waiting;

pub use attempt::{AttemptEnd, AttemptState, begin, end, next_attempt, open_attempt};
pub use waiting::{expire, is_waited_for, next_due, notice, take_over};

use alias::{busy, earlier};
use attempt::has_open_attempt;
use fence::{held_by, idle};

mod alias {
    use super::turns;
    diesel::alias!(turns as earlier: Earlier, turns as busy: Busy);
}

/// Which turns may be claimed now, and by whom.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Endpoints that this process hosts.
    pub endpoints: Vec<String>,
    /// Whether the agent may be called; otherwise only echoes are claimed.
    pub live: bool,
    /// This daemon's start.
    pub boot: String,
    /// The agent's id, under which its ids are kept.
    pub agent: String,
    /// The present.
    pub now: Timestamp,
}

/// A turn in the hands of a worker.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The turn.
    pub turn: i64,
    /// The fence.
    pub claim: i64,
    /// Its conversation here.
    pub conversation: i64,
    /// Where its replies go.
    pub to: Address,
    /// Stamped on it when it was accepted.
    pub mode: Mode,
    /// Claims since the last outcome, this one included.
    pub barren: i32,
    /// Failures that the agent reported.
    pub failures: i32,
    /// Whether it is to be stopped.
    pub stop_asked: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Its messages, oldest first.
    pub said: Vec<Said>,
    /// What the conversation and person are called at the agent.
    pub ids: AgentIds,
    /// What the agent was last told of the person.
    pub told: Option<String>,
    /// An attempt that an earlier claim left open: its fate is unknown.
    pub open: Option<Attempt>,
    /// The attempt begun within this claim.
    pub begun: Option<Attempt>,
}

/// How a turn ends.
#[derive(Debug, Clone)]
pub enum Ending {
    /// With these replies, in order.
    Replied(Vec<String>),
    /// The agent chose silence.
    Silent,
    /// With an error, and the words for the person.
    Failed(Code, String, String),
    /// Stopped, with the words for the person.
    Stopped(String),
}

/// A turn that goes back into the queue.
#[derive(Debug, Clone)]
pub struct PutBack {
    /// When it may be claimed again.
    pub due: Timestamp,
    /// The attempt that ended with it, if one did.
    pub ended: Option<AttemptEnd>,
    /// Whether this was a failure that the agent reported.
    pub counts: bool,
    /// Whether an attempt may still be at work, so that the lane stays taken.
    pub held: bool,
    /// What went wrong, if anything did.
    pub error: Option<(Code, String)>,
}

/// The lane of a conversation's turns.
pub fn lane(conversation: i64, agent_wide: bool) -> String {
    if agent_wide {
        "agent".to_owned()
    } else {
        format!("c{conversation}")
    }
}

/// Claims up to `most` turns that may run now, oldest first, each the first of its conversation and
/// alone in its lane. Where `compose` gives a request, its attempt is begun in the same transaction.
pub fn claim(
    conn: &mut Conn,
    most: i64,
    scope: &Scope,
    compose: &dyn Fn(&Claimed) -> Option<Request>,
) -> Result<Vec<Claimed>> {
    conn.alone("turns")?;
    let mut lanes = HashSet::new();
    let mut claimed = Vec::new();
    for (turn, lane) in candidates(conn, most, scope)? {
        if lanes.insert(lane)
            && let Some(one) = take(conn, turn, scope, compose)?
        {
            claimed.push(one);
        }
    }
    Ok(claimed)
}

/// Two that are held in one lane (its name may have changed under them) go one after the other.
fn candidates(conn: &mut Conn, most: i64, scope: &Scope) -> Result<Vec<(i64, String)>> {
    let overtaken = earlier
        .filter(earlier.field(turns::settled_at).is_null())
        .filter(earlier.field(turns::conversation).eq(turns::conversation))
        .filter(earlier.field(turns::id).lt(turns::id));
    let is_before = turns::held
        .eq(false)
        .or(busy.field(turns::id).lt(turns::id));
    let taken = busy
        .filter(busy.field(turns::held))
        .filter(busy.field(turns::lane).eq(turns::lane))
        .filter(busy.field(turns::id).ne(turns::id))
        .filter(
            busy.field(turns::state)
                .eq(TurnState::Running.as_str())
                .or(is_before),
        );
    let ready = turns::table
        .filter(turns::settled_at.is_null())
        .filter(turns::state.eq(TurnState::Ready.as_str()))
        .filter(turns::due_at.le(scope.now.0))
        .filter(turns::endpoint.eq_any(scope.endpoints.clone()))
        .filter(
            turns::mode
                .ne(state::mode_text(Mode::Live))
                .or(scope.live.into_sql::<diesel::sql_types::Bool>()),
        )
        .filter(not(exists(overtaken)))
        .filter(not(exists(taken)))
        .order(turns::id)
        .limit(most)
        .select((turns::id, turns::lane))
        .kept();
    Ok(on!(conn, ready.load(conn))?)
}

/// `None` where the turn was stopped, or put off by one that joined it, since it was chosen.
fn take(
    conn: &mut Conn,
    turn: i64,
    scope: &Scope,
    compose: &dyn Fn(&Claimed) -> Option<Request>,
) -> Result<Option<Claimed>> {
    let ready = turns::table.find(turn).filter(
        turns::state
            .eq(TurnState::Ready.as_str())
            .and(turns::due_at.le(scope.now.0)),
    );
    let running = (
        turns::state.eq(TurnState::Running.as_str()),
        turns::claim.eq(turns::claim + 1),
        turns::barren.eq(turns::barren + 1),
        turns::held.eq(true),
        turns::claimed_at.eq(scope.now.0),
        turns::boot.eq(&scope.boot),
    );
    if update!(conn, ready, running)? == 0 {
        return Ok(None);
    }
    let mut claimed = load::claimed(conn, turn, &scope.agent)?;
    if claimed.open.is_none()
        && let Some(request) = compose(&claimed)
    {
        let begun = attempt::insert(conn, turn, claimed.claim, &request, scope.now)?;
        claimed.begun = Some(begun);
    }
    Ok(Some(claimed))
}

fn split(error: Option<&(Code, String)>) -> (Option<&'static str>, Option<&str>) {
    (
        error.map(|(code, _)| code.as_str()),
        error.map(|(_, words)| words.as_str()),
    )
}

/// Ends a turn together with its replies and its attempt. `false` where the claim is no longer ours,
/// and then nothing is written.
pub fn settle(
    conn: &mut Conn,
    claimed: &Claimed,
    ended: Option<&AttemptEnd>,
    ending: &Ending,
    now: Timestamp,
) -> Result<bool> {
    let (state, error) = match ending {
        Ending::Replied(_) => (TurnState::Replied, None),
        Ending::Silent => (TurnState::Silent, None),
        Ending::Failed(code, words, _) => (TurnState::Failed, Some((*code, words.clone()))),
        Ending::Stopped(_) => (TurnState::Stopped, None),
    };
    let (code, words) = split(error.as_ref());
    let settled = (
        turns::state.eq(state.as_str()),
        turns::boot.eq(None::<String>),
        turns::held.eq(false),
        turns::last_code.eq(code),
        turns::last_error.eq(words),
        turns::settled_at.eq(now.0),
    );
    let running = held_by(claimed.turn, claimed.claim);
    let mine = update!(conn, running, settled)?;
    if mine == 0 {
        return Ok(false);
    }
    if let Some(ended) = ended {
        end(conn, ended, now)?;
    }
    let (kind, texts) = words_of(ending);
    say(conn, claimed, kind, texts, now)?;
    Ok(true)
}

/// What the person gets to read at the end.
fn words_of(ending: &Ending) -> (ReplyKind, &[String]) {
    match ending {
        Ending::Replied(texts) => (ReplyKind::Answer, texts),
        Ending::Silent => (ReplyKind::Answer, &[]),
        Ending::Failed(_, _, words) => (ReplyKind::Error, std::slice::from_ref(words)),
        Ending::Stopped(words) => (ReplyKind::Notice, std::slice::from_ref(words)),
    }
}

fn say(
    conn: &mut Conn,
    claimed: &Claimed,
    kind: ReplyKind,
    texts: &[String],
    now: Timestamp,
) -> Result<()> {
    let (to, endpoint) = (claimed.conversation, &claimed.to.endpoint);
    for text in texts {
        outbox::say(conn, to, endpoint, Some(claimed.turn), kind, text, now)?;
    }
    Ok(())
}

/// Puts a claimed turn back into the queue. `false` where the claim is no longer ours.
pub fn put_back(
    conn: &mut Conn,
    claimed: &Claimed,
    back: &PutBack,
    now: Timestamp,
) -> Result<bool> {
    let (code, words) = split(back.error.as_ref());
    let mine = diesel::update(held_by(claimed.turn, claimed.claim))
        .set((
            turns::state.eq(TurnState::Ready.as_str()),
            turns::boot.eq(None::<String>),
            turns::barren.eq(0),
            turns::failures.eq(turns::failures + i32::from(back.counts)),
            turns::held.eq(back.held),
            turns::due_at.eq(back.due.0),
            turns::last_code.eq(code),
            turns::last_error.eq(words),
        ))
        .execute(conn)?;
    if let Some(ended) = back.ended.as_ref().filter(|_| mine > 0) {
        end(conn, ended, now)?;
    }
    Ok(mine > 0)
}

/// Gives back a claimed turn as it is, for a worker that could not settle it.
pub fn release(conn: &mut Conn, turn: i64, claim: i64, now: Timestamp) -> Result<()> {
    diesel::update(held_by(turn, claim))
        .set((
            turns::state.eq(TurnState::Ready.as_str()),
            turns::boot.eq(None::<String>),
            turns::held.eq(has_open_attempt()),
            turns::due_at.eq(now.0),
        ))
        .execute(conn)?;
    Ok(())
}

/// Asks for a turn to be stopped: at once where nobody works on it, else by its worker. Gives whether
/// it is settled now.
pub fn ask_stop(conn: &mut Conn, turn: i64, now: Timestamp) -> Result<bool> {
    let done = diesel::update(idle(turn))
        .set((
            turns::state.eq(TurnState::Stopped.as_str()),
            turns::last_code.eq(Code::TurnStopped.as_str()),
            turns::settled_at.eq(now.0),
        ))
        .execute(conn)?;
    if done > 0 {
        return Ok(true);
    }
    let working = turns::table.find(turn).filter(turns::settled_at.is_null());
    diesel::update(working)
        .set((turns::stop_asked.eq(true), turns::due_at.eq(now.0)))
        .execute(conn)?;
    Ok(false)
}
