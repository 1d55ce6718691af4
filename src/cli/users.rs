//! `broca users`: the people who write.

use crate::store::change::Change;
use crate::store::report::{self, UserRow};

use super::instance::Instance;
use super::output::{Table, note, say_json};
use super::queue::change;

/// `broca users …`
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List everyone who has written
    List,
    /// Show one of them
    Show {
        /// The user's id
        user: i64,
    },
    /// Let them talk again
    Activate {
        /// The user's id
        user: i64,
    },
    /// Stop them: what they have waiting is refused, what runs is stopped, what they write is not taken
    Deactivate {
        /// The user's id
        user: i64,
    },
}

/// Runs the command.
pub(super) fn run(instance: &Instance, command: &Command, as_json: bool) -> anyhow::Result<()> {
    match command {
        Command::List => {
            show(&instance.read(report::users)?, as_json);
            Ok(())
        }
        Command::Show { user } => {
            let user = instance.read(|conn| report::user(conn, *user))?;
            if as_json {
                say_json(&user);
                return Ok(());
            }
            show(&[user], false);
            Ok(())
        }
        Command::Activate { user } => change(
            instance,
            &Change::Activate {
                person: *user,
                active: true,
            },
            as_json,
        ),
        Command::Deactivate { user } => change(
            instance,
            &Change::Activate {
                person: *user,
                active: false,
            },
            as_json,
        ),
    }
}

fn show(users: &[UserRow], as_json: bool) {
    if as_json {
        say_json(&users);
        return;
    }
    if users.is_empty() {
        note("nobody has written yet");
        return;
    }
    let mut table = Table::new(&["user", "name", "active", "profiles"]);
    for user in users {
        let profiles = user.profiles.iter().map(|profile| {
            let handle = profile
                .username
                .as_deref()
                .map_or(String::new(), |name| format!(" @{name}"));
            format!("{}:{}{handle}", profile.endpoint, profile.user_id)
        });
        let profiles = profiles.collect::<Vec<_>>().join(", ");
        let active = if user.active { "yes" } else { "no" };
        table.row([
            user.id.to_string(),
            user.name.clone(),
            active.to_owned(),
            profiles,
        ]);
    }
    table.print();
}
