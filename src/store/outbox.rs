//! The outbox: claim a reply, send its parts one by one, resume at the part reached.

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::config::Uncertain;
use crate::error::{Code, Result};
use crate::message::{Address, Outbound, Part, Receipt, ReplyKind};
use crate::time::Timestamp;

use super::kept::{Keep, fixed, insert, on, update};
use super::schema::{conversations, replies};
use super::state::{self, ReplyState};
use super::{Conn, people};

mod pieces;
mod reach;

pub use reach::{park, park_claimed, unpark};

use alias::earlier;

mod alias {
    use super::replies;
    diesel::alias!(replies as earlier: Earlier);
}

/// A reply in the hands of a worker, and the part to send.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The reply.
    pub reply: i64,
    /// The fence.
    pub claim: i64,
    /// Its conversation here.
    pub conversation: i64,
    /// Where it goes.
    pub to: Address,
    /// Times it could not be sent.
    pub failures: i32,
    /// The part that is marked as being sent; `None` where there is nothing (more) to send.
    pub next: Option<(u32, Part)>,
}

/// What a worker of the outbox must know.
pub struct Scope<'a> {
    /// Endpoints that this process hosts.
    pub endpoints: Vec<String>,
    /// Cuts a reply into parts; pure.
    pub render: &'a dyn Fn(&Outbound) -> Vec<Part>,
    /// Whether an endpoint shows a repeated part once.
    pub shows_once: &'a dyn Fn(&str) -> bool,
    /// What to do with a part that may or may not have arrived.
    pub uncertain: Uncertain,
    /// The present.
    pub now: Timestamp,
}

/// Adds a reply. Gives its id.
pub fn say(
    conn: &mut Conn,
    conversation: i64,
    endpoint: &str,
    turn: Option<i64>,
    kind: ReplyKind,
    text: &str,
    now: Timestamp,
) -> Result<i64> {
    let state = if conn.reachable(conversation)? {
        ReplyState::Ready
    } else {
        ReplyState::Parked
    };
    let reply = diesel::insert_into(replies::table).values((
        replies::turn.eq(turn),
        replies::conversation.eq(conversation),
        replies::endpoint.eq(endpoint),
        replies::kind.eq(state::kind_text(kind)),
        replies::text.eq(text),
        replies::state.eq(state.as_str()),
        replies::due_at.eq(now.0),
        replies::created_at.eq(now.0),
    ));
    Ok(insert!(conn, reply, replies::id)?)
}

/// Claims up to `most` replies that may be sent now, each the first of its conversation, and marks the
/// next part of each as being sent. The first time, its parts are cut and stored.
pub fn claim(conn: &mut Conn, most: i64, scope: &Scope<'_>) -> Result<Vec<Claimed>> {
    conn.alone("replies")?;
    let mut claimed = Vec::new();
    for reply in candidates(conn, most, scope)? {
        claimed.extend(take(conn, reply, scope)?);
    }
    Ok(claimed)
}

fn candidates(conn: &mut Conn, most: i64, scope: &Scope<'_>) -> Result<Vec<i64>> {
    let overtaken = earlier
        .filter(earlier.field(replies::settled_at).is_null())
        .filter(
            earlier
                .field(replies::conversation)
                .eq(replies::conversation),
        )
        .filter(earlier.field(replies::id).ne(replies::id))
        .filter(
            earlier.field(replies::id).lt(replies::id).or(earlier
                .field(replies::state)
                .eq(ReplyState::Sending.as_str())),
        );
    let ready = replies::table
        .filter(replies::settled_at.is_null())
        .filter(replies::state.eq(ReplyState::Ready.as_str()))
        .filter(replies::due_at.le(scope.now.0))
        .filter(replies::endpoint.eq_any(scope.endpoints.clone()))
        .filter(not(exists(overtaken)))
        .order(replies::id)
        .limit(most)
        .select(replies::id)
        .kept();
    Ok(on!(conn, ready.load(conn))?)
}

