//! The accept transaction: messages, their turns, commands' replies and the cursor, all or nothing.

use std::time::Duration;

use diesel::prelude::*;

use crate::config::Mode;
use crate::error::{Code, Result};
use crate::message::{Cursor, Inbound, Join, Outcome, ReplyKind};
use crate::time::Timestamp;

use super::kept::{insert, on, update};
use super::people::{Conversation, Profile};
use super::schema::{cursors, messages, turns};
use super::state::{TurnState, mode_text};
use super::{Conn, outbox, people, queue};

mod refuse;

use refuse::refuse;

/// What intake made of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// To be answered by the agent.
    Turn {
        /// The text.
        text: String,
        /// Wanted company.
        join: Option<Join>,
    },
    /// A new text of an earlier message.
    Edit {
        /// The earlier message's key.
        of: String,
        /// The new text.
        text: String,
    },
    /// A command, already answered.
    Command {
        /// Broca's words.
        reply: String,
    },
    /// `/status`: these words, and how much waits in this conversation.
    Status {
        /// The words before the count.
        head: String,
    },
    /// `/stop`.
    Stop,
    /// The chat can be reached again, or no longer.
    Reachable(bool),
    /// To be kept, and nothing else.
    Keep,
    /// From someone who may not talk, with what they are told.
    Refuse {
        /// The words, if they are to be told anything.
        notice: Option<String>,
    },
}

/// A message and what is to become of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The message.
    pub inbound: Inbound,
    /// What intake made of it.
    pub wish: Wish,
}

/// What holds for a whole batch.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Stamped on each turn.
    pub mode: Mode,
    /// Whether live turns touch the whole agent, and share one lane.
    pub agent_wide: bool,
    /// The present.
    pub now: Timestamp,
}

/// What the transaction did.
#[derive(Debug, Default)]
pub struct Accepted {
    /// For each entry.
    pub outcomes: Vec<Outcome>,
    /// Running turns that their people want stopped.
    pub to_stop: Vec<i64>,
    /// Whether there may be something to send.
    pub replies: bool,
}

/// The endpoint's cursor.
pub fn cursor(conn: &mut Conn, endpoint: &str, account: &str) -> Result<Option<Cursor>> {
    let value = cursors::table
        .find((endpoint, account))
        .select(cursors::value)
        .first(conn);
    Ok(value.optional()?.map(Cursor))
}

/// Stores `entries` and `cursor`. Runs in one transaction.
pub fn accept(
    conn: &mut Conn,
    endpoint: &str,
    account: &str,
    entries: &[Entry],
    cursor: Option<&Cursor>,
    rules: &Rules,
) -> Result<Accepted> {
    let mut done = Accepted::default();
    for entry in entries {
        let outcome = take(conn, entry, rules, &mut done)?;
        done.replies |= matches!(outcome, Outcome::Refused(_));
        done.outcomes.push(outcome);
    }
    if let Some(cursor) = cursor {
        let row = cursors::table.find((endpoint, account));
        let set = (
            cursors::value.eq(&cursor.0),
            cursors::updated_at.eq(rules.now.0),
        );
        if update!(conn, row, set)? == 0 {
            diesel::insert_into(cursors::table)
                .values((
                    cursors::endpoint.eq(endpoint),
                    cursors::account.eq(account),
                    set.0,
                    set.1,
                ))
                .execute(conn)?;
        }
    }
    Ok(done)
}

fn take(conn: &mut Conn, entry: &Entry, rules: &Rules, done: &mut Accepted) -> Result<Outcome> {
    let Entry { inbound, wish } = entry;
    if let Wish::Refuse { notice } = wish {
        return refuse(
            conn,
            inbound,
            Code::AccessRefused,
            notice.as_deref(),
            rules.now,
        );
    }
    if is_seen(conn, inbound)? {
        return Ok(Outcome::Seen);
    }
    let profile = people::meet(conn, &inbound.address.endpoint, &inbound.from, rules.now)?;
    if !profile.active {
        let notice = Some("The operator of this agent has switched off your access.");
        return refuse(conn, inbound, Code::AccessInactive, notice, rules.now);
    }
    let place = people::conversation(conn, &inbound.address, rules.now)?;
    if *wish == Wish::Reachable(false) {
        outbox::park(conn, place.id)?;
    } else if !place.reachable {
        outbox::unpark(conn, place.id, rules.now)?;
    }
    done.replies |= !place.reachable || !matches!(wish, Wish::Turn { .. } | Wish::Keep);
    let row = Row {
        inbound,
        profile,
        place,
        rules,
    };
    row.store(conn, wish, &mut done.to_stop)?;
    Ok(Outcome::New)
}

