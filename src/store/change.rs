//! What the operator changes. A running daemon applies it at once; without one the command line does.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::Mode;
use crate::error::{Code, Error, Result};
use crate::message::{Address, ReplyKind};
use crate::time::Timestamp;

use super::schema::{attempts, conversations, messages, parts, people, profiles, replies, turns};
use super::state::{TurnState, mode_text};
use super::{Conn, outbox, people as persons, queue};

/// One change, as the command line says it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// A settled turn is to be answered (again), under the mode given.
    Retry {
        /// The turn.
        turn: i64,
        /// `echo` or `live`.
        mode: Mode,
        /// Whether live turns share one lane.
        agent_wide: bool,
    },
    /// An unsettled turn is to be stopped; its person is told.
    Cancel {
        /// The turn.
        turn: i64,
    },
    /// Every turn that waits is to be stopped.
    Flush,
    /// A settled turn is to be forgotten with its messages and replies.
    Delete {
        /// The turn.
        turn: i64,
    },
    /// A person may talk, or may not.
    Activate {
        /// The person.
        person: i64,
        /// May they?
        active: bool,
    },
    /// A message from the operator.
    Send {
        /// Where to.
        to: Recipient,
        /// Markdown.
        text: String,
        /// The same key sends once.
        key: Option<String>,
        /// Only say where it would go.
        dry_run: bool,
    },
}

/// Whom a message from the operator is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// A person, in the conversation they last wrote in.
    Person(i64),
    /// A handle, without `@`.
    Username(String),
    /// A chat of an endpoint.
    Chat {
        /// The endpoint's name.
        endpoint: String,
        /// The chat, as the network names it.
        chat: String,
    },
}

/// What a change did.
#[derive(Debug)]
pub struct Done {
    /// For the command line.
    pub report: Value,
    /// Running turns that must be stopped by their workers.
    pub to_stop: Vec<i64>,
}

/// Makes a change. Runs in one transaction.
pub fn apply(conn: &mut Conn, change: &Change, now: Timestamp) -> Result<Done> {
    match change {
        Change::Retry {
            turn,
            mode,
            agent_wide,
        } => retry(conn, *turn, *mode, *agent_wide, now),
        Change::Cancel { turn } => cancel(conn, *turn, now),
        Change::Flush => flush(conn, now),
        Change::Delete { turn } => delete(conn, *turn),
        Change::Activate { person, active } => activate(conn, *person, *active, now),
        Change::Send {
            to,
            text,
            key,
            dry_run,
        } => send(conn, to, text, key.as_deref(), *dry_run, now),
    }
}

fn done(report: Value) -> Done {
    Done {
        report,
        to_stop: Vec::new(),
    }
}

fn state_of(conn: &mut Conn, turn: i64) -> Result<TurnState> {
    let state: Option<String> = turns::table
        .find(turn)
        .select(turns::state)
        .first(conn)
        .optional()?;
    let state =
        state.ok_or_else(|| Error::new(Code::NotFound, format!("there is no turn {turn}")))?;
    TurnState::parse(&state).ok_or_else(|| {
        Error::new(
            Code::StoreFailed,
            format!("turn {turn} has the state `{state}`"),
        )
    })
}

fn retry(conn: &mut Conn, turn: i64, mode: Mode, agent_wide: bool, now: Timestamp) -> Result<Done> {
    let state = state_of(conn, turn)?;
    if matches!(state, TurnState::Ready | TurnState::Running) {
        let words = format!("turn {turn} is {} already", state.as_str());
        return Err(Error::new(Code::WrongState, words));
    }
    if mode == Mode::Listen {
        let words = "in the mode `listen` nothing is answered".to_owned();
        return Err(Error::new(Code::WrongState, words).hint("set `mode` to `live` first"));
    }
    let conversation: i64 = turns::table
        .find(turn)
        .select(turns::conversation)
        .first(conn)?;
    diesel::update(turns::table.find(turn))
        .set((
            turns::state.eq(TurnState::Ready.as_str()),
            turns::mode.eq(mode_text(mode)),
            turns::lane.eq(queue::lane(conversation, agent_wide && mode == Mode::Live)),
            turns::failures.eq(0),
            turns::barren.eq(0),
            turns::stop_asked.eq(false),
            turns::due_at.eq(now.0),
            turns::created_at.eq(now.0),
            turns::noticed_at.eq(None::<i64>),
            turns::last_code.eq(None::<String>),
            turns::last_error.eq(None::<String>),
            turns::settled_at.eq(None::<i64>),
        ))
        .execute(conn)?;
    Ok(done(
        json!({ "turn": turn, "state": "ready", "was": state }),
    ))
}

fn cancel(conn: &mut Conn, turn: i64, now: Timestamp) -> Result<Done> {
    let state = state_of(conn, turn)?;
    if !matches!(state, TurnState::Ready | TurnState::Running) {
        let words = format!("turn {turn} is {} already", state.as_str());
        return Err(Error::new(Code::WrongState, words));
    }
    let stopped = stop(conn, turn, now)?;
    let word = if stopped { "stopped" } else { "stopping" };
    Ok(Done {
        report: json!({ "turn": turn, "state": word }),
        to_stop: vec![turn],
    })
}

/// Stops a turn, telling its person where nobody works on it. Gives whether it is settled.
fn stop(conn: &mut Conn, turn: i64, now: Timestamp) -> Result<bool> {
    if !queue::ask_stop(conn, turn, now)? {
        return Ok(false);
    }
    let (conversation, endpoint): (i64, String) = turns::table
        .find(turn)
        .select((turns::conversation, turns::endpoint))
        .first(conn)?;
    let words = "The operator stopped this message before it was answered.";
    outbox::say(
        conn,
        conversation,
        &endpoint,
        Some(turn),
        ReplyKind::Notice,
        words,
        now,
    )?;
    Ok(true)
}

