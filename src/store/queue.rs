//! The queue: claim a turn, begin an attempt, settle it or put it back. The schema holds the
//! invariants; every settling names the claim it was made under, so that a stale worker settles nothing.

use std::collections::HashSet;
use std::time::Duration;

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::config::Mode;
use crate::error::{Code, Error, Result};
use crate::exchange::{AgentIds, Attempt, Request};
use crate::message::{Address, ReplyKind, Said};
use crate::retry::LONGEST;
use crate::time::Timestamp;

use super::schema::{attempts, messages, turns};
use super::state::{self, TurnState};
use super::{Conn, agent_ids, outbox, people};

use alias::{busy, earlier};

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
    let mut lanes = HashSet::new();
    let mut claimed = Vec::new();
    for (turn, lane) in candidates(conn, most, scope)? {
        if lanes.insert(lane) {
            claimed.push(take(conn, turn, scope, compose)?);
        }
    }
    Ok(claimed)
}

fn candidates(conn: &mut Conn, most: i64, scope: &Scope) -> Result<Vec<(i64, String)>> {
    let overtaken = earlier
        .filter(earlier.field(turns::settled_at).is_null())
        .filter(earlier.field(turns::conversation).eq(turns::conversation))
        .filter(earlier.field(turns::id).lt(turns::id));
    let taken = busy
        .filter(busy.field(turns::settled_at).is_null())
        .filter(busy.field(turns::lane).eq(turns::lane))
        .filter(busy.field(turns::id).ne(turns::id))
        .filter(
            busy.field(turns::state)
                .eq(TurnState::Running.as_str())
                .or(busy.field(turns::held)),
        );
    Ok(turns::table
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
        .load(conn)?)
}

fn take(
    conn: &mut Conn,
    turn: i64,
    scope: &Scope,
    compose: &dyn Fn(&Claimed) -> Option<Request>,
) -> Result<Claimed> {
    diesel::update(turns::table.find(turn))
        .set((
            turns::state.eq(TurnState::Running.as_str()),
            turns::claim.eq(turns::claim + 1),
            turns::barren.eq(turns::barren + 1),
            turns::boot.eq(&scope.boot),
        ))
        .execute(conn)?;
    let mut claimed = load(conn, turn, &scope.agent)?;
    if claimed.open.is_none()
        && let Some(request) = compose(&claimed)
    {
        claimed.begun = begin(conn, turn, claimed.claim, &request, scope.now)?;
    }
    Ok(claimed)
}

