//! One daemon a database.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::error::{Code, Error, Result};

use super::connection::{Conn, is_postgres};

/// The advisory lock's number on PostgreSQL; with the current schema's name it tells instances apart.
#[cfg(feature = "postgres")]
const CLASS: i32 = 78_126_202;

/// Proof of being the only daemon on a database, until dropped.
pub struct Hold(Kind);

enum Kind {
    /// A locked file beside the SQLite file. The file stays: removing it would let two hold "it".
    File { _file: File },
    /// A session's lock on a connection of its own.
    #[cfg(feature = "postgres")]
    Session(Box<Conn>),
}

impl Hold {
    /// Takes the lock, or fails with `store.held`, naming the process where that is known.
    pub fn take(url: &str) -> Result<Self> {
        if is_postgres(url) {
            take_session(url)
        } else {
            take_file(url)
        }
    }

    /// Whether the lock is still ours. (A server that restarts forgets it.)
    pub fn is_held(&mut self) -> bool {
        match &mut self.0 {
            Kind::File { .. } => true,
            #[cfg(feature = "postgres")]
            Kind::Session(conn) => {
                use diesel::connection::SimpleConnection;
                conn.batch_execute("SELECT 1").is_ok()
            }
        }
    }
}

fn take_file(path: &str) -> Result<Hold> {
    let path = format!("{path}.lock");
    let unusable = |error: std::io::Error| {
        Error::new(
            Code::StoreUnreachable,
            format!("cannot use `{path}`: {error}"),
        )
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(held(&mut file, &path)),
        Err(TryLockError::Error(error)) => return Err(unusable(error)),
    }
    file.set_len(0)
        .and_then(|()| write!(file, "{}", std::process::id()))
        .map_err(unusable)?;
    Ok(Hold(Kind::File { _file: file }))
}

fn held(file: &mut File, path: &str) -> Error {
    let mut pid = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut pid));
    let who = if pid.is_empty() {
        "another process".to_owned()
    } else {
        format!("process {pid}")
    };
    let database = Path::new(path).with_extension("");
    Error::new(
        Code::StoreHeld,
        format!("{who} already runs on `{}`", database.display()),
    )
}

#[cfg(feature = "postgres")]
fn take_session(url: &str) -> Result<Hold> {
    use diesel::prelude::*;
    use diesel::sql_types::{Bool, Integer};
    #[derive(QueryableByName)]
    struct Taken {
        #[diesel(sql_type = Bool)]
        taken: bool,
    }
    let mut conn = Conn::open(url)?;
    let inner = match &mut conn {
        Conn::Postgres(inner) => inner,
        #[cfg(feature = "sqlite")]
        Conn::Sqlite(_) => unreachable!("a postgres url opens a postgres connection"),
    };
    let taken: Taken =
        diesel::sql_query("SELECT pg_try_advisory_lock($1, hashtext(current_schema())) AS taken")
            .bind::<Integer, _>(CLASS)
            .get_result(inner)?;
    if taken.taken {
        return Ok(Hold(Kind::Session(Box::new(conn))));
    }
    Err(Error::new(
        Code::StoreHeld,
        "another process already runs on this database",
    ))
}

#[cfg(not(feature = "postgres"))]
fn take_session(url: &str) -> Result<Hold> {
    Conn::open(url).map(|_| unreachable!("without the feature it cannot be opened"))
}
