//! SQLite's one writer: what waits together is committed together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::error::{Code, Error, Result};

use super::connection::Conn;

/// More pieces than this are not put into one transaction.
const MOST: usize = 256;

/// A piece of work that someone waits for.
trait Job: Send {
    /// Runs it in the transaction that is open. `false` where that is to be undone. May be run again.
    fn run(&mut self, conn: &mut Conn) -> bool;

    /// Tells what came of its last run, or else the trouble around it.
    fn answer(self: Box<Self>, trouble: Option<&Error>);
}

struct Piece<T, F> {
    work: F,
    done: Option<Result<T>>,
    answer: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Piece<T, F>
where
    T: Send,
    F: Fn(&mut Conn) -> Result<T> + Send,
{
    fn run(&mut self, conn: &mut Conn) -> bool {
        let done = catch_unwind(AssertUnwindSafe(|| (self.work)(conn))).unwrap_or_else(|_| {
            let words = "a panic in the midst of a database write";
            Err(Error::new(Code::InternalPanic, words))
        });
        self.done.insert(done).is_ok()
    }

    fn answer(self: Box<Self>, trouble: Option<&Error>) {
        let trouble = trouble.map(|error| Err(error.again()));
        if let Some(done) = trouble.or(self.done) {
            let _ = self.answer.send(done);
        }
    }
}

/// Sends work to the writing thread.
pub(super) struct Writer {
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on a connection of its own; `path` is opened again where that one breaks.
    pub(super) fn start(conn: Conn, path: &str) -> Result<Self> {
        let path = path.to_owned();
        let (jobs, waiting) = channel();
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                let mut desk = Desk {
                    conn: Some(conn),
                    path,
                };
                while let Ok(first) = waiting.recv() {
                    let more = waiting.try_iter().take(MOST - 1);
                    desk.write(std::iter::once(first).chain(more).collect());
                }
            })
            .map_err(|error| {
                Error::new(Code::StoreFailed, format!("no thread to write: {error}"))
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Queues `work`; its result comes once it is committed, or has failed. It may be run more than once, and
    /// only the last time counts.
    pub(super) fn run<T, F>(&self, work: F) -> oneshot::Receiver<Result<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Send + 'static,
    {
        let (answer, receiver) = oneshot::channel();
        let job = Box::new(Piece {
            work,
            done: None,
            answer,
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

/// Where the jobs are run.
struct Desk {
    /// `None` once it broke, until it is opened again.
    conn: Option<Conn>,
    path: String,
}

impl Desk {
    /// Runs the jobs in one transaction, and answers them after the commit. Where one of them fails, they are run
    /// again: those before it, itself, and those after it, each in a transaction of their own.
    ///
    /// Savepoints would spare that, at the cost of two statements and a copy of every page changed for each
    /// job that does not fail; and some errors (a full disk) undo the whole transaction anyway.
    fn write(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        let trouble = match self.transact(&mut jobs) {
            Ok(Some(failed)) if jobs.len() > 1 => {
                let after = jobs.split_off(failed + 1);
                let alone = jobs.split_off(failed);
                let parts = [jobs, alone, after].into_iter();
                return parts
                    .filter(|jobs| !jobs.is_empty())
                    .for_each(|jobs| self.write(jobs));
            }
            Ok(_) => None,
            Err(error) => {
                log::error!(code = error.code.as_str(); "the database takes no writes: {error}");
                Some(error)
            }
        };
        for job in jobs {
            job.answer(trouble.as_ref());
        }
    }

    /// Gives the place of a job that failed, and then nothing was written. A connection on which anything else
    /// fails is used no more.
    fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<Option<usize>> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => Conn::open(&self.path)?,
        };
        conn.begin()?;
        let failed = jobs.iter_mut().position(|job| !job.run(&mut conn));
        let ended = match failed {
            None => conn.commit(),
            Some(_) => conn.roll_back(),
        };
        match ended {
            Ok(()) => self.conn = Some(conn),
            Err(error) if failed.is_none() => {
                let words = format!("the commit failed: {error}");
                return Err(Error::new(Code::StoreFailed, words));
            }
            Err(_) => {}
        }
        Ok(failed)
    }
}
