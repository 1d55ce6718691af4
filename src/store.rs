//! The database: the queue, the outbox, and all that must survive.
//!
//! Queries are free functions over a [`Conn`], one text for both backends; [`Store`] runs them. What
//! differs by dialect is in `connection.rs`.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::error::{Code, Error, Result};
use crate::secret::Secret;

pub mod accept;
pub mod agent_ids;
pub mod change;
mod connection;
mod kept;
mod lock;
pub mod outbox;
pub mod people;
mod pool;
pub mod queue;
pub mod report;
pub mod schema;
pub mod shelf;
pub mod state;
mod writer;

pub use connection::{Conn, MigrationState, is_postgres};
pub use lock::Hold;

use writer::Writer;

/// The database of one instance. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: pool::Pool,
    /// SQLite has one writer at a time anyway; on PostgreSQL the pool writes.
    writer: Option<Arc<Writer>>,
}

impl Store {
    /// Opens the database at `url` (a path or `postgres://…`) for reading and writing, bringing its
    /// schema up to date. The caller holds the [`Hold`].
    pub fn open(url: &Secret, pool_size: usize) -> Result<Self> {
        let path = url.reveal();
        if !is_postgres(path) {
            make_private(Path::new(path))?;
        }
        let mut conn = Conn::open(path)?;
        conn.migrate()?;
        let writer = if is_postgres(path) {
            None
        } else {
            Some(Arc::new(Writer::start(conn, path)?))
        };
        Ok(Self {
            pool: pool::pool(url.clone(), pool_size),
            writer,
        })
    }

    /// Runs `work`, which only reads, on a connection of the pool.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        pool::run(&self.pool, work).await
    }

    /// Runs `work` in a transaction, and returns once it is committed. An error undoes it whole. It may be run
    /// again, where the transaction was undone for the sake of others; only what the last run wrote stands.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Send + 'static,
    {
        match &self.writer {
            Some(writer) => writer
                .run(work)
                .await
                .unwrap_or_else(|error| Err(gone(error))),
            None => pool::run(&self.pool, |conn| in_transaction(conn, work)).await,
        }
    }

    /// As [`Self::write`], from a thread that may block.
    pub fn write_here<T, F>(&self, runtime: &Handle, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Send + 'static,
    {
        match &self.writer {
            Some(writer) => writer
                .run(work)
                .blocking_recv()
                .unwrap_or_else(|error| Err(gone(error))),
            None => pool::run_here(runtime, &self.pool, |conn| in_transaction(conn, work)),
        }
    }

    /// As [`Self::read`], from a thread that may block.
    pub fn read_here<T>(
        &self,
        runtime: &Handle,
        work: impl FnOnce(&mut Conn) -> Result<T>,
    ) -> Result<T> {
        pool::run_here(runtime, &self.pool, work)
    }
}

/// Runs `work` in a transaction that writes from its start; for commands, which have one connection.
pub fn in_transaction<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    conn.begin()?;
    match work(conn) {
        Ok(done) => conn.commit().map(|()| done).map_err(Error::from),
        Err(error) => {
            let _ = conn.roll_back();
            Err(error)
        }
    }
}

/// Makes the SQLite file with mode 0600 where there is none. Only ever before SQLite opens it: closing
/// a file of one's own drops SQLite's locks on it.
pub(crate) fn make_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(Error::new(
            Code::StoreUnreachable,
            format!("cannot make `{}`: {error}", path.display()),
        )),
        _ => Ok(()),
    }
}

fn gone(_: oneshot::error::RecvError) -> Error {
    Error::new(
        Code::StoreFailed,
        "the database took no writes; the log says why",
    )
}
