//! `broca check`: whether everything works, a line each, with a hint where it does not.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use crate::agent::AgentClient;
use crate::agent::letta::Letta;
use crate::config::Mode;
use crate::endpoint::{KINDS, Kind, Opening};
use crate::error::{Code, Error, Result};
use crate::server::Server;
use crate::shelf::NoShelf;
use crate::store::report::silent::{self, Bounds, Span};
use crate::store::{Conn, is_postgres};
use crate::time::Timestamp;

use super::instance::Instance;
use super::output::{say, say_json};
use super::status::wanted;

/// What was looked at, and what was found.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    ok: bool,
    words: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(skip)]
    exit: u8,
}

/// Runs every check. Gives the exit code: 2 for the configuration, 1 for all else.
pub(super) fn run(file: Option<&Path>, as_json: bool) -> anyhow::Result<u8> {
    let instance = Instance::load(file)?;
    let config = &instance.config;
    let source = config
        .file
        .as_deref()
        .map_or("built-in defaults".to_owned(), |file| {
            file.display().to_string()
        });
    let mut found = vec![
        finding("configuration", Ok(source)),
        finding("database", database(&instance)),
    ];
    if found.iter().all(|one| one.ok) {
        found.push(finding("messages", messages(&instance)));
    }
    found.extend(agent(&instance));
    for kind in KINDS {
        if config
            .endpoint(kind.name)
            .is_some_and(|section| section.enabled(kind.default_on))
        {
            found.push(finding(kind.name, endpoint(kind, &instance)));
        }
    }
    found.push(finding("http", listen(&instance)));
    if as_json {
        say_json(&found);
    } else {
        found.iter().for_each(show);
    }
    Ok(found.iter().map(|one| one.exit).max().unwrap_or(0))
}

fn finding(what: &str, result: Result<String>) -> Finding {
    let what = what.to_owned();
    match result {
        Ok(words) => Finding {
            what,
            ok: true,
            words,
            code: None,
            hint: None,
            exit: 0,
        },
        Err(error) => Finding {
            what,
            ok: false,
            words: error.message().to_owned(),
            code: Some(error.code.as_str()),
            hint: Some(error.advice().to_owned()),
            exit: error.exit_code(),
        },
    }
}

fn show(finding: &Finding) {
    let sign = if finding.ok { "ok  " } else { "FAIL" };
    let code = finding
        .code
        .map_or(String::new(), |code| format!(" [{code}]"));
    say(format!("{sign}  {}: {}{code}", finding.what, finding.words));
    if let Some(hint) = &finding.hint {
        say(format!("      hint: {hint}"));
    }
}

fn database(instance: &Instance) -> Result<String> {
    let url = instance.database();
    if is_postgres(url) {
        Conn::open(url)?.migrations()?;
        return Ok("the server can be reached".to_owned());
    }
    writable(Path::new(url))?;
    if !Path::new(url).exists() {
        return Ok(format!("`{url}` will be made"));
    }
    Conn::open(url)?.migrations()?;
    Ok(format!("`{url}`"))
}

/// Whether every message that was ever taken has an end that was seen, or is on its way to one.
fn messages(instance: &Instance) -> Result<String> {
    let url = instance.database();
    if !is_postgres(url) && !Path::new(url).exists() {
        return Ok("none yet".to_owned());
    }
    let mut conn = instance.connect()?;
    if conn.migrations()?.iter().any(|one| !one.applied) {
        return Ok("not looked at before the schema is brought up to date".to_owned());
    }
    let bounds = Bounds::of(&instance.config);
    let all = silent::find(&mut conn, &bounds, Span::All, Timestamp::now())?;
    let Some(first) = all.first() else {
        return Ok("each has an end, or is on its way to one".to_owned());
    };
    let hint = format!("look at one with `broca trace {}`", wanted(first));
    let words = format!("{} without an end that anyone saw", all.len());
    Err(Error::new(Code::TurnSilent, words).hint(hint))
}

/// Whether SQLite can make its files beside the database.
fn writable(path: &Path) -> Result<()> {
    let probe = path.with_extension(format!("probe-{}", std::process::id()));
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&probe);
    made.and_then(|_| std::fs::remove_file(&probe))
        .map_err(|error| {
            let folder = path.parent().unwrap_or(path).display().to_string();
            Error::new(
                Code::StoreUnreachable,
                format!("the folder `{folder}` is not writable: {error}"),
            )
            .hint(
                "let the user that runs broca write there, or set `database.url` to another place",
            )
        })
}

fn agent(instance: &Instance) -> Vec<Finding> {
    let config = &instance.config;
    if config.agent.id.is_none() {
        let words = "none is configured; messages are not answered by an agent".to_owned();
        let result = match config.mode {
            Mode::Live => Err(Error::new(Code::AgentNotConfigured, "none is configured")),
            Mode::Echo | Mode::Listen => Ok(words),
        };
        return vec![finding("agent", result)];
    }
    match Letta::open(&config.agent).and_then(|letta| letta.probe()) {
        Err(error) => vec![finding("agent", Err(error))],
        Ok(lines) => lines
            .into_iter()
            .map(|line| finding("agent", Ok(line)))
            .collect(),
    }
}

fn endpoint(kind: &Kind, instance: &Instance) -> Result<String> {
    let section = instance
        .config
        .endpoint(kind.name)
        .cloned()
        .ok_or_else(|| {
            Error::new(
                Code::ConfigMissing,
                format!("`[endpoint.{}]` is missing", kind.name),
            )
        })?;
    let opening = Opening {
        section,
        shelf: Arc::new(NoShelf),
        server: Arc::new(Server::default()),
    };
    (kind.open)(opening)?.check()
}

fn listen(instance: &Instance) -> Result<String> {
    let address = &instance.config.http.listen;
    if instance.daemon().is_some() {
        return Ok(format!("the daemon listens on `{address}`"));
    }
    std::net::TcpListener::bind(address)
        .map(|_| format!("`{address}` is free"))
        .map_err(|error| {
            Error::new(Code::Io, format!("cannot listen on `{address}`: {error}"))
                .hint("set `http.listen` to a free port")
        })
}
