//! What a worker is given with a turn.

use diesel::prelude::*;

use crate::config::Mode;
use crate::error::Result;
use crate::exchange::AgentIds;
use crate::message::{About, Said};
use crate::time::Timestamp;

use super::super::kept::{fixed, on};
use super::super::schema::{conversations, messages, people as persons, profiles, turns};
use super::super::{Conn, agent_ids, people, state};
use super::{Claimed, open_attempt};

/// The turn as its claim left it, with all that its worker needs.
pub(super) fn claimed(conn: &mut Conn, turn: i64, agent: &str) -> Result<Claimed> {
    type Row = (i64, String, i64, i32, i32, bool, i64);
    let row = turns::table
        .inner_join(profiles::table.inner_join(persons::table))
        .inner_join(conversations::table)
        .filter(turns::id.eq(turn))
        .select((
            (
                turns::conversation,
                turns::mode,
                turns::claim,
                turns::barren,
                turns::failures,
                turns::stop_asked,
                turns::created_at,
            ),
            people::WHO,
            people::PLACE,
        ));
    let row = fixed!(row);
    let (row, who, place): (Row, people::Who, people::Place) = on!(conn, row.get_result(conn))?;
    let (conversation, mode, claim, barren, failures, stop_asked, created_at) = row;
    let about = people::about(who);
    let mode = state::mode(&mode);
    let (ids, told) = match mode {
        Mode::Live => agent_ids::known(conn, agent, conversation, about.person)?,
        Mode::Echo | Mode::Listen => (AgentIds::default(), None),
    };
    // The first claim of a turn is the first to begin an attempt.
    let open = if claim > 1 {
        open_attempt(conn, turn)?
    } else {
        None
    };
    Ok(Claimed {
        turn,
        claim,
        conversation,
        to: people::at(place),
        mode,
        barren,
        failures,
        stop_asked,
        created_at: Timestamp(created_at),
        said: said(conn, turn, &about)?,
        ids,
        told,
        open,
        begun: None,
    })
}

fn said(conn: &mut Conn, turn: i64, by: &About) -> Result<Vec<Said>> {
    let texts = messages::table
        .filter(messages::turn.eq(turn))
        .order(messages::id)
        .select((messages::text, messages::received_at));
    let texts: Vec<(Option<String>, i64)> = on!(conn, texts.load(conn))?;
    let said = texts.into_iter().map(|(text, at)| Said {
        by: by.clone(),
        text: text.unwrap_or_default(),
        at: Timestamp(at),
    });
    Ok(said.collect())
}
