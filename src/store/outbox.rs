//! The outbox: claim a reply, send its parts one by one, resume at the part reached.

use diesel::dsl::{exists, not};
use diesel::prelude::*;

use crate::config::Uncertain;
use crate::error::{Code, Result};
use crate::message::{Address, Outbound, Part, Receipt, ReplyKind};
use crate::time::Timestamp;

use super::schema::{conversations, parts, replies};
use super::state::{self, ReplyState};
use super::{Conn, people};

use alias::earlier;

mod alias {
    use super::replies;
    diesel::alias!(replies as earlier: Earlier);
}

const PLANNED: &str = "planned";
const SENDING: &str = "sending";
const SAID: &str = "said";
const UNKNOWABLE: &str = "unknowable";

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
    /// The part that is marked as being sent; `None` where the reply is settled.
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
    let reachable: bool = conversations::table
        .find(conversation)
        .select(conversations::reachable)
        .first(conn)?;
    let state = if reachable {
        ReplyState::Ready
    } else {
        ReplyState::Parked
    };
    Ok(diesel::insert_into(replies::table)
        .values((
            replies::turn.eq(turn),
            replies::conversation.eq(conversation),
            replies::endpoint.eq(endpoint),
            replies::kind.eq(state::kind_text(kind)),
            replies::text.eq(text),
            replies::state.eq(state.as_str()),
            replies::due_at.eq(now.0),
            replies::created_at.eq(now.0),
        ))
        .returning(replies::id)
        .get_result(conn)?)
}

/// Claims up to `most` replies that may be sent now, each the first of its conversation, and marks the
/// next part of each as being sent. The first time, its parts are cut and stored.
pub fn claim(conn: &mut Conn, most: i64, scope: &Scope<'_>) -> Result<Vec<Claimed>> {
    let overtaken = earlier
        .filter(earlier.field(replies::settled_at).is_null())
        .filter(
            earlier
                .field(replies::conversation)
                .eq(replies::conversation),
        )
        .filter(earlier.field(replies::id).lt(replies::id));
    let ready: Vec<i64> = replies::table
        .filter(replies::settled_at.is_null())
        .filter(replies::state.eq(ReplyState::Ready.as_str()))
        .filter(replies::due_at.le(scope.now.0))
        .filter(replies::endpoint.eq_any(scope.endpoints.clone()))
        .filter(not(exists(overtaken)))
        .order(replies::id)
        .limit(most)
        .select(replies::id)
        .load(conn)?;
    ready
        .into_iter()
        .map(|reply| take(conn, reply, scope))
        .collect()
}

fn take(conn: &mut Conn, reply: i64, scope: &Scope<'_>) -> Result<Claimed> {
    type Row = (i64, Option<i64>, i64, String, String, i32);
    let row = replies::table.find(reply);
    diesel::update(row)
        .set((
            replies::state.eq(ReplyState::Sending.as_str()),
            replies::claim.eq(replies::claim + 1),
        ))
        .execute(conn)?;
    let (claim, turn, conversation, kind, text, failures): Row = row
        .select((
            replies::claim,
            replies::turn,
            replies::conversation,
            replies::kind,
            replies::text,
            replies::failures,
        ))
        .first(conn)?;
    let to = people::address(conn, conversation)?;
    let out = Outbound {
        reply,
        turn,
        to,
        kind: state::kind(&kind),
        text,
    };
    plan(conn, &out, scope)?;
    resolve_unknown(conn, reply, &out.to.endpoint, scope)?;
    let next = advance(conn, reply)?;
    Ok(Claimed {
        reply,
        claim,
        conversation,
        to: out.to,
        failures,
        next,
    })
}

/// Stores the parts of a reply that has none yet. Gives whether it has any now.
fn plan(conn: &mut Conn, out: &Outbound, scope: &Scope<'_>) -> Result<bool> {
    let planned = diesel::select(exists(parts::table.filter(parts::reply.eq(out.reply))));
    if planned.get_result(conn)? {
        return Ok(true);
    }
    let cut = (scope.render)(out);
    let has_parts = !cut.is_empty();
    for (place, part) in (0_i32..).zip(cut) {
        diesel::insert_into(parts::table)
            .values((
                parts::reply.eq(out.reply),
                parts::place.eq(place),
                parts::payload.eq(part.0),
                parts::state.eq(PLANNED),
            ))
            .execute(conn)?;
    }
    Ok(has_parts)
}

/// A part still marked as being sent was left so by a crash or a lost confirmation: whether it
/// arrived cannot be known. Policy decides, except where a repeat is shown once anyway.
fn resolve_unknown(conn: &mut Conn, reply: i64, endpoint: &str, scope: &Scope<'_>) -> Result<()> {
    let unknown = parts::table.filter(parts::reply.eq(reply).and(parts::state.eq(SENDING)));
    if (scope.shows_once)(endpoint) {
        diesel::update(unknown)
            .set(parts::state.eq(PLANNED))
            .execute(conn)?;
    } else if scope.uncertain == Uncertain::Repeat {
        let again = (
            parts::state.eq(PLANNED),
            parts::repeats.eq(parts::repeats + 1),
        );
        diesel::update(unknown).set(again).execute(conn)?;
    } else {
        diesel::update(unknown)
            .set(parts::state.eq(UNKNOWABLE))
            .execute(conn)?;
    }
    Ok(())
}