/// `None` where the reply was parked since it was chosen.
fn take(conn: &mut Conn, reply: i64, scope: &Scope<'_>) -> Result<Option<Claimed>> {
    type Row = (i64, Option<i64>, i64, String, String, i32);
    let ready = replies::table
        .find(reply)
        .filter(replies::state.eq(ReplyState::Ready.as_str()));
    let sending = (
        replies::state.eq(ReplyState::Sending.as_str()),
        replies::claim.eq(replies::claim + 1),
        replies::claimed_at.eq(scope.now.0),
    );
    if update!(conn, ready, sending)? == 0 {
        return Ok(None);
    }
    let row = replies::table
        .inner_join(conversations::table)
        .filter(replies::id.eq(reply))
        .select((
            (
                replies::claim,
                replies::turn,
                replies::conversation,
                replies::kind,
                replies::text,
                replies::failures,
            ),
            people::PLACE,
        ));
    let row = fixed!(row);
    let (row, place): (Row, people::Place) = on!(conn, row.get_result(conn))?;
    let (claim, turn, conversation, kind, text, failures) = row;
    let out = Outbound {
        reply,
        turn,
        to: people::at(place),
        kind: state::kind(&kind),
        text,
    };
    let mut claimed = Claimed {
        reply,
        claim,
        conversation,
        to: out.to.clone(),
        failures,
        next: None,
    };
    // Before its first claim a reply has no parts.
    if claim > 1 && pieces::any(conn, reply)? {
        claimed.next = resume(conn, &claimed, scope)?;
    } else {
        claimed.next = plan(conn, &claimed, (scope.render)(&out), scope.now)?;
    }
    Ok(Some(claimed))
}

/// Stores a reply's parts, the first as being sent. One that has none fails, alone.
fn plan(
    conn: &mut Conn,
    claimed: &Claimed,
    cut: Vec<Part>,
    now: Timestamp,
) -> Result<Option<(u32, Part)>> {
    if cut.is_empty() {
        let error = (Code::EndpointRejected, "it could not be cut into parts");
        log::error!(reply = claimed.reply, endpoint = claimed.to.endpoint.as_str(),
            code = error.0.as_str(); "the reply was not sent: {}", error.1);
        finish(conn, claimed, ReplyState::Failed, Some(error), now)?;
    }
    pieces::store(conn, claimed.reply, &cut)?;
    Ok(cut.into_iter().next().map(|part| (0, part)))
}

/// The part to go on with; where none is left, the reply is settled.
fn resume(conn: &mut Conn, claimed: &Claimed, scope: &Scope<'_>) -> Result<Option<(u32, Part)>> {
    pieces::resolve_unknown(conn, claimed.reply, &claimed.to.endpoint, scope)?;
    match pieces::planned(conn, claimed.reply)? {
        Some(next) => pieces::mark(conn, claimed.reply, next).map(Some),
        None => finish(conn, claimed, ReplyState::Said, None, scope.now).map(|()| None),
    }
}

