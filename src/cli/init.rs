//! `broca init`: writes `broca.toml` and `.env` for a new instance.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use crate::config::{self, Environment, Problems, Reader};
use crate::error::{Code, Error};

use super::output::{note, say_json, usage};

mod ask;
mod files;

/// `broca init`
///
/// Asks on a terminal for what it is not given. Secrets are not flags, since others can see those:
/// they come from the environment (`AGENT_API_KEY`, `TELEGRAM_BOT_TOKEN`) or are asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Args {
    /// Ask nothing
    #[arg(long)]
    pub yes: bool,
    /// Overwrite files that are there
    #[arg(long)]
    pub force: bool,
    /// Letta's id of the agent, `agent-…`; without one, messages are echoed
    #[arg(long, value_name = "ID")]
    pub agent_id: Option<String>,
    /// Letta's address
    #[arg(long, value_name = "URL")]
    pub agent_endpoint: Option<String>,
    /// Who may talk to the agent on Telegram: a numeric id or `@name`
    #[arg(long, value_name = "WHO")]
    pub telegram_owner: Option<String>,
}

/// What goes into the files.
#[derive(Clone, Default)]
struct Answers {
    agent_id: Option<String>,
    agent_endpoint: Option<String>,
    api_key: Option<String>,
    telegram_token: Option<String>,
    telegram_owner: Option<String>,
}

/// Runs the command for the file that `file` (`--config`) chooses.
pub(super) fn run(
    args: &Args,
    file: Option<&Path>,
    readers: &[Reader],
    as_json: bool,
) -> anyhow::Result<()> {
    let toml = config::path(file);
    let dotenv = toml.with_file_name(".env");
    if !args.force {
        not_there(&[&toml, &dotenv])?;
    }
    let answers = answers(args, readers)?;
    let texts = [
        (toml, files::toml(&answers)),
        (dotenv, files::dotenv(&answers)),
    ];
    prove(&texts, readers)?;
    for (path, text) in &texts {
        config::write(path, text).with_context(|| format!("writing `{}`", path.display()))?;
    }
    tell(&texts, &answers, as_json);
    Ok(())
}

fn not_there(paths: &[&PathBuf]) -> Result<(), Error> {
    let Some(path) = paths.iter().find(|path| path.exists()) else {
        return Ok(());
    };
    let message = format!("`{}` is already there", path.display());
    let hint = "change it with `broca settings set`, or overwrite it with `--force`";
    Err(Error::new(Code::Usage, message).hint(hint))
}

fn answers(args: &Args, readers: &[Reader]) -> anyhow::Result<Answers> {
    let environment = Environment::of_process();
    let variable = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        environment
            .find("", &names)
            .map(|(text, _)| text.to_owned())
    };
    let known = Answers {
        agent_id: args.agent_id.clone().or_else(|| variable(&["AGENT_ID"])),
        agent_endpoint: args
            .agent_endpoint
            .clone()
            .or_else(|| variable(&["AGENT_ENDPOINT"])),
        api_key: variable(&["AGENT_API_KEY", "LETTA_API_KEY"]),
        telegram_token: variable(&["TELEGRAM_BOT_TOKEN"]),
        telegram_owner: args
            .telegram_owner
            .clone()
            .or_else(|| variable(&["TELEGRAM_OWNER_ID"])),
    };
    if args.yes {
        return Ok(known);
    }
    if !std::io::stdin().is_terminal() {
        return Err(usage(
            "`init` asks its questions on a terminal; elsewhere it needs `--yes`",
        ));
    }
    let has_telegram = readers
        .iter()
        .any(|reader| reader.name == "telegram" && reader.read.is_some());
    let mut stdin = std::io::stdin().lock();
    Ok(ask::all(
        known,
        has_telegram,
        &mut stdin,
        &mut std::io::stderr(),
    )?)
}

/// Loads what is to be written from a folder of its own, so that nothing broken is left behind.
fn prove(texts: &[(PathBuf, String); 2], readers: &[Reader]) -> anyhow::Result<()> {
    let folder = texts[0].0.parent().unwrap_or(Path::new("."));
    let trial = Trial::new(folder)?;
    let mut toml = PathBuf::new();
    for (path, text) in texts.iter().rev() {
        toml = trial.0.join(path.file_name().unwrap_or_default());
        config::write(&toml, text).context("writing a trial of the files")?;
    }
    let result = config::load_from(Some(&toml), Environment::default(), readers);
    result.map_err(Problems)?;
    Ok(())
}

/// A folder that goes away with this.
struct Trial(PathBuf);

impl Trial {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let path = folder.join(format!(".broca-init-{}", std::process::id()));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("writing in `{}`", folder.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        // What is left would be found by whoever looks at the folder; there is nobody to tell here.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tell(texts: &[(PathBuf, String); 2], answers: &Answers, as_json: bool) {
    let mode = if answers.agent_id.is_some() {
        "live"
    } else {
        "echo"
    };
    if as_json {
        let files: Vec<_> = texts.iter().map(|(path, _)| path).collect();
        return say_json(&json!({"files": files, "mode": mode}));
    }
    for (path, _) in texts {
        note(format!("wrote {}", path.display()));
    }
    if mode == "echo" {
        note("no agent is configured: messages are echoed until `agent.id` is set");
    }
    note("next: `broca check` looks at everything once, `broca run` starts");
}

#[cfg(test)]
mod tests;
