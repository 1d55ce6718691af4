//! The parts of replies: planned, being sent, said, or unknowable.

use diesel::dsl::exists;
use diesel::prelude::*;

use crate::config::Uncertain;
use crate::error::Result;
use crate::message::{Part, Receipt};
use crate::time::Timestamp;

use super::super::Conn;
use super::super::kept::{on, update};
use super::super::schema::parts;
use super::Scope;

const PLANNED: &str = "planned";
const SENDING: &str = "sending";
const SAID: &str = "said";
const UNKNOWABLE: &str = "unknowable";

/// A part's place and payload.
pub(super) type Next = (i32, String);

/// Stores a reply's parts, the first as being sent.
pub(super) fn store(conn: &mut Conn, reply: i64, cut: &[Part]) -> Result<()> {
    for (place, part) in (0_i32..).zip(cut) {
        let part = diesel::insert_into(parts::table).values((
            parts::reply.eq(reply),
            parts::place.eq(place),
            parts::payload.eq(&part.0),
            parts::state.eq(if place == 0 { SENDING } else { PLANNED }),
        ));
        on!(conn, part.execute(conn))?;
    }
    Ok(())
}

/// Whether a reply has been cut already.
pub(super) fn any(conn: &mut Conn, reply: i64) -> Result<bool> {
    let parts = exists(parts::table.filter(parts::reply.eq(reply)));
    Ok(diesel::select(parts).get_result(conn)?)
}

/// A part still marked as being sent was left so by a crash or a lost confirmation: whether it
/// arrived cannot be known. Policy decides, except where a repeat is shown once anyway.
pub(super) fn resolve_unknown(
    conn: &mut Conn,
    reply: i64,
    endpoint: &str,
    scope: &Scope<'_>,
) -> Result<()> {
    let unknown = parts::table.filter(parts::reply.eq(reply).and(parts::state.eq(SENDING)));
    let again = parts::state.eq(PLANNED);
    if (scope.shows_once)(endpoint) {
        diesel::update(unknown).set(again).execute(conn)?;
    } else if scope.uncertain == Uncertain::Repeat {
        let counted = parts::repeats.eq(parts::repeats + 1);
        diesel::update(unknown)
            .set((again, counted))
            .execute(conn)?;
    } else {
        let left = parts::state.eq(UNKNOWABLE);
        diesel::update(unknown).set(left).execute(conn)?;
    }
    Ok(())
}

/// The first part that has not been sent.
pub(super) fn planned(conn: &mut Conn, reply: i64) -> Result<Option<Next>> {
    let first = parts::table
        .filter(parts::reply.eq(reply).and(parts::state.eq(PLANNED)))
        .order(parts::place)
        .select((parts::place, parts::payload));
    Ok(on!(conn, first.first(conn)).optional()?)
}

/// Marks a part as being sent, and gives it.
pub(super) fn mark(conn: &mut Conn, reply: i64, (place, payload): Next) -> Result<(u32, Part)> {
    let part = parts::table.find((reply, place));
    update!(conn, part, parts::state.eq(SENDING))?;
    Ok((u32::try_from(place).unwrap_or_default(), Part(payload)))
}

/// Notes that a part arrived.
pub(super) fn confirm(
    conn: &mut Conn,
    reply: i64,
    place: u32,
    receipt: &Receipt,
    now: Timestamp,
) -> Result<()> {
    let place = i32::try_from(place).unwrap_or(i32::MAX);
    let said = (
        parts::state.eq(SAID),
        parts::receipt.eq(&receipt.0),
        parts::said_at.eq(now.0),
    );
    let part = parts::table.find((reply, place));
    update!(conn, part, said)?;
    Ok(())
}

/// The part that was to be sent certainly was not.
pub(super) fn unmark(conn: &mut Conn, reply: i64) -> Result<()> {
    let marked = parts::table.filter(parts::reply.eq(reply).and(parts::state.eq(SENDING)));
    diesel::update(marked)
        .set(parts::state.eq(PLANNED))
        .execute(conn)?;
    Ok(())
}
