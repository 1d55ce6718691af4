//! SQLite's one writer: what waits together is committed together.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use diesel::{QueryResult, RunQueryDsl};
use tokio::sync::oneshot;

use crate::error::{Code, Error, Result};

use super::connection::Conn;
use super::kept::{Plain, on};

/// More pieces than this are not put into one transaction.
const MOST: usize = 256;

/// A piece of work.
type Job = Box<dyn FnOnce(&mut Conn) -> Ran + Send>;
/// Called once the commit is known.
type Answer = Box<dyn FnOnce(Result<()>) + Send>;

/// A piece of work that has run.
struct Ran {
    answer: Answer,
    /// Whether the transaction around it still stands.
    stands: bool,
}

/// Sends work to the writing thread.
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection of its own; `path` is opened again where that one breaks.
    pub(super) fn start(conn: Conn, path: &str) -> Result<Self> {
        let path = path.to_owned();
        let (jobs, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_all(conn, &path, &waiting))
            .map_err(|error| {
                Error::new(Code::StoreFailed, format!("no thread to write: {error}"))
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Queues `work`; its result comes once it is committed, or has failed.
    pub(super) fn run<T, F>(&self, work: F) -> oneshot::Receiver<Result<T>>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let (done, stands) = guarded(conn, work);
            let answer: Answer = Box::new(move |committed: Result<()>| {
                let _ = answer.send(done.and_then(|done| committed.map(|()| done)));
            });
            Ran { answer, stands }
        });
        if let Some(jobs) = &self.jobs {
            // A writer that is gone drops the job, and with it `answer`, which the receiver sees.
            let _ = jobs.send(job);
        }
        receiver
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_all(conn: Conn, path: &str, waiting: &Receiver<Job>) {
    let mut conn = Some(conn);
    while let Ok(first) = waiting.recv() {
        let mut jobs = VecDeque::from([first]);
        while jobs.len() < MOST
            && let Ok(job) = waiting.try_recv()
        {
            jobs.push_back(job);
        }
        while !jobs.is_empty() {
            conn = conn.or_else(|| reopen(path));
            let wrote = conn.as_mut().map(|conn| write(conn, &mut jobs));
            match wrote {
                Some(Ok(())) => {}
                Some(Err(())) => conn = None,
                // Each job hears that it was not run.
                None => jobs.clear(),
            }
        }
    }
}

fn reopen(path: &str) -> Option<Conn> {
    let opened = Conn::open(path);
    opened.map_err(|error| complain(&error)).ok()
}

/// Runs the jobs in one transaction, each in a savepoint, and answers them all after the commit. Fails
/// where the connection is to be used no more.
///
/// Some errors (a full disk) make SQLite undo the whole transaction by itself. Jobs after that are left
/// for the next one: run now, each would be committed alone, and then be told that it was not.
fn write(conn: &mut Conn, jobs: &mut VecDeque<Job>) -> std::result::Result<(), ()> {
    if let Err(error) = conn.begin() {
        jobs.clear();
        complain(&Error::from(error));
        return Err(());
    }
    let mut answers = Vec::new();
    let mut stands = true;
    while stands && let Some(job) = jobs.pop_front() {
        let ran = job(conn);
        stands = ran.stands;
        answers.push(ran.answer);
    }
    let committed = if stands {
        conn.commit().map_err(|error| error.to_string())
    } else {
        Err("another write broke the transaction".to_owned())
    };
    for answer in answers {
        answer(committed.clone().map_err(|words| failed_commit(&words)));
    }
    committed.map_err(|words| complain(&failed_commit(&words)))
}

fn failed_commit(words: &str) -> Error {
    Error::new(Code::StoreFailed, format!("the commit failed: {words}"))
}

fn complain(error: &Error) {
    log::error!(code = error.code.as_str(); "the database takes no writes: {error}");
}

/// One job in its savepoint, which undoes it alone where it fails or panics. Gives also whether the
/// transaction around it still stands.
fn guarded<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> (Result<T>, bool) {
    if let Err(error) = say(conn, "SAVEPOINT job") {
        return (Err(error.into()), false);
    }
    let done = catch_unwind(AssertUnwindSafe(|| work(conn))).unwrap_or_else(|_| {
        let words = "a panic in the midst of a database write";
        Err(Error::new(Code::InternalPanic, words))
    });
    match done {
        Ok(done) => match say(conn, "RELEASE job") {
            Ok(()) => (Ok(done), true),
            Err(error) => (Err(error.into()), false),
        },
        Err(error) => {
            let undone = say(conn, "ROLLBACK TO job").and_then(|()| say(conn, "RELEASE job"));
            (Err(error), undone.is_ok())
        }
    }
}

/// Diesel's own savepoints are prepared anew each time.
fn say(conn: &mut Conn, statement: &'static str) -> QueryResult<()> {
    on!(conn, Plain(statement).execute(conn)).map(|_| ())
}