fn flush(conn: &mut Conn, now: Timestamp) -> Result<Done> {
    let waiting: Vec<i64> = turns::table
        .filter(
            turns::settled_at
                .is_null()
                .and(turns::state.eq(TurnState::Ready.as_str())),
        )
        .order(turns::id)
        .select(turns::id)
        .load(conn)?;
    for turn in &waiting {
        stop(conn, *turn, now)?;
    }
    Ok(done(json!({ "stopped": waiting })))
}

fn delete(conn: &mut Conn, turn: i64) -> Result<Done> {
    let state = state_of(conn, turn)?;
    let of_turn = replies::table.filter(replies::turn.eq(turn));
    let unsaid: i64 = of_turn
        .filter(replies::settled_at.is_null())
        .count()
        .get_result(conn)?;
    if matches!(state, TurnState::Ready | TurnState::Running) || unsaid > 0 {
        let words = format!("turn {turn} is not settled, or has replies that are not said");
        return Err(Error::new(Code::WrongState, words).hint("cancel it first"));
    }
    let gone: Vec<i64> = of_turn.select(replies::id).load(conn)?;
    diesel::delete(parts::table.filter(parts::reply.eq_any(gone))).execute(conn)?;
    diesel::delete(replies::table.filter(replies::turn.eq(turn))).execute(conn)?;
    diesel::delete(attempts::table.filter(attempts::turn.eq(turn))).execute(conn)?;
    diesel::delete(messages::table.filter(messages::turn.eq(turn))).execute(conn)?;
    diesel::delete(turns::table.find(turn)).execute(conn)?;
    Ok(done(json!({ "turn": turn, "state": "deleted" })))
}

fn activate(conn: &mut Conn, person: i64, active: bool, now: Timestamp) -> Result<Done> {
    let row = people::table.find(person);
    if diesel::update(row)
        .set(people::active.eq(active))
        .execute(conn)?
        == 0
    {
        return Err(Error::new(
            Code::NotFound,
            format!("there is no user {person}"),
        ));
    }
    let mut to_stop = Vec::new();
    if !active {
        to_stop = refuse_waiting(conn, person, now)?;
    }
    Ok(Done {
        report: json!({ "user": person, "active": active }),
        to_stop,
    })
}

/// What the person has in the queue ends: what waits as refused, what may be at work by being stopped.
fn refuse_waiting(conn: &mut Conn, person: i64, now: Timestamp) -> Result<Vec<i64>> {
    let open: Vec<i64> = turns::table
        .inner_join(profiles::table)
        .filter(profiles::person.eq(person).and(turns::settled_at.is_null()))
        .select(turns::id)
        .load(conn)?;
    let mut at_work = Vec::new();
    for turn in open {
        let refused = diesel::update(queue::fence::idle(turn))
            .set((
                turns::state.eq(TurnState::Refused.as_str()),
                turns::last_code.eq(Code::AccessInactive.as_str()),
                turns::settled_at.eq(now.0),
            ))
            .execute(conn)?;
        if refused == 0 {
            queue::ask_stop(conn, turn, now)?;
            at_work.push(turn);
        }
    }
    Ok(at_work)
}

fn send(
    conn: &mut Conn,
    to: &Recipient,
    text: &str,
    key: Option<&str>,
    dry_run: bool,
    now: Timestamp,
) -> Result<Done> {
    let conversation = resolve(conn, to)?;
    let address = persons::address(conn, conversation)?;
    if dry_run {
        return Ok(done(
            json!({ "reply": null, "to": address, "conversation": conversation, "fresh": false }),
        ));
    }
    if let Some(key) = key {
        let known = replies::table
            .filter(replies::send_key.eq(key))
            .select(replies::id)
            .first(conn);
        let known: Option<i64> = known.optional()?;
        if let Some(reply) = known {
            return Ok(sent(reply, &address, conversation, false));
        }
    }
    let reply = outbox::say(
        conn,
        conversation,
        &address.endpoint,
        None,
        ReplyKind::Operator,
        text,
        now,
    )?;
    diesel::update(replies::table.find(reply))
        .set(replies::send_key.eq(key))
        .execute(conn)?;
    Ok(sent(reply, &address, conversation, true))
}

fn sent(reply: i64, to: &Address, conversation: i64, fresh: bool) -> Done {
    done(json!({ "reply": reply, "to": to, "conversation": conversation, "fresh": fresh }))
}

/// The conversation that a recipient is reached in.
fn resolve(conn: &mut Conn, to: &Recipient) -> Result<i64> {
    let by_profile = messages::table
        .inner_join(profiles::table)
        .order(messages::id.desc());
    let found: Option<i64> = match to {
        Recipient::Person(person) => by_profile
            .filter(profiles::person.eq(*person))
            .select(messages::conversation)
            .first(conn)
            .optional()?,
        Recipient::Username(name) => by_profile
            .filter(profiles::username.eq(name))
            .select(messages::conversation)
            .first(conn)
            .optional()?,
        Recipient::Chat { endpoint, chat } => conversations::table
            .filter(
                conversations::endpoint
                    .eq(endpoint)
                    .and(conversations::chat.eq(chat)),
            )
            .order(conversations::id.desc())
            .select(conversations::id)
            .first(conn)
            .optional()?,
    };
    found.ok_or_else(|| {
        Error::new(Code::NotFound, "nobody of that name has written yet")
            .hint("see `broca users list` and `broca conversations list`")
    })
}
