//! `broca run`: the daemon.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::blocking;
use crate::bridge::Bridge;
use crate::bridge::reload::Reloader;
use crate::config::{Config, Watch};
use crate::endpoint::{KINDS, Kind};
use crate::error::{Code, Error, Result};
use crate::logging;
use crate::server::{Server, socket};
use crate::shutdown;
use crate::store::{Hold, Store, is_postgres};

use super::instance::{Instance, readers};
use super::output::note;

/// How often a standby asks for the lock.
const STANDBY: Duration = Duration::from_secs(1);
/// The exit code of a process that was interrupted a second time.
const INTERRUPTED: u8 = 130;

/// Runs the daemon until it is told to stop.
pub(super) fn run(instance: Instance) -> anyhow::Result<u8> {
    logging::start(&instance.config.log);
    let runtime = runtime(&instance.config)?;
    let ended = runtime.block_on(daemon(instance));
    // Dropping a runtime waits for its blocked threads; they hold nothing that matters any more.
    runtime.shutdown_background();
    Ok(ended?)
}

/// Threads for all that blocks: a poll an endpoint, turns, deliveries, the database, requests.
pub(super) fn runtime(config: &Config) -> Result<Runtime> {
    let blocking = KINDS.len() * 2
        + config.queue.max_concurrent
        + config.outbox.max_concurrent
        + config.database.pool_size
        + 32;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(blocking)
        .thread_keep_alive(Duration::from_secs(5))
        .enable_all()
        .build()
        .map_err(|error| Error::new(Code::Io, format!("the runtime does not start: {error}")))
}

async fn daemon(instance: Instance) -> Result<u8> {
    let Instance {
        file,
        config,
        watched,
    } = instance;
    let config = Arc::new(config);
    let mut signals = Signals::listen()?;
    let Some(hold) = hold(&config, &mut signals).await? else {
        return Ok(0);
    };
    let store = Store::open(&config.database.url, config.database.pool_size)?;
    let tcp = listen(&config).await?;
    let unix = socket::bind(&config.socket())?;
    let server = Arc::new(Server::default());
    let (served, stop) = shutdown::channel();
    let kinds: Vec<&'static Kind> = KINDS.iter().collect();
    let mut bridge = Bridge::start(
        Arc::clone(&config),
        store,
        hold,
        Arc::clone(&server),
        &kinds,
    )
    .await?;
    let public = tokio::spawn(Arc::clone(&server).serve_tcp(tcp, stop.clone()));
    let local = tokio::spawn(Arc::clone(&server).serve_unix(unix, stop));
    welcome(&config);
    let mut reloader = Reloader::new(file, readers(), Watch::new(watched));
    let ended = loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Stop => break None,
                Told::Reload => if let Some(new) = reloader.read().await { bridge.reconfigure(&new) },
            },
            error = bridge.lock_lost() => break Some(error),
            new = reloader.changed() => bridge.reconfigure(&new),
        }
    };
    log::info!("stopping; a second signal ends at once");
    let interrupted = tokio::select! {
        () = bridge.stop() => false,
        () = signals.stop() => true,
    };
    served.stop();
    let _ = tokio::time::timeout(Duration::from_millis(500), async {
        tokio::join!(public, local)
    })
    .await;
    let _ = socket::remove(&config.socket());
    match ended {
        Some(error) => Err(error),
        None => Ok(if interrupted { INTERRUPTED } else { 0 }),
    }
}

/// The lock on the database. On a server a second daemon waits for it as a standby, and `None` means that
/// it was told to stop meanwhile; on a file it refuses to start.
async fn hold(config: &Config, signals: &mut Signals) -> Result<Option<Hold>> {
    let url = config.database.url.clone();
    let mut told = false;
    loop {
        let wanted = url.clone();
        match blocking::run(move || Hold::take(wanted.reveal())).await {
            Err(error) if error.code == Code::StoreHeld && is_postgres(url.reveal()) => {
                if !std::mem::replace(&mut told, true) {
                    log::info!("another daemon has the database; waiting as a standby");
                }
            }
            done => return done.map(Some),
        }
        tokio::select! {
            () = signals.stop() => return Ok(None),
            () = tokio::time::sleep(STANDBY) => {}
        }
    }
}

async fn listen(config: &Config) -> Result<TcpListener> {
    let address = &config.http.listen;
    TcpListener::bind(address).await.map_err(|error| {
        Error::new(Code::Io, format!("cannot listen on `{address}`: {error}"))
            .hint("set `http.listen` to a free port, for instance `127.0.0.1:8641`")
    })
}

/// What a newcomer needs to know, besides the log.
fn welcome(config: &Config) {
    let has_page = config
        .endpoint("webchat")
        .is_some_and(|section| section.enabled(true));
    if cfg!(feature = "webchat") && has_page {
        note(format!("The web chat is at http://{}/", config.http.listen));
    }
    if config.agent.id.is_none() {
        note("No agent is connected: messages come back as they are (echo).");
        note("Connect one with `broca init`, or set AGENT_ID, AGENT_ENDPOINT and AGENT_API_KEY.");
    }
    let file = config
        .file
        .as_deref()
        .unwrap_or(Path::new("built-in defaults"));
    log::debug!("configured by {}", file.display());
    for warning in &config.warnings {
        let error = Error::from(warning.clone());
        log::warn!(code = error.code.as_str(); "{}; hint: {}", error.message(), error.advice());
    }
}

/// What a signal says.
#[derive(PartialEq, Eq)]
enum Told {
    Stop,
    Reload,
}

/// The signals that matter.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let on = |kind| {
            signal(kind).map_err(|error| Error::new(Code::Io, format!("no signals: {error}")))
        };
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hangup: on(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.terminate.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Reload,
        }
    }

    async fn stop(&mut self) {
        while self.next().await != Told::Stop {}
    }
}
