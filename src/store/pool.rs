//! A pool of connections, with a manager that tells the true reason of a failure and sets up each
//! connection. (The stock manager over a multi-connection forgets why opening failed.)

use std::sync::Arc;

use deadpool::managed::{Manager, Metrics, Object, PoolError, RecycleError, RecycleResult};
use deadpool_diesel::Connection;
use tokio::runtime::Handle;

use crate::error::{Code, Error, Result};
use crate::secret::Secret;

use super::connection::Conn;

/// Opens connections to one database.
#[derive(Debug)]
pub(super) struct Opener {
    pub(super) url: Arc<Secret>,
}

impl Manager for Opener {
    type Type = Connection<Conn>;
    type Error = Error;

    async fn create(&self) -> Result<Self::Type> {
        let url = Arc::clone(&self.url);
        Connection::new(deadpool_diesel::Runtime::Tokio1, move || {
            Conn::open(url.reveal())
        })
        .await
    }

    async fn recycle(&self, conn: &mut Self::Type, _: &Metrics) -> RecycleResult<Error> {
        // Whether a server is still there shows with the next query; see `judge`.
        if conn.is_mutex_poisoned() {
            return Err(RecycleError::message("a panic broke the connection"));
        }
        Ok(())
    }
}

/// The pool of one database.
pub(super) type Pool = deadpool::managed::Pool<Opener>;

/// A pool of up to `size` connections; none is opened yet.
pub(super) fn pool(url: Secret, size: usize) -> Pool {
    let opener = Opener { url: Arc::new(url) };
    Pool::builder(opener)
        .max_size(size)
        .build()
        .expect("only timeouts need a runtime, and none is set")
}

/// Runs `work` on a connection of the pool.
pub(super) async fn run<T, F>(pool: &Pool, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
{
    let conn = get(pool).await?;
    let done = conn.interact(work).await.unwrap_or_else(|error| {
        Err(Error::new(
            Code::InternalPanic,
            format!("a query did not end: {error}"),
        ))
    });
    judge(conn, done)
}

/// As [`run`], on this thread, which may block.
pub(super) fn run_here<T>(
    runtime: &Handle,
    pool: &Pool,
    work: impl FnOnce(&mut Conn) -> Result<T>,
) -> Result<T> {
    // A connection that is given up is closed in the background, for which there must be a runtime.
    let _inside = runtime.enter();
    let conn = runtime.block_on(get(pool))?;
    let done = match conn.lock() {
        Ok(mut here) => work(&mut here),
        Err(_) => Err(Error::new(
            Code::InternalPanic,
            "a panic broke the connection",
        )),
    };
    judge(conn, done)
}

async fn get(pool: &Pool) -> Result<Object<Opener>> {
    pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => error,
        other => Error::new(
            Code::StoreUnreachable,
            format!("no connection is free: {other}"),
        ),
    })
}

/// Takes a connection out of the pool whose database failed: a new one tells whether it is still there.
fn judge<T>(conn: Object<Opener>, done: Result<T>) -> Result<T> {
    let broken = |error: &Error| matches!(error.code, Code::StoreFailed | Code::StoreUnreachable);
    if done.as_ref().is_err_and(broken) {
        drop(Object::take(conn));
    }
    done
}