fn is_seen(conn: &mut Conn, inbound: &Inbound) -> Result<bool> {
    let address = &inbound.address;
    let same = messages::table.filter(
        messages::endpoint
            .eq(&address.endpoint)
            .and(messages::account.eq(&address.account))
            .and(messages::key.eq(&inbound.key)),
    );
    let same = same.select(messages::id);
    let found: Option<i64> = on!(conn, same.first(conn)).optional()?;
    Ok(found.is_some())
}

/// A new message on its way into the tables.
struct Row<'a> {
    inbound: &'a Inbound,
    profile: Profile,
    place: Conversation,
    rules: &'a Rules,
}

impl Row<'_> {
    fn store(&self, conn: &mut Conn, wish: &Wish, to_stop: &mut Vec<i64>) -> Result<()> {
        match wish {
            Wish::Turn { text, join } => self.turn(conn, text, join.as_ref()),
            Wish::Edit { of, text } => self.edit(conn, of, text),
            Wish::Command { reply } => self.command(conn, reply),
            Wish::Status { head } => {
                let waiting = self.waiting(conn)?;
                self.command(conn, &format!("{head}\nWaiting in this chat: {waiting}"))
            }
            Wish::Stop => self.stop(conn, to_stop),
            Wish::Reachable(_) | Wish::Keep => self.message(conn, None, "other", None),
            Wish::Refuse { .. } => unreachable!("refused before it has a place"),
        }
    }

    /// The message's own row.
    fn message(
        &self,
        conn: &mut Conn,
        turn: Option<i64>,
        kind: &str,
        text: Option<&str>,
    ) -> Result<()> {
        let address = &self.inbound.address;
        let message = diesel::insert_into(messages::table).values((
            messages::turn.eq(turn),
            messages::conversation.eq(self.place.id),
            messages::profile.eq(self.profile.id),
            messages::endpoint.eq(&address.endpoint),
            messages::account.eq(&address.account),
            messages::key.eq(&self.inbound.key),
            messages::kind.eq(kind),
            messages::text.eq(text),
            messages::raw.eq(&self.inbound.raw),
            messages::received_at.eq(self.rules.now.0),
        ));
        on!(conn, message.execute(conn))?;
        Ok(())
    }

    fn turn(&self, conn: &mut Conn, text: &str, join: Option<&Join>) -> Result<()> {
        let turn = match join {
            Some(join) => match self.joined(conn, join)? {
                Some(turn) => turn,
                None => self.new_turn(conn, Some(join))?,
            },
            None => self.new_turn(conn, None)?,
        };
        self.message(conn, Some(turn), "text", Some(text))
    }

    /// The turn before, if it still waits, is of the same person, and takes company; due later now.
    fn joined(&self, conn: &mut Conn, join: &Join) -> Result<Option<i64>> {
        let last: Option<(i64, i64, Option<String>)> = turns::table
            .filter(
                turns::conversation
                    .eq(self.place.id)
                    .and(turns::settled_at.is_null()),
            )
            .order(turns::id.desc())
            .select((turns::id, turns::profile, turns::join_key))
            .first(conn)
            .optional()?;
        let fits = |(_, profile, key): &(i64, i64, Option<String>)| {
            *profile == self.profile.id && key.as_deref() == Some(&join.key)
        };
        let Some((turn, ..)) = last.filter(fits) else {
            return Ok(None);
        };
        let due = self.rules.now.plus(Duration::from_millis(join.quiet_ms));
        let waits = diesel::update(queue::fence::untouched(turn))
            .set(turns::due_at.eq(due.0))
            .execute(conn)?;
        Ok((waits > 0).then_some(turn))
    }

    fn new_turn(&self, conn: &mut Conn, join: Option<&Join>) -> Result<i64> {
        let Rules {
            mode,
            agent_wide,
            now,
        } = *self.rules;
        let quiet = Duration::from_millis(join.map_or(0, |join| join.quiet_ms));
        let kept = mode == Mode::Listen;
        let state = if kept {
            TurnState::Kept
        } else {
            TurnState::Ready
        };
        let turn = diesel::insert_into(turns::table).values((
            turns::conversation.eq(self.place.id),
            turns::profile.eq(self.profile.id),
            turns::endpoint.eq(&self.inbound.address.endpoint),
            turns::lane.eq(queue::lane(self.place.id, agent_wide && mode == Mode::Live)),
            turns::mode.eq(mode_text(mode)),
            turns::state.eq(state.as_str()),
            turns::due_at.eq(now.plus(quiet).0),
            turns::join_key.eq(join.map(|join| join.key.as_str())),
            turns::created_at.eq(now.0),
            turns::settled_at.eq(kept.then_some(now.0)),
        ));
        Ok(insert!(conn, turn, turns::id)?)
    }

    /// Replaces the text that still waits; what the agent has already read is corrected by a new turn.
    fn edit(&self, conn: &mut Conn, of: &str, text: &str) -> Result<()> {
        let address = &self.inbound.address;
        let original: Option<(i64, Option<String>, i64)> = messages::table
            .inner_join(turns::table.on(messages::turn.eq(turns::id.nullable())))
            .filter(
                messages::endpoint
                    .eq(&address.endpoint)
                    .and(messages::account.eq(&address.account)),
            )
            .filter(messages::key.eq(of))
            .select((messages::id, messages::text, turns::id))
            .first(conn)
            .optional()?;
        let Some((message, old, turn)) = original else {
            return self.message(conn, None, "edit", Some(text));
        };
        if old.as_deref() == Some(text) {
            return self.message(conn, None, "edit", None);
        }
        // Writes nothing new: it keeps the turn from being claimed before its text is replaced.
        let waits = diesel::update(queue::fence::untouched(turn))
            .set(turns::due_at.eq(turns::due_at))
            .execute(conn)?;
        if waits == 0 {
            return self.turn(conn, &format!("(edited) {text}"), None);
        }
        diesel::update(messages::table.find(message))
            .set(messages::text.eq(text))
            .execute(conn)?;
        self.message(conn, None, "edit", Some(text))
    }

    fn command(&self, conn: &mut Conn, reply: &str) -> Result<()> {
        self.message(conn, None, "command", None)?;
        self.say(conn, None, reply)
    }

    fn say(&self, conn: &mut Conn, turn: Option<i64>, words: &str) -> Result<()> {
        let endpoint = &self.inbound.address.endpoint;
        outbox::say(
            conn,
            self.place.id,
            endpoint,
            turn,
            ReplyKind::Notice,
            words,
            self.rules.now,
        )?;
        Ok(())
    }

    fn waiting(&self, conn: &mut Conn) -> Result<i64> {
        Ok(turns::table
            .filter(
                turns::conversation
                    .eq(self.place.id)
                    .and(turns::settled_at.is_null()),
            )
            .count()
            .get_result(conn)?)
    }

    /// Stops what is answered now; what nobody works on ends here, the rest ends at its worker.
    fn stop(&self, conn: &mut Conn, to_stop: &mut Vec<i64>) -> Result<()> {
        self.message(conn, None, "command", None)?;
        let first: Option<i64> = turns::table
            .filter(
                turns::conversation
                    .eq(self.place.id)
                    .and(turns::settled_at.is_null()),
            )
            .order(turns::id)
            .select(turns::id)
            .first(conn)
            .optional()?;
        let Some(turn) = first else {
            return self.say(conn, None, "Nothing is running.");
        };
        if queue::ask_stop(conn, turn, self.rules.now)? {
            return self.say(conn, Some(turn), "Stopped.");
        }
        to_stop.push(turn);
        Ok(())
    }
}
