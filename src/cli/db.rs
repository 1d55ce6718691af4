//! `broca db`: the database's schema.

use crate::store::{Conn, Hold, is_postgres};

use super::confirm::confirm;
use super::instance::Instance;
use super::output::{Table, note, say_json};

/// `broca db …`
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the migrations, and which the database has
    Status,
    /// Bring the schema up to this version (the daemon does so by itself)
    Migrate,
    /// Undo the latest migration; what only it could hold is lost
    Rollback {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Runs the command.
pub(super) fn run(instance: &Instance, command: &Command, as_json: bool) -> anyhow::Result<()> {
    match command {
        Command::Status => status(instance, as_json),
        Command::Migrate => {
            let _hold = Hold::take(instance.database())?;
            let done = open(instance)?.migrate()?;
            report(
                &serde_json::json!({ "applied": done }),
                &format!("{done} migrations applied"),
                as_json,
            );
            Ok(())
        }
        Command::Rollback { yes } => {
            confirm(
                "undo the latest migration, with what only it can hold",
                *yes,
            )?;
            let _hold = Hold::take(instance.database())?;
            let name = instance.connect()?.rollback()?;
            report(
                &serde_json::json!({ "undone": name }),
                &format!("`{name}` is undone"),
                as_json,
            );
            Ok(())
        }
    }
}

/// As the daemon opens it: a file that is not there yet is made, private.
fn open(instance: &Instance) -> crate::error::Result<Conn> {
    let url = instance.database();
    if !is_postgres(url) {
        crate::store::make_private(std::path::Path::new(url))?;
    }
    Conn::open(url)
}

fn status(instance: &Instance, as_json: bool) -> anyhow::Result<()> {
    let all = instance.connect()?.migrations()?;
    if as_json {
        say_json(&all);
        return Ok(());
    }
    let mut table = Table::new(&["migration", "applied"]);
    for one in all {
        table.row([one.name, if one.applied { "yes" } else { "no" }.to_owned()]);
    }
    table.print();
    Ok(())
}

fn report(data: &serde_json::Value, words: &str, as_json: bool) {
    if as_json { say_json(data) } else { note(words) }
}
