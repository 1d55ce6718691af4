//! The processes that are measured: Broca, and the bare loop beside it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::bare;
use crate::ground::Ground;

/// Who stands between Telegram and Letta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject<'a> {
    /// This binary.
    Broca(&'a Path),
    /// The same calls and commits, and nothing else.
    Bare,
}

/// A folder with a configuration and a database, in which a subject is started again and again.
pub(crate) struct Place {
    folder: TempDir,
    bin: Option<PathBuf>,
    plan: String,
}

/// A running process; killed when dropped.
pub(crate) struct Daemon(Child);

impl Place {
    /// A place of its own for `subject` between the stand-ins of `ground`.
    pub(crate) fn new(subject: Subject<'_>, ground: &Ground, concurrency: usize) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = config(ground, folder.path(), concurrency);
        std::fs::write(folder.path().join("broca.toml"), config).expect("the folder is ours");
        let plan = bare::Plan::new(ground, folder.path(), concurrency);
        Self {
            folder,
            plan: serde_json::to_string(&plan).expect("strings and a number"),
            bin: match subject {
                Subject::Broca(bin) => Some(bin.canonicalize().expect("the binary is there")),
                Subject::Bare => None,
            },
        }
    }

    /// The SQLite file.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("broca.db")
    }

    /// Starts the subject; it may not be ready yet.
    pub(crate) fn start(&self) -> Daemon {
        let log = self.folder.path().join("log");
        let log = File::options().create(true).append(true).open(log);
        let log = log.expect("the folder is ours");
        let mut command = match &self.bin {
            Some(bin) => Command::new(bin),
            None => Command::new(std::env::current_exe().expect("Linux names it")),
        };
        command.env_clear().current_dir(self.folder.path());
        if self.bin.is_none() {
            command.env(bare::PLAN, &self.plan);
        }
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        Daemon(command.stderr(log).spawn().expect("the program starts"))
    }
}

impl Daemon {
    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Asks it to stop, and gives how long that took.
    pub(crate) fn stop(mut self) -> Duration {
        let began = Instant::now();
        let pid = self.0.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(asked.is_ok_and(|status| status.success()), "no `kill` here");
        let status = self.0.wait().expect("it is our child");
        assert!(status.success(), "the daemon stopped with {status}");
        began.elapsed()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn config(ground: &Ground, folder: &Path, concurrency: usize) -> String {
    let (telegram, letta) = (&ground.telegram, &ground.letta);
    format!(
        r#"mode = "live"
[agent]
id = "{agent}"
endpoint = "{letta}"
template = "{{text}}"
[database]
url = "{database}"
[queue]
max_concurrent = {concurrency}
[outbox]
max_concurrent = {concurrency}
[http]
listen = "127.0.0.1:0"
[endpoint.telegram]
token = "{token}"
api_url = "{telegram}"
access = "open"
pace = false
"#,
        agent = letta.agent(),
        letta = letta.url(),
        database = folder.join("broca.db").display(),
        token = telegram.token(),
        telegram = telegram.url(),
    )
}
