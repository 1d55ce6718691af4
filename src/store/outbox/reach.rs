//! Chats out of reach: their replies are parked until the person writes again.

use diesel::prelude::*;

use crate::error::{Code, Result};
use crate::time::Timestamp;

use super::super::Conn;
use super::super::schema::{conversations, replies};
use super::super::state::ReplyState;
use super::{Claimed, back};

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
    if back(conn, claimed, true, false, now, Some(error))? {
        park(conn, claimed.conversation)?;
    }
    Ok(())
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
            replies::last_code.eq(None::<String>),
            replies::last_error.eq(None::<String>),
        ))
        .execute(conn)?;
    Ok(())
}
