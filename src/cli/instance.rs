//! The instance that a command is about: its configuration, its database, its daemon.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Method;

use crate::config::{Config, Problems, Reader, load};
use crate::endpoint::{KINDS, KNOWN};
use crate::error::{Code, Error, Result};
use crate::http::{Call, Failure, Http, Patience};
use crate::store::change::{self, Change};
use crate::store::{Conn, Hold, in_transaction, is_postgres};
use crate::time::Timestamp;

/// A daemon that does not answer its socket within this time is taken for gone.
const DAEMON_TIME: Duration = Duration::from_secs(5);

/// A loaded configuration and what it leads to.
pub(super) struct Instance {
    /// `--config`, as it was given.
    pub(super) file: Option<PathBuf>,
    /// The configuration.
    pub(super) config: Config,
    /// The files it was read from.
    pub(super) watched: Vec<PathBuf>,
}

/// What reads the endpoints' tables.
pub(super) fn readers() -> &'static [Reader] {
    static READERS: LazyLock<Vec<Reader>> = LazyLock::new(|| {
        let reader = |name: &&'static str| {
            let kind = KINDS.iter().find(|kind| kind.name == *name);
            Reader {
                name,
                default_on: kind.is_some_and(|kind| kind.default_on),
                read: kind.map(|kind| kind.read),
            }
        };
        KNOWN.iter().map(reader).collect()
    });
    &READERS
}

impl Instance {
    /// Loads the configuration that `file` (`--config`) chooses.
    pub(super) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let (config, watched) = load(file, readers()).map_err(Problems)?;
        Ok(Self {
            file: file.map(Path::to_owned),
            config,
            watched,
        })
    }

    /// The database's address.
    pub(super) fn database(&self) -> &str {
        self.config.database.url.reveal()
    }

    /// Runs `work`, which only reads, on the database as it is.
    pub(super) fn read<T>(&self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        let mut conn = self.connect()?;
        conn.require_current()?;
        work(&mut conn)
    }

    /// A connection to a database that is there.
    pub(super) fn connect(&self) -> Result<Conn> {
        let url = self.database();
        if !is_postgres(url) && !Path::new(url).exists() {
            let words = format!("there is no database at `{url}` yet");
            return Err(
                Error::new(Code::StoreUnreachable, words).hint("start the daemon with `broca run`")
            );
        }
        Conn::open(url)
    }

    /// What the daemon says of itself; `None` where none runs.
    pub(super) fn daemon(&self) -> Option<Value> {
        let daemon = Daemon::of(self);
        daemon.get("/control/v1/status").ok().flatten()
    }

    /// Makes a change through the daemon, where one runs, or else under its lock.
    pub(super) fn change(&self, change: &Change) -> Result<Value> {
        if let Some(done) = Daemon::of(self).post("/control/v1/change", change)? {
            return Ok(done);
        }
        let _hold = Hold::take(self.database())?;
        let mut conn = self.connect()?;
        conn.require_current()?;
        let done = in_transaction(&mut conn, |conn| {
            change::apply(conn, change, Timestamp::now())
        })?;
        Ok(done.report)
    }
}

/// The daemon behind the instance's socket.
pub(super) struct Daemon {
    http: Http,
    path: PathBuf,
}

impl Daemon {
    /// The one of this instance, running or not.
    pub(super) fn of(instance: &Instance) -> Self {
        let path = instance.config.socket();
        Self {
            http: Http::unix(&path),
            path,
        }
    }

    /// What a GET gives; `None` where no daemon runs.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        self.call(Method::GET, path, None)
    }

    /// What a POST gives; `None` where no daemon runs.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Option<T>> {
        let body = serde_json::to_string(body).expect("what is sent has string keys");
        self.call(Method::POST, path, Some(&body))
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        json: Option<&str>,
    ) -> Result<Option<T>> {
        let url = format!("http://localhost{path}");
        let patience = Patience::brief(DAEMON_TIME);
        let call = Call {
            method,
            url: &url,
            headers: Vec::new(),
            json,
            patience,
        };
        let answer = match self.http.send(&call) {
            Ok(answer) => answer,
            Err(Failure::NotSent(_)) => return Ok(None),
            Err(Failure::Unknown(words)) => return Err(self.broken(&words)),
        };
        let ok = answer.is_ok();
        let text = answer
            .text()
            .map_err(|failure| self.broken(failure.words()))?;
        if ok {
            let done =
                serde_json::from_str(&text).map_err(|error| self.broken(&error.to_string()))?;
            return Ok(Some(done));
        }
        Err(refusal(&text).unwrap_or_else(|| self.broken("it refused without a reason")))
    }

    /// A stream of lines from a GET.
    pub(super) fn stream(&self, path: &str, silence: Duration) -> Result<crate::http::Answer> {
        let url = format!("http://localhost{path}");
        let patience = Patience::stream(silence);
        let call = Call {
            method: Method::GET,
            url: &url,
            headers: Vec::new(),
            json: None,
            patience,
        };
        self.http
            .send(&call)
            .map_err(|failure| self.broken(failure.words()))
    }

    fn broken(&self, words: &str) -> Error {
        Error::new(
            Code::Io,
            format!(
                "the daemon at `{}` does not answer: {words}",
                self.path.display()
            ),
        )
    }
}

/// The error in a `{code, message, hint}` body.
fn refusal(body: &str) -> Option<Error> {
    let body: Value = serde_json::from_str(body).ok()?;
    let code = Code::parse(body.get("code")?.as_str()?)?;
    let error = Error::new(code, body.get("message")?.as_str()?);
    Some(error.hint(body.get("hint")?.as_str()?))
}
