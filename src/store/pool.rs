//! A pool of connections, with a manager that tells the true reason of a failure and sets up each
//! connection. (The stock manager over a multi-connection forgets why opening failed.)

use std::sync::Arc;

use deadpool::managed::{Manager, Metrics, RecycleResult};
use deadpool_diesel::Connection;

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
        if conn.is_mutex_poisoned() {
            return Err(deadpool::managed::RecycleError::message(
                "a panic broke the connection",
            ));
        }
        let alive = conn.interact(Conn::is_alive).await;
        let dead = || Error::new(Code::StoreUnreachable, "the connection is dead").into();
        alive.unwrap_or(false).then_some(()).ok_or_else(dead)
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
    use deadpool::managed::PoolError;
    let conn = pool.get().await.map_err(|error| match error {
        PoolError::Backend(error) => error,
        other => Error::new(
            Code::StoreUnreachable,
            format!("no connection is free: {other}"),
        ),
    })?;
    conn.interact(work)
        .await
        .map_err(|error| Error::new(Code::InternalPanic, format!("a query did not end: {error}")))?
}

impl Conn {
    fn is_alive(&mut self) -> bool {
        match self {
            // A file does not go away; a server does.
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => true,
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => {
                diesel::connection::SimpleConnection::batch_execute(conn, "").is_ok()
            }
        }
    }
}