fn load(conn: &mut Conn, turn: i64, agent: &str) -> Result<Claimed> {
    type Row = (i64, i64, String, i64, i32, i32, bool, i64);
    let (conversation, profile, mode, claim, barren, failures, stop_asked, created_at): Row =
        turns::table
            .find(turn)
            .select((
                turns::conversation,
                turns::profile,
                turns::mode,
                turns::claim,
                turns::barren,
                turns::failures,
                turns::stop_asked,
                turns::created_at,
            ))
            .first(conn)?;
    let about = people::about(conn, profile)?;
    let mode = state::mode(&mode);
    let (ids, told) = match mode {
        Mode::Live => agent_ids::known(conn, agent, conversation, about.person)?,
        Mode::Echo | Mode::Listen => (AgentIds::default(), None),
    };
    let texts: Vec<(Option<String>, i64)> = messages::table
        .filter(messages::turn.eq(turn))
        .order(messages::id)
        .select((messages::text, messages::received_at))
        .load(conn)?;
    let said = texts.into_iter().map(|(text, at)| Said {
        by: about.clone(),
        text: text.unwrap_or_default(),
        at: Timestamp(at),
    });
    Ok(Claimed {
        turn,
        claim,
        conversation,
        to: people::address(conn, conversation)?,
        mode,
        barren,
        failures,
        stop_asked,
        created_at: Timestamp(created_at),
        said: said.collect(),
        ids,
        told,
        open: open_attempt(conn, turn)?,
        begun: None,
    })
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

/// Stores an attempt just before it is sent. `None` where the claim is no longer ours.
pub fn begin(
    conn: &mut Conn,
    turn: i64,
    claim: i64,
    request: &Request,
    now: Timestamp,
) -> Result<Option<Attempt>> {
    let mine = diesel::update(held_by(turn, claim))
        .set(turns::held.eq(true))
        .execute(conn)?;
    if mine == 0 {
        return Ok(None);
    }
    let otids = serde_json::to_string(&request.otids).expect("strings are JSON");
    let id = diesel::insert_into(attempts::table)
        .values((
            attempts::turn.eq(turn),
            attempts::claim.eq(claim),
            attempts::conversation.eq(&request.conversation),
            attempts::body.eq(&request.body),
            attempts::otids.eq(otids),
            attempts::tells.eq(&request.tells),
            attempts::state.eq("open"),
            attempts::created_at.eq(now.0),
        ))
        .returning(attempts::id)
        .get_result(conn)?;
    Ok(Some(Attempt {
        id,
        turn,
        request: request.clone(),
        at: now,
    }))
}

type HeldBy = diesel::dsl::Filter<
    diesel::dsl::Find<turns::table, i64>,
    diesel::dsl::And<
        diesel::dsl::Eq<turns::claim, i64>,
        diesel::dsl::Eq<turns::state, &'static str>,
    >,
>;

/// The turn, as long as it runs under this claim.
fn held_by(turn: i64, claim: i64) -> HeldBy {
    turns::table.find(turn).filter(
        turns::claim
            .eq(claim)
            .and(turns::state.eq(TurnState::Running.as_str())),
    )
}

/// Ends an attempt.
pub fn end(conn: &mut Conn, end: &AttemptEnd, now: Timestamp) -> Result<()> {
    let state = match end.how {
        AttemptState::Answered => "answered",
        AttemptState::Failed => "failed",
        AttemptState::Cancelled => "cancelled",
    };
    let (code, words) = split(end.error.as_ref());
    diesel::update(attempts::table.find(end.id))
        .filter(attempts::ended_at.is_null())
        .set((
            attempts::state.eq(state),
            attempts::code.eq(code),
            attempts::error.eq(words),
            attempts::ended_at.eq(now.0),
        ))
        .execute(conn)?;
    Ok(())
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
    let mine = diesel::update(held_by(claimed.turn, claimed.claim))
        .set((
            turns::state.eq(state.as_str()),
            turns::boot.eq(None::<String>),
            turns::held.eq(false),
            turns::last_code.eq(code),
            turns::last_error.eq(words),
            turns::settled_at.eq(now.0),
        ))
        .execute(conn)?;
    if mine == 0 {
        return Ok(false);
    }
    if let Some(ended) = ended {
        end(conn, ended, now)?;
    }
    let said: &[String] = match ending {
        Ending::Replied(texts) => texts,
        Ending::Silent => &[],
        Ending::Failed(_, _, words) | Ending::Stopped(words) => std::slice::from_ref(words),
    };
    let kind = match ending {
        Ending::Failed(..) => ReplyKind::Error,
        Ending::Stopped(_) => ReplyKind::Notice,
        Ending::Replied(_) | Ending::Silent => ReplyKind::Answer,
    };
    for text in said {
        let (to, endpoint) = (claimed.conversation, &claimed.to.endpoint);
        outbox::say(conn, to, endpoint, Some(claimed.turn), kind, text, now)?;
    }
    Ok(true)
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

/// Ends an attempt and begins the one that follows it within the same claim, together with what the
/// agent had said in between. `None` where the claim is no longer ours.
pub fn next_attempt(
    conn: &mut Conn,
    claimed: &Claimed,
    ended: &AttemptEnd,
    said: &[String],
    request: &Request,
    now: Timestamp,
) -> Result<Option<Attempt>> {
    end(conn, ended, now)?;
    for text in said {
        let (to, endpoint) = (claimed.conversation, &claimed.to.endpoint);
        outbox::say(
            conn,
            to,
            endpoint,
            Some(claimed.turn),
            ReplyKind::Answer,
            text,
            now,
        )?;
    }
    begin(conn, claimed.turn, claimed.claim, request, now)
}

/// Gives back a claimed turn as it is, for a worker that could not settle it.
pub fn release(conn: &mut Conn, turn: i64, claim: i64, now: Timestamp) -> Result<()> {
    diesel::update(held_by(turn, claim))
        .set((
            turns::state.eq(TurnState::Ready.as_str()),
            turns::boot.eq(None::<String>),
            turns::due_at.eq(now.0),
        ))
        .execute(conn)?;
    Ok(())
}

/// Asks for a turn to be stopped: at once where nobody works on it, else by its worker.
pub fn ask_stop(conn: &mut Conn, turn: i64, now: Timestamp) -> Result<()> {
    let idle = turns::table.find(turn).filter(
        turns::state
            .eq(TurnState::Ready.as_str())
            .and(turns::held.eq(false)),
    );
    let done = diesel::update(idle)
        .set((
            turns::state.eq(TurnState::Stopped.as_str()),
            turns::last_code.eq(Code::TurnStopped.as_str()),
            turns::settled_at.eq(now.0),
        ))
        .execute(conn)?;
    if done == 0 {
        let working = turns::table.find(turn).filter(turns::settled_at.is_null());
        diesel::update(working)
            .set((turns::stop_asked.eq(true), turns::due_at.eq(now.0)))
            .execute(conn)?;
    }
    Ok(())
}

/// When the next waiting turn is due, if one waits for its time.
pub fn next_due(conn: &mut Conn, now: Timestamp) -> Result<Option<Timestamp>> {
    let due: Option<i64> = turns::table
        .filter(turns::settled_at.is_null().and(turns::due_at.gt(now.0)))
        .select(diesel::dsl::min(turns::due_at))
        .first(conn)?;
    Ok(due.map(Timestamp))
}

/// Makes the database this daemon's: what an earlier one ran is claimable at once, no wait is longer
/// than the longest backoff (clocks get set back), and lanes are those of the present isolation.
pub fn take_over(conn: &mut Conn, agent_wide: bool, now: Timestamp) -> Result<usize> {
    let left = diesel::update(turns::table.filter(turns::state.eq(TurnState::Running.as_str())))
        .set((
            turns::state.eq(TurnState::Ready.as_str()),
            turns::boot.eq(None::<String>),
            turns::due_at.eq(now.0),
        ))
        .execute(conn)?;
    let latest = now.plus(LONGEST).0;
    diesel::update(turns::table.filter(turns::settled_at.is_null().and(turns::due_at.gt(latest))))
        .set(turns::due_at.eq(latest))
        .execute(conn)?;
    relane(conn, agent_wide)?;
    outbox::take_over(conn, latest)?;
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
    let mut told = HashSet::new();
    for (turn, conversation, endpoint) in waiting {
        diesel::update(turns::table.find(turn))
            .set(turns::noticed_at.eq(now.0))
            .execute(conn)?;
        if told.insert(conversation) && !is_told(conn, turn, conversation)? {
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
    Ok(told.len())
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
    for (turn, conversation, endpoint, last_code) in &old {
        let text = words(last_code.as_deref());
        diesel::update(turns::table.find(turn))
            .set((
                turns::state.eq(TurnState::Failed.as_str()),
                turns::held.eq(false),
                turns::last_code.eq(Code::TurnExpired.as_str()),
                turns::last_error.eq(&text),
                turns::settled_at.eq(now.0),
            ))
            .execute(conn)?;
        if let Some(open) = open_attempt(conn, *turn)? {
            let error = Some((Code::TurnExpired, "given up".to_owned()));
            end(
                conn,
                &AttemptEnd {
                    id: open.id,
                    how: AttemptState::Failed,
                    error,
                },
                now,
            )?;
        }
        outbox::say(
            conn,
            *conversation,
            endpoint,
            Some(*turn),
            ReplyKind::Error,
            &text,
            now,
        )?;
    }
    Ok(old.into_iter().map(|(turn, ..)| turn).collect())
}
