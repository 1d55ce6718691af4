//! `broca trace`: the whole way of a message.

use crate::error::Result;
use crate::store::report::silent::Bounds;
use crate::store::report::trace::{self, Subject, Trace};
use crate::time::Timestamp;

use super::instance::Instance;
use super::output::{say, say_json, width};

mod events;
mod lines;

/// `broca trace …`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The turn's id, as `broca queue list`, `broca status` and the log have it
    #[arg(required_unless_present_any = ["message", "reply"])]
    turn: Option<i64>,
    /// A message's id, in place of its turn's
    #[arg(long, value_name = "ID", conflicts_with_all = ["turn", "reply"])]
    message: Option<i64>,
    /// A reply's id, as the log has it, in place of its turn's
    #[arg(long, value_name = "ID", conflicts_with = "turn")]
    reply: Option<i64>,
}

impl Args {
    fn subject(&self) -> Subject {
        match (self.turn, self.message, self.reply) {
            (Some(turn), ..) => Subject::Turn(turn),
            (None, Some(message), _) => Subject::Message(message),
            (None, None, reply) => Subject::Reply(reply.unwrap_or_default()),
        }
    }
}

/// Shows it.
pub(super) fn run(instance: &Instance, args: &Args, as_json: bool) -> anyhow::Result<()> {
    let trace = of(instance, args.subject())?;
    if as_json {
        say_json(&trace);
        return Ok(());
    }
    let events = events::of(&trace);
    for line in lines::head(&trace, Timestamp::now(), width()) {
        say(line);
    }
    for line in lines::timeline(&events, width()) {
        say(line);
    }
    Ok(())
}

/// The whole way of a turn.
pub(super) fn of_turn(instance: &Instance, turn: i64) -> Result<Trace> {
    of(instance, Subject::Turn(turn))
}

fn of(instance: &Instance, subject: Subject) -> Result<Trace> {
    let (bounds, now) = (Bounds::of(&instance.config), Timestamp::now());
    instance.read(|conn| trace::trace(conn, subject, &bounds, now))
}
