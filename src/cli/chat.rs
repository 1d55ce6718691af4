//! `broca chat`: the terminal, over the daemon's socket. Where no daemon runs, the flow runs here, for
//! this endpoint only.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::bridge::Bridge;
use crate::endpoint;
use crate::error::{Code, Error, Result};
use crate::logging;
use crate::server::{Server, socket};
use crate::shutdown::{self, Stopper};
use crate::store::{Hold, Store};

use super::instance::{Daemon, Instance};
use super::output::note;

mod events;
mod screen;

use events::Event;
use screen::Screen;

/// After the last word of a turn, further texts of it come within this time.
const LINGER: Duration = Duration::from_millis(500);

/// `broca chat`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A message; without one, lines are read from standard input
    text: Option<String>,
    /// Which conversation of the terminal; each has its own history
    #[arg(long, default_value = "terminal")]
    session: String,
}

/// What the conversation reacts to.
enum Input {
    /// A line was typed.
    Line(String),
    /// No more lines.
    End,
    /// The daemon said something.
    Event(Event),
    /// The daemon is gone.
    Lost(Error),
}

/// Talks until the input ends. Gives the exit code.
pub(super) fn run(instance: &Instance, args: &Args, as_json: bool) -> anyhow::Result<u8> {
    if endpoint::kind("cli").is_none() {
        let error = Error::new(
            Code::EndpointNotBuilt,
            "the endpoint `cli` is not in this build",
        );
        return Err(error.hint("rebuild with `--features cli`").into());
    }
    let foreground = match instance.daemon() {
        Some(_) => None,
        None => Some(Foreground::start(instance)?),
    };
    let ended = talk(instance, args, as_json);
    if let Some(foreground) = foreground {
        foreground.stop();
    }
    Ok(ended?)
}

fn talk(instance: &Instance, args: &Args, as_json: bool) -> Result<u8> {
    let (sender, inputs) = channel();
    events::listen(&Daemon::of(instance), &args.session, sender.clone())?;
    let interactive = args.text.is_none() && std::io::stdin().is_terminal();
    match &args.text {
        Some(text) => {
            let _ = sender.send(Input::Line(text.clone()));
            let _ = sender.send(Input::End);
        }
        None => read_lines(sender),
    }
    let daemon = Daemon::of(instance);
    let mut chat = Chat {
        daemon,
        session: args.session.clone(),
        screen: Screen::new(as_json, interactive),
        waiting: Vec::new(),
        ended: false,
        code: 0,
    };
    chat.screen.greet();
    chat.follow(&inputs)
}

fn read_lines(sender: Sender<Input>) {
    std::thread::spawn(move || {
        for line in std::io::stdin()
            .lock()
            .lines()
            .map_while(std::io::Result::ok)
        {
            if sender.send(Input::Line(line)).is_err() {
                return;
            }
        }
        let _ = sender.send(Input::End);
    });
}

/// A conversation under way.
struct Chat {
    daemon: Daemon,
    session: String,
    screen: Screen,
    /// Keys of messages that have no answer yet, oldest first.
    waiting: Vec<String>,
    /// No more lines come.
    ended: bool,
    code: u8,
}

impl Chat {
    fn follow(&mut self, inputs: &Receiver<Input>) -> Result<u8> {
        loop {
            let input = if self.ended && self.waiting.is_empty() {
                match inputs.recv_timeout(LINGER) {
                    Ok(input) => input,
                    Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
                }
            } else {
                match inputs.recv() {
                    Ok(input) => input,
                    Err(_) => break,
                }
            };
            match input {
                Input::Line(line) => self.say(line.trim_end())?,
                Input::End => self.ended = true,
                Input::Event(event) => self.hear(&event),
                Input::Lost(error) => return Err(error),
            }
        }
        self.screen.end();
        Ok(self.code)
    }

    fn say(&mut self, line: &str) -> Result<()> {
        if line.trim().is_empty() {
            self.screen.prompt();
            return Ok(());
        }
        let key = uuid::Uuid::now_v7().to_string();
        let user = std::env::var("USER").unwrap_or_default();
        let body = json!({ "session": self.session, "text": line, "key": key, "user": user });
        let sent: Result<Option<Value>> = self.daemon.post("/chat/v1/messages", &body);
        match sent {
            Ok(Some(_)) => {
                self.waiting.push(key);
                Ok(())
            }
            Ok(None) => Err(Error::new(Code::Io, "the daemon has stopped")),
            Err(error) => {
                note(format!("not sent: {} [{}]", error.message(), error.code));
                self.code = 1;
                Ok(())
            }
        }
    }

    /// An answer, a notice or an error ends the oldest wait; so does a turn that ends in silence.
    fn hear(&mut self, event: &Event) {
        let is_last_word = self.screen.show(event);
        if is_last_word && !self.waiting.is_empty() {
            self.waiting.remove(0);
        }
        if event.is_error() && !self.screen.is_interactive() {
            self.code = 1;
        }
    }
}

/// The flow in this process, for the terminal's own turns.
struct Foreground {
    runtime: tokio::runtime::Runtime,
    bridge: Bridge,
    served: Stopper,
    socket: std::path::PathBuf,
}

impl Foreground {
    fn start(instance: &Instance) -> Result<Self> {
        let mut quiet = instance.config.log.clone();
        quiet.level = quiet.level.min(log::LevelFilter::Warn);
        logging::start(&quiet);
        let runtime = super::run::runtime(&instance.config)?;
        let socket = instance.config.socket();
        let (bridge, served) = runtime.block_on(open(instance))?;
        Ok(Self {
            runtime,
            bridge,
            served,
            socket,
        })
    }

    fn stop(self) {
        self.runtime.block_on(self.bridge.stop());
        self.served.stop();
        let _ = socket::remove(&self.socket);
        self.runtime.shutdown_background();
    }
}

async fn open(instance: &Instance) -> Result<(Bridge, Stopper)> {
    let config = Arc::new(instance.config.clone());
    let hold = Hold::take(config.database.url.reveal())?;
    let store = Store::open(&config.database.url, config.database.pool_size)?;
    let listener = socket::bind(&config.socket())?;
    let server = Arc::new(Server::default());
    let (served, stop) = shutdown::channel();
    let kinds: Vec<_> = endpoint::kind("cli").into_iter().collect();
    let bridge = Bridge::start(config, store, hold, Arc::clone(&server), &kinds).await?;
    tokio::spawn(server.serve_unix(listener, stop));
    Ok((bridge, served))
}
