//! The real binary in a folder of its own: started, killed, stopped, asked, and read.

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Long enough for everything on a loaded machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// How often a condition that nobody signals is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// An instance: a folder with `broca.toml` and `.env`, and the daemon on it while one runs.
pub(crate) struct Broca {
    folder: tempfile::TempDir,
    port: u16,
    bin: PathBuf,
    /// A program and its arguments under which the daemon runs.
    under: Vec<String>,
    variables: Vec<(String, String)>,
    daemon: Mutex<Option<Child>>,
    log: Arc<Log>,
    may_be_silent: bool,
}

/// What the daemons of the instance wrote to standard error.
#[derive(Default)]
struct Log {
    lines: Mutex<Lines>,
    grown: Condvar,
}

#[derive(Default)]
struct Lines {
    all: Vec<String>,
    /// Daemons whose output has ended.
    ended: usize,
    started: usize,
    /// Where the latest daemon's output begins.
    from: usize,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    /// The exit code; -1 after a signal.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Done {
    /// Its standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Its standard error as JSON: what an error looks like under `--json`.
    pub(crate) fn error(&self) -> Value {
        let error: Value =
            serde_json::from_str(&self.err).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        error["error"].clone()
    }
}

impl Broca {
    /// An instance with this configuration; `[http]` is added. Nothing runs yet.
    pub(crate) fn new(toml: &str) -> Self {
        let broca = Self {
            folder: tempfile::tempdir().expect("a folder for the test"),
            port: free_port(),
            bin: env!("CARGO_BIN_EXE_broca").into(),
            under: Vec::new(),
            variables: Vec::new(),
            daemon: Mutex::default(),
            log: Arc::default(),
            may_be_silent: false,
        };
        broca.configure(toml);
        broca
    }

    /// Has this binary run in place of the one that was built for the tests.
    pub(crate) fn be(&mut self, bin: &Path) {
        self.bin = bin.canonicalize().expect("the binary is there");
    }

    /// Whether the binary's clock can be set, as with the feature `kill-points`.
    pub(crate) fn has_clock(&self) -> bool {
        let binary = fs::read(&self.bin).expect("the binary is there");
        let trace = b"BROCA_KILL_CLOCK";
        binary.windows(trace.len()).any(|bytes| bytes == trace)
    }

    /// Has later daemons run under this program, which must become the daemon's process.
    pub(crate) fn run_under(&mut self, program: &[&str]) {
        self.under = program.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Replaces `broca.toml`.
    pub(crate) fn configure(&self, toml: &str) {
        let http = format!("[http]\nlisten = \"127.0.0.1:{}\"\n", self.port);
        self.write("broca.toml", &format!("{toml}\n{http}"));
    }

    /// Changes words of `broca.toml`, which must be there.
    pub(crate) fn edit(&self, old: &str, new: &str) {
        let text = fs::read_to_string(self.path("broca.toml")).expect("it is there");
        assert!(text.contains(old), "`{old}` is not in {text}");
        self.write("broca.toml", &text.replace(old, new));
    }

    /// Writes a file of the instance.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::write(&path, text).expect("the folder is writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }

    /// A file of the instance.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The address of the public port.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sets a variable for every later process.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a variable away again.
    #[cfg(feature = "kill-points")]
    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    /// The test makes messages silent by hand; otherwise none may be in the end.
    pub(crate) fn allow_silence(&mut self) {
        self.may_be_silent = true;
    }

    /// A command of the binary in the folder, without the test's own environment.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.prepare(Command::new(&self.bin), arguments)
    }

