//! SQLite's one writer: what waits together is committed together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use diesel::Connection;
use tokio::sync::oneshot;

use crate::error::{Code, Error, Result};

use super::connection::Conn;

/// More pieces than this are not put into one transaction.
const MOST: usize = 256;

/// A piece of work; what it gives is called once the commit is known.
type Job = Box<dyn FnOnce(&mut Conn) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<()>) + Send>;

/// Sends work to the writing thread.
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection of its own.
    pub(super) fn start(conn: Conn) -> Result<Self> {
        let (jobs, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_all(conn, &waiting))
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
            let done = guarded(conn, work);
            Box::new(move |committed| {
                let _ = answer.send(committed.and(done));
            })
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

fn write_all(mut conn: Conn, waiting: &Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let mut jobs = vec![first];
        while jobs.len() < MOST
            && let Ok(job) = waiting.try_recv()
        {
            jobs.push(job);
        }
        write(&mut conn, jobs);
    }
}

/// Runs the jobs in one transaction, each in a savepoint, and answers them all after the commit.
fn write(conn: &mut Conn, jobs: Vec<Job>) {
    if let Err(error) = conn.begin() {
        let error = Error::from(error);
        // Not begun: each job hears so without having run.
        drop(jobs);
        log::error!(code = error.code.as_str(); "the database takes no writes: {error}");
        return;
    }
    let answers: Vec<Answer> = jobs.into_iter().map(|job| job(conn)).collect();
    let committed = conn.commit();
    if let Err(error) = &committed {
        log::error!(code = Code::StoreFailed.as_str(); "a commit failed: {error}");
        let _ = conn.roll_back();
    }
    for answer in answers {
        answer(
            committed
                .as_ref()
                .map(|()| ())
                .map_err(|error| failed_commit(error)),
        );
    }
}

fn failed_commit(error: &diesel::result::Error) -> Error {
    Error::new(Code::StoreFailed, format!("the commit failed: {error}"))
}

/// One job in its savepoint. A panic undoes it alone.
fn guarded<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    conn.transaction(|conn| {
        catch_unwind(AssertUnwindSafe(|| work(conn))).unwrap_or_else(|_| {
            Err(Error::new(
                Code::InternalPanic,
                "a panic in the midst of a database write",
            ))
        })
    })
}
