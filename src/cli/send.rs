//! `broca send`: a message from the operator.

use std::io::Read as _;

use crate::error::{Code, Error};
use crate::store::change::{Change, Recipient};

use super::instance::Instance;
use super::output::{note, say_json};

/// `broca send`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A user's id, `@name`, or `endpoint:chat`, such as `telegram:1001`
    to: String,
    /// The message, as Markdown; `-` reads standard input
    text: String,
    /// The same key sends once
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Only say where it would go
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(super) fn run(instance: &Instance, args: &Args, as_json: bool) -> anyhow::Result<()> {
    let text = text(&args.text)?;
    let (to, key, dry_run) = (
        recipient(&args.to)?,
        args.idempotency_key.clone(),
        args.dry_run,
    );
    let done = instance.change(&Change::Send {
        to,
        text,
        key,
        dry_run,
    })?;
    if as_json {
        say_json(&done);
        return Ok(());
    }
    let place = |key: &str| {
        done.pointer(key)
            .map_or(String::new(), |value| value.to_string().replace('"', ""))
    };
    let to = format!("{}:{}", place("/to/endpoint"), place("/to/chat"));
    note(
        match (
            dry_run,
            done.get("fresh").and_then(serde_json::Value::as_bool),
        ) {
            (true, _) => format!("it would go to {to}"),
            (false, Some(false)) => format!("it went to {to} before, as reply {}", place("/reply")),
            (false, _) => format!("on its way to {to}, as reply {}", place("/reply")),
        },
    );
    Ok(())
}

fn text(argument: &str) -> anyhow::Result<String> {
    let mut text = argument.to_owned();
    if argument == "-" {
        text.clear();
        std::io::stdin().read_to_string(&mut text)?;
    }
    let text = text.trim_end().to_owned();
    if text.is_empty() {
        return Err(Error::new(Code::Usage, "the message is empty").into());
    }
    Ok(text)
}

fn recipient(text: &str) -> Result<Recipient, Error> {
    if let Some(name) = text.strip_prefix('@') {
        return Ok(Recipient::Username(name.to_owned()));
    }
    if let Some((endpoint, chat)) = text.split_once(':') {
        return Ok(Recipient::Chat {
            endpoint: endpoint.to_owned(),
            chat: chat.to_owned(),
        });
    }
    text.parse().map(Recipient::Person).map_err(|_| {
        Error::new(Code::Usage, format!("`{text}` names nobody"))
            .hint("give a user's id, `@name`, or `endpoint:chat`")
    })
}
