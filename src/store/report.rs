//! What the command line and the health routes read.

use std::collections::BTreeMap;

use diesel::dsl::{count_star, min};
use diesel::prelude::*;
use serde::Serialize;

use crate::error::{Code, Error, Result};
use crate::time::Timestamp;

use super::Conn;
use super::people;
use super::schema::{
    agent_ids, conversations, messages, parts, people as persons, profiles, refusals, replies,
    turns,
};
use super::state::{ReplyState, TurnState};

mod rows;
pub mod silent;
pub mod trace;

use silent::{Bounds, Silence, Span};

pub use rows::{ConversationRow, Line, MessageRow, ProfileRow, TurnRow, UserRow};

/// How much there is.
#[derive(Debug, Serialize)]
pub struct Stats {
    /// Turns by state.
    pub turns: BTreeMap<String, i64>,
    /// Replies by state.
    pub replies: BTreeMap<String, i64>,
    /// Unix milliseconds of the oldest unsettled turn.
    pub oldest_turn: Option<i64>,
    /// Unix milliseconds of the oldest unsettled reply.
    pub oldest_reply: Option<i64>,
    /// Parts sent again although they may have arrived.
    pub repeated_parts: i64,
    /// Parts left because they may have arrived.
    pub unknowable_parts: i64,
    /// Messages refused.
    pub refused: i64,
    /// What has no end that anyone saw: how much of it.
    pub silent: usize,
    /// The first of it.
    pub silences: Vec<Silence>,
    /// The latest failures of turns.
    pub last_errors: Vec<TurnRow>,
}

/// So much of what is silent is shown.
const SHOWN: usize = 20;

/// What waits: unsettled turns, unsettled replies.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Depth {
    /// Unsettled turns.
    pub turns: i64,
    /// Unsettled replies, without the parked ones.
    pub replies: i64,
}

/// How much waits.
pub fn depth(conn: &mut Conn) -> Result<Depth> {
    let open = turns::table
        .filter(turns::settled_at.is_null())
        .count()
        .get_result(conn)?;
    let unsaid = replies::table
        .filter(replies::settled_at.is_null())
        .filter(replies::state.ne(ReplyState::Parked.as_str()))
        .count()
        .get_result(conn)?;
    Ok(Depth {
        turns: open,
        replies: unsaid,
    })
}

type TurnColumns = (
    turns::id,
    turns::conversation,
    turns::endpoint,
    turns::profile,
    turns::mode,
    turns::state,
    turns::claim,
    turns::failures,
    turns::created_at,
    turns::due_at,
    turns::settled_at,
    turns::last_code,
    turns::last_error,
);

const TURN: TurnColumns = (
    turns::id,
    turns::conversation,
    turns::endpoint,
    turns::profile,
    turns::mode,
    turns::state,
    turns::claim,
    turns::failures,
    turns::created_at,
    turns::due_at,
    turns::settled_at,
    turns::last_code,
    turns::last_error,
);

/// The latest turns, newest first; all unsettled ones, or those of one state.
pub fn turns(
    conn: &mut Conn,
    state: Option<TurnState>,
    all: bool,
    most: i64,
) -> Result<Vec<TurnRow>> {
    let mut query = turns::table
        .select(TURN)
        .order(turns::id.desc())
        .limit(most)
        .into_boxed();
    if let Some(state) = state {
        query = query.filter(turns::state.eq(state.as_str()));
    } else if !all {
        query = query.filter(turns::settled_at.is_null());
    }
    Ok(query.load(conn)?)
}