    fn prepare(&self, mut command: Command, arguments: &[&str]) -> Command {
        let variables = self.variables.iter().map(|(name, value)| (name, value));
        command
            .args(arguments)
            .env_clear()
            .envs(variables)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, "")
    }

    /// Runs a command to its end, with this on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if !input.is_empty() {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().expect("the binary runs");
        if let Some(mut stdin) = child.stdin.take() {
            // A command that ends early does not read all of it.
            let _ = stdin.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes UTF-8");
        Done {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Runs a command that must succeed with `--json`, and gives its data.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Value {
        let done = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(done.code, 0, "{arguments:?}: {done:?}");
        if done.out.is_empty() {
            Value::Null
        } else {
            done.json()
        }
    }

    /// Starts the daemon and waits until it runs.
    pub(crate) fn start(&self) {
        self.launch();
        self.wait_log(" runs");
    }

    /// Starts the daemon.
    pub(crate) fn launch(&self) {
        let mut daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(daemon.is_none(), "it runs already");
        let mut command = match self.under.split_first() {
            None => self.command(&["run"]),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.bin);
                self.prepare(command, &["run"])
            }
        };
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let stderr = child.stderr.take().expect("it is piped");
        self.log.begin();
        let log = Arc::clone(&self.log);
        std::thread::spawn(move || log.take(BufReader::new(stderr)));
        *daemon = Some(child);
    }

    /// Kills the daemon as `kill -9` does.
    pub(crate) fn kill(&self) {
        let mut child = self.child();
        child.kill().expect("it runs");
        child.wait().expect("it was killed");
    }

    /// Asks the daemon to stop, and waits. Gives its exit code and how long it took.
    pub(crate) fn stop(&self) -> (i32, Duration) {
        let began = Instant::now();
        self.signal("TERM");
        (self.wait(), began.elapsed())
    }

    /// Waits until the daemon has ended by itself. Gives its exit code.
    pub(crate) fn wait(&self) -> i32 {
        let mut code = None;
        until("the daemon's end", || {
            code = self.ended();
            code.is_some()
        });
        code.unwrap_or(-1)
    }

    /// The exit code of the daemon, -1 after a signal, once it has ended by itself.
    pub(crate) fn ended(&self) -> Option<i32> {
        let mut daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        let child = daemon.as_mut().expect("it was started");
        let status = child.try_wait().expect("it is ours")?;
        *daemon = None;
        Some(status.code().unwrap_or(-1))
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status();
        assert!(sent.expect("there is a `kill`").success());
    }

    /// The daemon's process.
    pub(crate) fn pid(&self) -> u32 {
        let daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        daemon.as_ref().expect("it runs").id()
    }

    /// Has the daemon read its configuration again, and waits until it has.
    pub(crate) fn reload(&self) {
        const WORDS: &str = "the configuration was read again";
        let before = self.count_log(WORDS);
        self.signal("HUP");
        until("the reload", || self.count_log(WORDS) > before);
    }

    /// Waits for a line of the present daemon's log that contains `words`.
    pub(crate) fn wait_log(&self, words: &str) -> String {
        let end = Instant::now() + SOON;
        let mut lines = self.log.lock();
        loop {
            let new = lines.all[lines.from..].iter();
            if let Some(line) = new.rev().find(|line| line.contains(words)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            let over = left.is_zero() || lines.ended == lines.started;
            assert!(!over, "no line has `{words}`:\n{}", lines.all.join("\n"));
            let waited = self.log.grown.wait_timeout(lines, left);
            lines = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All that the daemons logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().all.join("\n")
    }

    /// How many lines of the log have these words.
    pub(crate) fn count_log(&self, words: &str) -> usize {
        let lines = self.log.lock();
        lines.all.iter().filter(|line| line.contains(words)).count()
    }

    /// Waits until `broca status` satisfies.
    pub(crate) fn wait_status(&self, what: &str, mut done: impl FnMut(&Value) -> bool) -> Value {
        let mut status = Value::Null;
        until(what, || {
            status = self.ask(&["status"]);
            done(&status)
        });
        status
    }

    /// Waits until no turn and no reply is left to be worked on, and nothing ended in silence.
    pub(crate) fn wait_idle(&self) {
        let status = self.wait_status("nothing left to do", nothing_waits);
        assert_none_silent(&status);
    }

    /// Nothing ended without anybody having seen an end.
    #[cfg(feature = "kill-points")]
    pub(crate) fn assert_none_silent(&self) {
        assert_none_silent(&self.ask(&["status"]));
    }

    /// Whether no turn and no reply is left to be worked on. Before the database is there, something is.
    pub(crate) fn is_idle(&self) -> bool {
        let done = self.run(&["status", "--json"]);
        done.code == 0 && nothing_waits(&done.json())
    }

    /// How many turns are in this state.
    pub(crate) fn turns(&self, state: &str) -> i64 {
        self.ask(&["status"])["stats"]["turns"][state]
            .as_i64()
            .unwrap_or(0)
    }

    /// How many parts were sent again although they may have arrived.
    pub(crate) fn repeats(&self) -> i64 {
        let status = self.ask(&["status"]);
        status["stats"]["repeated_parts"].as_i64().expect("a count")
    }

    fn child(&self) -> Child {
        let mut daemon = self.daemon.lock().unwrap_or_else(PoisonError::into_inner);
        daemon.take().expect("it runs")
    }
}

impl Drop for Broca {
    fn drop(&mut self) {
        let child = self
            .daemon
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(mut child) = child {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            note(&format!("--- the daemon's log ---\n{}", self.log()));
            return;
        }
        // Where a test broke the configuration or the database, there is nothing to ask.
        let status = self.run(&["status", "--json"]);
        if status.code == 0 && !self.may_be_silent {
            assert_none_silent(&status.json());
        }
    }
}

impl Log {
    fn lock(&self) -> std::sync::MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) {
        let mut lines = self.lock();
        lines.started += 1;
        lines.from = lines.all.len();
        lines.all.push("--- a daemon is started ---".to_owned());
    }

    fn take(&self, stderr: impl BufRead) {
        for line in stderr.lines().map_while(Result::ok) {
            self.lock().all.push(line);
            self.grown.notify_all();
        }
        self.lock().ended += 1;
        self.grown.notify_all();
    }
}

fn assert_none_silent(status: &Value) {
    let stats = &status["stats"];
    assert_eq!(stats["silent"], 0, "silent: {}", stats["silences"]);
}

fn nothing_waits(status: &Value) -> bool {
    status["stats"]["oldest_turn"].is_null() && status["stats"]["oldest_reply"].is_null()
}

/// Tells whoever reads the test's output.
#[expect(clippy::print_stderr, reason = "a test's output is for people")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// Waits until `done`, looking again and again.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !done() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::sleep(LOOK);
    }
}

/// A port that nobody listens on, outside the range that the system gives to connections, so that it
/// stays free while a daemon is down.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let base = u16::try_from(std::process::id() % 1_000).expect("below 1,000") * 11;
    loop {
        let port = 20_000 + (base + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