/// Marks the first planned part as being sent, and gives it.
fn advance(conn: &mut Conn, reply: i64) -> Result<Option<(u32, Part)>> {
    let next: Option<(i32, String)> = parts::table
        .filter(parts::reply.eq(reply).and(parts::state.eq(PLANNED)))
        .order(parts::place)
        .select((parts::place, parts::payload))
        .first(conn)
        .optional()?;
    let Some((place, payload)) = next else {
        return Ok(None);
    };
    diesel::update(parts::table.find((reply, place)))
        .set(parts::state.eq(SENDING))
        .execute(conn)?;
    Ok(Some((
        u32::try_from(place).unwrap_or_default(),
        Part(payload),
    )))
}

/// Notes that the part arrived, and marks the next one as being sent, or settles the reply. `None` in
/// `next` means that it is settled.
pub fn said(
    conn: &mut Conn,
    mut claimed: Claimed,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<Claimed> {
    let Some((place, _)) = claimed.next.take() else {
        return Ok(claimed);
    };
    let place = i32::try_from(place).unwrap_or(i32::MAX);
    diesel::update(parts::table.find((claimed.reply, place)))
        .set((
            parts::state.eq(SAID),
            parts::receipt.eq(&receipt.0),
            parts::said_at.eq(now.0),
        ))
        .execute(conn)?;
    claimed.next = advance(conn, claimed.reply)?;
    if claimed.next.is_none() {
        finish(conn, &claimed, ReplyState::Said, None, now)?;
    }
    Ok(claimed)
}

/// Settles a claimed reply.
pub fn finish(
    conn: &mut Conn,
    claimed: &Claimed,
    state: ReplyState,
    error: Option<(Code, &str)>,
    now: Timestamp,
) -> Result<()> {
    diesel::update(sent_by(claimed))
        .set((
            replies::state.eq(state.as_str()),
            replies::last_code.eq(error.map(|(code, _)| code.as_str())),
            replies::last_error.eq(error.map(|(_, words)| words)),
            replies::settled_at.eq(now.0),
        ))
        .execute(conn)?;
    Ok(())
}

/// Puts a claimed reply back, due later. With `sent_for_sure_not`, its part is planned again; without,
/// the part stays marked, and the next claim decides what becomes of it.
pub fn put_back(
    conn: &mut Conn,
    claimed: &Claimed,
    sent_for_sure_not: bool,
    counts: bool,
    due: Timestamp,
    error: Option<(Code, &str)>,
) -> Result<()> {
    diesel::update(sent_by(claimed))
        .set((
            replies::state.eq(ReplyState::Ready.as_str()),
            replies::failures.eq(replies::failures + i32::from(counts)),
            replies::due_at.eq(due.0),
            replies::last_code.eq(error.map(|(code, _)| code.as_str())),
            replies::last_error.eq(error.map(|(_, words)| words)),
        ))
        .execute(conn)?;
    if sent_for_sure_not {
        let marked =
            parts::table.filter(parts::reply.eq(claimed.reply).and(parts::state.eq(SENDING)));
        diesel::update(marked)
            .set(parts::state.eq(PLANNED))
            .execute(conn)?;
    }
    Ok(())
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

/// The chat is out of reach: its replies wait until it writes again.
pub fn park(conn: &mut Conn, conversation: i64) -> Result<()> {
    let row = conversations::table.find(conversation);
    diesel::update(row)
        .set(conversations::reachable.eq(false))
        .execute(conn)?;
    let waiting = replies::table
        .filter(
            replies::settled_at
                .is_null()
                .and(replies::conversation.eq(conversation)),
        )
        .filter(replies::state.eq(ReplyState::Ready.as_str()));
    diesel::update(waiting)
        .set(replies::state.eq(ReplyState::Parked.as_str()))
        .execute(conn)?;
    Ok(())
}

/// Parks a claimed reply whose chat turned out to be out of reach, with all that waits behind it.
pub fn park_claimed(
    conn: &mut Conn,
    claimed: &Claimed,
    error: (Code, &str),
    now: Timestamp,
) -> Result<()> {
    put_back(conn, claimed, true, false, now, Some(error))?;
    park(conn, claimed.conversation)
}

/// The chat is in reach again.
pub fn unpark(conn: &mut Conn, conversation: i64, now: Timestamp) -> Result<()> {
    let row = conversations::table.find(conversation);
    diesel::update(row)
        .set(conversations::reachable.eq(true))
        .execute(conn)?;
    let parked = replies::table
        .filter(
            replies::settled_at
                .is_null()
                .and(replies::conversation.eq(conversation)),
        )
        .filter(replies::state.eq(ReplyState::Parked.as_str()));
    diesel::update(parked)
        .set((
            replies::state.eq(ReplyState::Ready.as_str()),
            replies::due_at.eq(now.0),
        ))
        .execute(conn)?;
    Ok(())
}

/// When the next waiting reply is due, if one waits for its time.
pub fn next_due(conn: &mut Conn, now: Timestamp) -> Result<Option<Timestamp>> {
    let due: Option<i64> = replies::table
        .filter(replies::settled_at.is_null().and(replies::due_at.gt(now.0)))
        .filter(replies::state.eq(ReplyState::Ready.as_str()))
        .select(diesel::dsl::min(replies::due_at))
        .first(conn)?;
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

/// What an earlier daemon was sending is claimable again; see [`claim`] for its unknown part.
pub(super) fn take_over(conn: &mut Conn, latest: i64) -> Result<()> {
    diesel::update(replies::table.filter(replies::state.eq(ReplyState::Sending.as_str())))
        .set(replies::state.eq(ReplyState::Ready.as_str()))
        .execute(conn)?;
    diesel::update(
        replies::table.filter(
            replies::settled_at
                .is_null()
                .and(replies::due_at.gt(latest)),
        ),
    )
    .set(replies::due_at.eq(latest))
    .execute(conn)?;
    Ok(())
}
