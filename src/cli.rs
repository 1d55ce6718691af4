//! The command line.
//!
//! Data goes to standard output, all else to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage
//! or configuration, 130 interrupted.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod chat;
mod check;
mod confirm;
mod conversations;
mod db;
mod init;
mod instance;
mod output;
mod queue;
mod run;
mod send;
mod settings;
mod status;
mod trace;
mod users;

/// Carries messages between the places where people write and a Letta agent.
///
/// With no command it runs the daemon.
#[derive(Debug, Parser)]
#[command(name = "broca", version, max_term_width = 100)]
struct Line {
    /// The configuration file; else `$BROCA_CONFIG`, else `./broca.toml`
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data as JSON on standard output
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Run,
    /// Write `broca.toml` and `.env`
    Init(init::Args),
    /// Look at configuration, database, agent and endpoints, with a hint where something is wrong
    Check,
    /// Show how things are: mode, agent, endpoints, what waits, the last errors
    Status,
    /// Show the whole way of a message: its turn, attempts, replies and end
    Trace(trace::Args),
    /// Talk to the agent in the terminal
    Chat(chat::Args),
    /// Send a message to someone who has written before
    Send(send::Args),
    /// Look at messages and their turns; answer, stop or delete them
    #[command(subcommand)]
    Queue(queue::Command),
    /// Look at the people who write; switch their access on or off
    #[command(subcommand)]
    Users(users::Command),
    /// Look at conversations
    #[command(subcommand)]
    Conversations(conversations::Command),
    /// Show or change settings
    Settings(settings::Args),
    /// Look after the database's schema
    #[command(subcommand)]
    Db(db::Command),
}

/// Runs the command that the process was started with. Gives its exit code.
pub fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => return misused(&error),
    };
    let json = line.json;
    match dispatch(line) {
        Ok(code) => ExitCode::from(code),
        Err(error) => ExitCode::from(output::fail(&error, json)),
    }
}

/// Shows help, the version, or what is wrong with the command line; to a program as JSON.
fn misused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || !std::env::args_os().any(|word| word == "--json") {
        error.exit();
    }
    let text = error.to_string();
    let words = text.lines().next().unwrap_or_default();
    let words = words.strip_prefix("error: ").unwrap_or(words);
    ExitCode::from(output::fail(&output::usage(words), true))
}

fn dispatch(line: Line) -> anyhow::Result<u8> {
    let Line {
        config,
        json,
        command,
    } = line;
    let file = config.as_deref();
    let instance = || instance::Instance::load(file);
    match command.unwrap_or(Command::Run) {
        Command::Run => return run::run(instance()?),
        Command::Init(args) => init::run(&args, file, instance::readers(), json)?,
        Command::Check => return check::run(file, json),
        Command::Status => status::run(&instance()?, json)?,
        Command::Trace(args) => trace::run(&instance()?, &args, json)?,
        Command::Chat(args) => return chat::run(&instance()?, &args, json),
        Command::Send(args) => send::run(&instance()?, &args, json)?,
        Command::Queue(command) => queue::run(&instance()?, &command, json)?,
        Command::Users(command) => users::run(&instance()?, &command, json)?,
        Command::Conversations(command) => conversations::run(&instance()?, &command, json)?,
        Command::Settings(args) => settings::run(&args, file, instance::readers(), json)?,
        Command::Db(command) => db::run(&instance()?, &command, json)?,
    }
    Ok(0)
}