/// How much there is, and what of the newest is silent.
pub fn stats(conn: &mut Conn, bounds: &Bounds, now: Timestamp) -> Result<Stats> {
    let mut silences = silent::find(conn, bounds, Span::Newest, now)?;
    let silent = silences.len();
    silences.truncate(SHOWN);
    let refused: Option<i64> = refusals::table
        .select(diesel::dsl::sum(refusals::times))
        .first(conn)?;
    let repeated: Vec<i32> = parts::table
        .filter(parts::repeats.gt(0))
        .select(parts::repeats)
        .load(conn)?;
    Ok(Stats {
        turns: turns::table
            .group_by(turns::state)
            .select((turns::state, count_star()))
            .load::<(String, i64)>(conn)?
            .into_iter()
            .collect(),
        replies: replies::table
            .group_by(replies::state)
            .select((replies::state, count_star()))
            .load::<(String, i64)>(conn)?
            .into_iter()
            .collect(),
        oldest_turn: turns::table
            .filter(turns::settled_at.is_null())
            .select(min(turns::created_at))
            .first(conn)?,
        oldest_reply: replies::table
            .filter(replies::settled_at.is_null())
            .select(min(replies::created_at))
            .first(conn)?,
        repeated_parts: repeated.into_iter().map(i64::from).sum(),
        unknowable_parts: parts::table
            .filter(parts::state.eq("unknowable"))
            .count()
            .get_result(conn)?,
        refused: refused.unwrap_or(0),
        silent,
        silences,
        last_errors: turns::table
            .filter(turns::last_code.is_not_null())
            .select(TURN)
            .order(turns::id.desc())
            .limit(5)
            .load(conn)?,
    })
}

/// Everyone who has written.
pub fn users(conn: &mut Conn) -> Result<Vec<UserRow>> {
    let rows: Vec<(i64, String, bool, String)> = persons::table
        .order(persons::id)
        .select((persons::id, persons::name, persons::active, persons::notes))
        .load(conn)?;
    rows.into_iter()
        .map(|(id, name, active, notes)| {
            Ok(UserRow {
                id,
                name,
                active,
                notes,
                profiles: profiles_of(conn, id)?,
            })
        })
        .collect()
}

/// One of them.
pub fn user(conn: &mut Conn, id: i64) -> Result<UserRow> {
    let found = users(conn)?.into_iter().find(|user| user.id == id);
    found.ok_or_else(|| Error::new(Code::NotFound, format!("there is no user {id}")))
}

fn profiles_of(conn: &mut Conn, person: i64) -> Result<Vec<ProfileRow>> {
    Ok(profiles::table
        .filter(profiles::person.eq(person))
        .order(profiles::id)
        .select((
            profiles::id,
            profiles::endpoint,
            profiles::user_id,
            profiles::username,
            profiles::display_name,
            profiles::language,
        ))
        .load(conn)?)
}

/// Every conversation, with its id at `agent`.
pub fn conversations(conn: &mut Conn, agent: &str) -> Result<Vec<ConversationRow>> {
    let rows: Vec<(i64, bool)> = conversations::table
        .order(conversations::id)
        .select((conversations::id, conversations::reachable))
        .load(conn)?;
    rows.into_iter()
        .map(|(id, reachable)| {
            let remote = agent_ids::table
                .find((agent, "conversation", id))
                .select(agent_ids::remote);
            Ok(ConversationRow {
                id,
                address: people::address(conn, id)?,
                reachable,
                messages: messages::table
                    .filter(messages::conversation.eq(id))
                    .count()
                    .get_result(conn)?,
                agent_conversation: remote.first(conn).optional()?,
            })
        })
        .collect()
}

/// The latest lines of a conversation, oldest first.
pub fn history(conn: &mut Conn, conversation: i64, most: i64) -> Result<Vec<Line>> {
    people::address(conn, conversation).map_err(|_| {
        Error::new(
            Code::NotFound,
            format!("there is no conversation {conversation}"),
        )
    })?;
    let said: Vec<(i64, Option<String>)> = messages::table
        .filter(
            messages::conversation
                .eq(conversation)
                .and(messages::text.is_not_null()),
        )
        .order(messages::id.desc())
        .limit(most)
        .select((messages::received_at, messages::text))
        .load(conn)?;
    let answered: Vec<(i64, String, String)> = replies::table
        .filter(replies::conversation.eq(conversation))
        .order(replies::id.desc())
        .limit(most)
        .select((replies::created_at, replies::kind, replies::text))
        .load(conn)?;
    let user = said.into_iter().map(|(at, text)| Line {
        at: Timestamp(at),
        from: "user".to_owned(),
        text: text.unwrap_or_default(),
    });
    let agent = answered.into_iter().map(|(at, from, text)| Line {
        at: Timestamp(at),
        from,
        text,
    });
    let mut lines: Vec<Line> = user.chain(agent).collect();
    lines.sort_by_key(|line| line.at);
    let skip = lines
        .len()
        .saturating_sub(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(lines.split_off(skip))
}
