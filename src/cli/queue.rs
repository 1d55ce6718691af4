//! `broca queue`: messages and their turns.

use clap::ValueEnum;

use crate::config::{Isolation, Mode};
use crate::store::change::Change;
use crate::store::report;
use crate::store::report::trace::Trace;
use crate::store::state::TurnState;

use super::confirm::confirm;
use super::instance::Instance;
use super::output::{Table, note, say, say_json};
use super::status::ago;

/// `broca queue …`
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List turns, newest first; those that are not settled, if nothing else is asked for
    List {
        /// Only those of this state
        #[arg(long)]
        state: Option<State>,
        /// Settled ones too
        #[arg(long)]
        all: bool,
        /// At most this many
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// Show a turn with its messages, attempts and replies
    Show {
        /// The turn's id
        turn: i64,
    },
    /// Have a settled turn answered (again): failed, stopped, or kept by the mode `listen`
    Retry {
        /// The turns' ids
        #[arg(required_unless_present = "state")]
        turns: Vec<i64>,
        /// All turns of this state
        #[arg(long, conflicts_with = "turns")]
        state: Option<State>,
    },
    /// Stop a turn that waits or runs; its person is told
    Cancel {
        /// The turn's id
        turn: i64,
    },
    /// Stop every turn that waits; each person is told
    Flush {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Forget a settled turn with its messages and replies
    Delete {
        /// The turn's id
        turn: i64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Count turns and replies
    Stats,
}

/// A turn's state, as the command line knows it.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum State {
    Ready,
    Running,
    Kept,
    Replied,
    Silent,
    Failed,
    Stopped,
    Refused,
}

/// More turns are not retried at once.
const MOST: i64 = 100_000;

/// Runs the command.
pub(super) fn run(instance: &Instance, command: &Command, as_json: bool) -> anyhow::Result<()> {
    match command {
        Command::List { state, all, limit } => {
            list(instance, state.map(Into::into), *all, *limit, as_json)
        }
        Command::Show { turn } => {
            show(&super::trace::of_turn(instance, *turn)?, as_json);
            Ok(())
        }
        Command::Retry { turns, state } => retry(instance, turns, state.map(Into::into), as_json),
        Command::Cancel { turn } => change(instance, &Change::Cancel { turn: *turn }, as_json),
        Command::Flush { yes } => {
            confirm("stop every turn that waits", *yes)?;
            change(instance, &Change::Flush, as_json)
        }
        Command::Delete { turn, yes } => {
            confirm(
                &format!("forget turn {turn} with its messages and replies"),
                *yes,
            )?;
            change(instance, &Change::Delete { turn: *turn }, as_json)
        }
        Command::Stats => super::status::run(instance, as_json),
    }
}

/// Makes a change, and says what it did.
pub(super) fn change(instance: &Instance, change: &Change, as_json: bool) -> anyhow::Result<()> {
    let done = instance.change(change)?;
    if as_json {
        say_json(&done);
    } else if let Some(fields) = done.as_object() {
        let words = fields
            .iter()
            .map(|(key, value)| format!("{key}: {value}").replace('"', ""));
        note(words.collect::<Vec<_>>().join(", "));
    }
    Ok(())
}

fn list(
    instance: &Instance,
    state: Option<TurnState>,
    all: bool,
    limit: i64,
    as_json: bool,
) -> anyhow::Result<()> {
    let turns = instance.read(|conn| report::turns(conn, state, all, limit))?;
    if as_json {
        say_json(&turns);
        return Ok(());
    }
    if turns.is_empty() {
        note("nothing waits; `--all` shows what is settled");
        return Ok(());
    }
    let mut table = Table::new(&[
        "turn", "state", "endpoint", "chat", "mode", "claims", "age", "code",
    ]);
    for turn in turns {
        table.row([
            turn.id.to_string(),
            turn.state,
            turn.endpoint,
            turn.conversation.to_string(),
            turn.mode,
            turn.claims.to_string(),
            ago(turn.created_at),
            turn.code.unwrap_or_default(),
        ]);
    }
    table.print();
    Ok(())
}

/// The same as `broca trace`, with whole texts and without the steps between.
fn show(trace: &Trace, as_json: bool) {
    if as_json {
        say_json(trace);
        return;
    }
    if let Some(turn) = &trace.turn {
        say(format!(
            "turn {}: {}, {}, conversation {}",
            turn.id, turn.state, trace.address.endpoint, trace.conversation
        ));
        if let (Some(code), Some(error)) = (&turn.code, &turn.error) {
            say(format!("  {code}: {error}"));
        }
    }
    for message in &trace.messages {
        let text = message.text.as_deref().unwrap_or_default();
        say(format!("  message, {}: {text}", ago(message.received_at)));
    }
    for attempt in &trace.attempts {
        let why = attempt.code.as_ref().map(|code| format!(" ({code})"));
        say(format!(
            "  attempt {}, {}: {}{}",
            attempt.id,
            ago(attempt.created_at),
            attempt.state,
            why.unwrap_or_default()
        ));
    }
    for reply in trace.replies.iter().map(|reply| &reply.row) {
        say(format!(
            "  {}, {}, {}: {}",
            reply.kind,
            reply.state,
            ago(reply.created_at),
            reply.text
        ));
    }
}

fn retry(
    instance: &Instance,
    turns: &[i64],
    state: Option<TurnState>,
    as_json: bool,
) -> anyhow::Result<()> {
    let mode = instance.config.mode;
    let agent_wide = instance.config.agent.isolation != Isolation::Conversation;
    let mut all = turns.to_vec();
    if let Some(state) = state {
        let rows = instance.read(|conn| report::turns(conn, Some(state), true, MOST))?;
        all.extend(rows.iter().rev().map(|turn| turn.id));
    }
    let mut done = Vec::new();
    for turn in all {
        done.push(instance.change(&Change::Retry {
            turn,
            mode,
            agent_wide,
        })?);
    }
    if as_json {
        say_json(&done);
    } else {
        note(format!(
            "{} {} to be {}",
            done.len(),
            if done.len() == 1 {
                "turn is"
            } else {
                "turns are"
            },
            if mode == Mode::Echo {
                "echoed"
            } else {
                "answered"
            }
        ));
    }
    Ok(())
}

impl From<State> for TurnState {
    fn from(state: State) -> Self {
        match state {
            State::Ready => Self::Ready,
            State::Running => Self::Running,
            State::Kept => Self::Kept,
            State::Replied => Self::Replied,
            State::Silent => Self::Silent,
            State::Failed => Self::Failed,
            State::Stopped => Self::Stopped,
            State::Refused => Self::Refused,
        }
    }
}