/// Notes that the part arrived, and marks the next one as being sent, or settles the reply. `None` in
/// `next` means that it is settled, or that the claim is no longer ours: then nothing is written, since
/// another worker has already decided what becomes of the part.
pub fn said(
    conn: &mut Conn,
    mut claimed: Claimed,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<Claimed> {
    let Some((place, _)) = claimed.next.take() else {
        return Ok(claimed);
    };
    let next = pieces::planned(conn, claimed.reply)?;
    let mine = match next {
        Some(_) => is_ours(conn, &claimed)?,
        None => settle(conn, &claimed, ReplyState::Said, None, now)?,
    };
    if !mine {
        return Ok(claimed);
    }
    pieces::confirm(conn, claimed.reply, place, receipt, now)?;
    if let Some(next) = next {
        claimed.next = Some(pieces::mark(conn, claimed.reply, next)?);
    }
    Ok(claimed)
}

/// Whether another reply may wait for the end of this one, which has come; see `queue::is_waited_for`.
pub fn is_waited_for(conn: &mut Conn, claimed: &Claimed) -> Result<bool> {
    conn.alone("replies")?;
    let beside = replies::table.filter(
        replies::settled_at
            .is_null()
            .and(replies::conversation.eq(claimed.conversation)),
    );
    Ok(on!(conn, diesel::select(exists(beside)).get_result(conn))?)
}

fn is_ours(conn: &mut Conn, claimed: &Claimed) -> Result<bool> {
    Ok(diesel::select(exists(sent_by(claimed))).get_result(conn)?)
}

/// Settles a claimed reply. A stale claim settles nothing.
pub fn finish(
    conn: &mut Conn,
    claimed: &Claimed,
    state: ReplyState,
    error: Option<(Code, &str)>,
    now: Timestamp,
) -> Result<()> {
    let mine = settle(conn, claimed, state, error, now)?;
    if mine && state == ReplyState::Failed {
        pieces::unmark(conn, claimed.reply)?;
    }
    Ok(())
}

fn settle(
    conn: &mut Conn,
    claimed: &Claimed,
    state: ReplyState,
    error: Option<(Code, &str)>,
    now: Timestamp,
) -> Result<bool> {
    let settled = (
        replies::state.eq(state.as_str()),
        replies::last_code.eq(error.map(|(code, _)| code.as_str())),
        replies::last_error.eq(error.map(|(_, words)| words)),
        replies::settled_at.eq(now.0),
    );
    let mine = update!(conn, sent_by(claimed), settled)?;
    Ok(mine > 0)
}

/// Puts a claimed reply back, due later. With `sent_for_sure_not`, its part is planned again; without,
/// the part stays marked, and the next claim decides what becomes of it. A stale claim puts back nothing.
pub fn put_back(
    conn: &mut Conn,
    claimed: &Claimed,
    sent_for_sure_not: bool,
    counts: bool,
    due: Timestamp,
    error: Option<(Code, &str)>,
) -> Result<()> {
    back(conn, claimed, sent_for_sure_not, counts, due, error).map(|_| ())
}

fn back(
    conn: &mut Conn,
    claimed: &Claimed,
    sent_for_sure_not: bool,
    counts: bool,
    due: Timestamp,
    error: Option<(Code, &str)>,
) -> Result<bool> {
    let mine = diesel::update(sent_by(claimed))
        .set((
            replies::state.eq(ReplyState::Ready.as_str()),
            replies::failures.eq(replies::failures + i32::from(counts)),
            replies::due_at.eq(due.0),
            replies::last_code.eq(error.map(|(code, _)| code.as_str())),
            replies::last_error.eq(error.map(|(_, words)| words)),
        ))
        .execute(conn)?;
    if mine > 0 && sent_for_sure_not {
        pieces::unmark(conn, claimed.reply)?;
    }
    Ok(mine > 0)
}

type SentBy<'a> = diesel::dsl::Filter<
    diesel::dsl::Find<replies::table, i64>,
    diesel::dsl::And<
        diesel::dsl::Eq<replies::claim, i64>,
        diesel::dsl::Eq<replies::state, &'static str>,
    >,
>;

/// The reply, as long as it is sent under this claim.
fn sent_by(claimed: &Claimed) -> SentBy<'_> {
    replies::table.find(claimed.reply).filter(
        replies::claim
            .eq(claimed.claim)
            .and(replies::state.eq(ReplyState::Sending.as_str())),
    )
}

/// When the next waiting reply is due, if one waits for its time.
pub fn next_due(conn: &mut Conn, now: Timestamp) -> Result<Option<Timestamp>> {
    let waiting = replies::settled_at
        .is_null()
        .and(replies::due_at.ne(replies::created_at));
    let due = replies::table
        .filter(waiting.and(replies::due_at.gt(now.0)))
        .filter(replies::state.eq(ReplyState::Ready.as_str()))
        .select(diesel::dsl::min(replies::due_at));
    let due: Option<i64> = on!(conn, due.first(conn))?;
    Ok(due.map(Timestamp))
}

/// How many replies are being sent or could be sent now.
pub fn due(conn: &mut Conn, now: Timestamp) -> Result<i64> {
    Ok(replies::table
        .filter(replies::settled_at.is_null().and(replies::due_at.le(now.0)))
        .filter(replies::state.ne(ReplyState::Parked.as_str()))
        .count()
        .get_result(conn)?)
}

/// What an earlier daemon was sending is claimable again; see [`claim`] for its unknown part. What was said
/// or claimed later than now is due at once, and nothing later than `latest`.
pub(super) fn take_over(conn: &mut Conn, now: Timestamp, latest: i64) -> Result<()> {
    let open = replies::settled_at.is_null();
    let left = open.and(replies::state.eq(ReplyState::Sending.as_str()));
    diesel::update(replies::table.filter(left))
        .set(replies::state.eq(ReplyState::Ready.as_str()))
        .execute(conn)?;
    let ahead = replies::created_at
        .nullable()
        .gt(now.0)
        .or(replies::claimed_at.gt(now.0));
    diesel::update(replies::table.filter(open.and(ahead)))
        .set(replies::due_at.eq(now.0))
        .execute(conn)?;
    diesel::update(replies::table.filter(open.and(replies::due_at.gt(latest))))
        .set(replies::due_at.eq(latest))
        .execute(conn)?;
    Ok(())
}
