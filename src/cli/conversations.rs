//! `broca conversations`: where people write, and what was said there.

use crate::store::report;

use super::instance::Instance;
use super::output::{Table, note, say, say_json};

/// `broca conversations …`
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List them
    List,
    /// Show the latest lines of one
    Show {
        /// The conversation's id
        conversation: i64,
        /// At most this many lines
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
}

/// Runs the command.
pub(super) fn run(instance: &Instance, command: &Command, as_json: bool) -> anyhow::Result<()> {
    match command {
        Command::List => list(instance, as_json),
        Command::Show {
            conversation,
            limit,
        } => show(instance, *conversation, *limit, as_json),
    }
}

fn list(instance: &Instance, as_json: bool) -> anyhow::Result<()> {
    let agent = instance.config.agent.id.clone().unwrap_or_default();
    let all = instance.read(|conn| report::conversations(conn, &agent))?;
    if as_json {
        say_json(&all);
        return Ok(());
    }
    if all.is_empty() {
        note("nobody has written yet");
        return Ok(());
    }
    let mut table = Table::new(&[
        "id",
        "endpoint",
        "chat",
        "messages",
        "reachable",
        "at the agent",
    ]);
    for one in all {
        table.row([
            one.id.to_string(),
            one.address.endpoint,
            one.address.chat,
            one.messages.to_string(),
            if one.reachable { "yes" } else { "no" }.to_owned(),
            one.agent_conversation.unwrap_or_default(),
        ]);
    }
    table.print();
    Ok(())
}

fn show(instance: &Instance, id: i64, limit: i64, as_json: bool) -> anyhow::Result<()> {
    let lines = instance.read(|conn| report::history(conn, id, limit))?;
    if as_json {
        say_json(&lines);
        return Ok(());
    }
    for line in lines {
        say(format!("{}  {}: {}", line.at, line.from, line.text));
    }
    Ok(())
}
