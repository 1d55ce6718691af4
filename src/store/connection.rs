//! All that differs between the databases: opening, migrating, taking the write lock.

use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DbError};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::{Code, Error, Result};
use crate::kill;
use crate::secret::redact_url;

use super::schema::conversations;

#[cfg(feature = "sqlite")]
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// The class of the advisory locks of [`Conn::alone`].
#[cfg(feature = "postgres")]
const ALONE: i32 = 78_126_203;

/// What a new connection to SQLite is told. `FULL`: a queue that acknowledges must not lose a commit to
/// a power cut.
#[cfg(feature = "sqlite")]
const PRAGMAS: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                       PRAGMA foreign_keys = ON; PRAGMA cache_size = -1024;";

/// A connection to either database. Queries are written once, for both.
#[derive(diesel::MultiConnection)]
pub enum Conn {
    /// PostgreSQL.
    #[cfg(feature = "postgres")]
    Postgres(diesel::PgConnection),
    /// SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(diesel::SqliteConnection),
}

/// Whether `url` names a PostgreSQL server; everything else is a path.
pub fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

/// A migration's name, and whether it has been applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationState {
    /// The folder's name.
    pub name: String,
    /// Whether the database has it.
    pub applied: bool,
}

impl Conn {
    /// Opens the database at `url`. Migrates nothing.
    pub fn open(url: &str) -> Result<Self> {
        if is_postgres(url) {
            open_postgres(url)
        } else {
            open_sqlite(url)
        }
    }

    /// Brings the schema up to this version. Safe where several do so at once.
    pub fn migrate(&mut self) -> Result<usize> {
        self.migrations_lock("lock")?;
        let run = match self.run_pending() {
            // SQLite has no lock to take: another may have done it first.
            Err(error) if error.code == Code::StoreFailed && self.is_current() => Ok(0),
            run => run,
        };
        self.migrations_lock("unlock")?;
        run
    }

    fn is_current(&mut self) -> bool {
        let all = self.migrations();
        all.is_ok_and(|all| all.iter().all(|one| one.applied))
    }

    /// `lock`s or `unlock`s migrations on this database.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unnecessary_wraps, reason = "a server can fail")
    )]
    fn migrations_lock(&mut self, verb: &str) -> Result<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => {
                Ok(conn.batch_execute(&format!("SELECT pg_advisory_{verb}(78126201)"))?)
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {
                let _ = verb;
                Ok(())
            }
        }
    }

    fn run_pending(&mut self) -> Result<usize> {
        self.refuse_newer()?;
        let run = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => conn.run_pending_migrations(POSTGRES).map(|done| done.len()),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => conn.run_pending_migrations(SQLITE).map(|done| done.len()),
        };
        run.map_err(|error| Error::new(Code::StoreFailed, format!("a migration failed: {error}")))
    }

    /// Undoes the latest migration, and gives its name.
    pub fn rollback(&mut self) -> Result<String> {
        let run = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => conn
                .revert_last_migration(POSTGRES)
                .map(|name| name.to_string()),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => conn
                .revert_last_migration(SQLITE)
                .map(|name| name.to_string()),
        };
        run.map_err(|error| Error::new(Code::StoreFailed, format!("the rollback failed: {error}")))
    }

    /// Every migration that this binary or the database knows.
    pub fn migrations(&mut self) -> Result<Vec<MigrationState>> {
        let (known, applied) = self.versions()?;
        let mut all: Vec<_> = known
            .iter()
            .map(|name| MigrationState {
                name: name.clone(),
                applied: applied.contains(&version(name)),
            })
            .collect();
        let strange = applied
            .iter()
            .filter(|one| !known.iter().any(|name| &version(name) == *one));
        all.extend(strange.map(|one| MigrationState {
            name: one.clone(),
            applied: true,
        }));
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Fails with `store.schema-newer` where the database has a migration that this binary lacks.
    fn refuse_newer(&mut self) -> Result<()> {
        let (known, applied) = self.versions()?;
        match applied
            .iter()
            .find(|one| !known.iter().any(|name| &version(name) == *one))
        {
            None => Ok(()),
            Some(one) => Err(Error::new(
                Code::StoreNewer,
                format!("the database has the migration `{one}`, which this version does not know"),
            )),
        }
    }

    /// Fails where the schema is not the one of this binary.
    pub fn require_current(&mut self) -> Result<()> {
        self.refuse_newer()?;
        match self.migrations()?.iter().find(|one| !one.applied) {
            None => Ok(()),
            Some(one) => Err(Error::new(
                Code::StoreFailed,
                format!("the database lacks the migration `{}`", one.name),
            )
            .hint("run `broca db migrate`, or start the daemon")),
        }
    }

    fn versions(&mut self) -> Result<(Vec<String>, Vec<String>)> {
        use diesel::migration::MigrationSource;
        fn names<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Vec<String> {
            let all = MigrationSource::<DB>::migrations(source).unwrap_or_default();
            all.iter().map(|one| one.name().to_string()).collect()
        }
        let (known, applied) = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => (
                names::<diesel::pg::Pg>(&POSTGRES),
                conn.applied_migrations(),
            ),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => (
                names::<diesel::sqlite::Sqlite>(&SQLITE),
                conn.applied_migrations(),
            ),
        };
        let applied = applied.map_err(|error| {
            Error::new(
                Code::StoreUnreachable,
                format!("the schema is unreadable: {error}"),
            )
        })?;
        Ok((known, applied.iter().map(ToString::to_string).collect()))
    }

    /// Keeps other transactions of the same `purpose` out until this one ends: what one of them chose or
    /// numbered is then visible to the next. SQLite has one writer at a time anyway.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unnecessary_wraps, reason = "a server can fail")
    )]
    pub(super) fn alone(&mut self, purpose: &str) -> QueryResult<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => {
                use diesel::sql_types::{Integer, Text};
                let lock =
                    "SELECT pg_advisory_xact_lock($1, hashtext(current_schema() || ' ' || $2))";
                let lock = diesel::sql_query(lock).bind::<Integer, _>(ALONE);
                lock.bind::<Text, _>(purpose).execute(conn).map(|_| ())
            }
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => {
                let _ = purpose;
                Ok(())
            }
        }
    }

    /// Whether replies can reach a conversation; nobody changes that before this transaction ends.
    pub(super) fn reachable(&mut self, conversation: i64) -> QueryResult<bool> {
        let row = conversations::table
            .find(conversation)
            .select(conversations::reachable);
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => row.for_share().first(conn),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => row.first(conn),
        }
    }

    /// Begins a transaction that holds the write lock from its start.
    ///
    /// SQLite upgrades a deferred transaction from reader to writer midway, and fails at once with
    /// `SQLITE_BUSY` if another writer got there first; `BEGIN IMMEDIATE` waits instead.
    pub(super) fn begin(&mut self) -> QueryResult<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => AnsiTransactionManager::begin_transaction(conn),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => {
                AnsiTransactionManager::begin_transaction_sql(conn, "BEGIN IMMEDIATE")
            }
        }
    }

    /// Commits what [`Self::begin`] began, or rolls it back where that fails.
    pub(super) fn commit(&mut self) -> QueryResult<()> {
        kill::point(&"commit", "before");
        let done = match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => AnsiTransactionManager::commit_transaction(conn),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => AnsiTransactionManager::commit_transaction(conn),
        };
        kill::point(&"commit", "after");
        done
    }

    /// Undoes what [`Self::begin`] began.
    pub(super) fn roll_back(&mut self) -> QueryResult<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => AnsiTransactionManager::rollback_transaction(conn),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => AnsiTransactionManager::rollback_transaction(conn),
        }
    }
}

/// Diesel stores a migration's version: its name up to the first `_`, without the dashes.
fn version(name: &str) -> String {
    name.split('_').next().unwrap_or(name).replace('-', "")
}

#[cfg(feature = "postgres")]
fn open_postgres(url: &str) -> Result<Conn> {
    diesel::PgConnection::establish(url)
        .map(Conn::Postgres)
        .map_err(|error| unreachable(url, &error))
}

#[cfg(not(feature = "postgres"))]
fn open_postgres(url: &str) -> Result<Conn> {
    let words = format!(
        "`{}` needs PostgreSQL, which is not in this build",
        redact_url(url)
    );
    Err(Error::new(Code::ConfigInvalid, words)
        .hint("rebuild with `--features postgres`, or name a file"))
}

#[cfg(feature = "sqlite")]
fn open_sqlite(path: &str) -> Result<Conn> {
    let mut conn =
        diesel::SqliteConnection::establish(path).map_err(|error| unreachable(path, &error))?;
    conn.batch_execute(PRAGMAS)
        .map_err(|error| unreachable(path, &error))?;
    Ok(Conn::Sqlite(conn))
}

#[cfg(not(feature = "sqlite"))]
fn open_sqlite(path: &str) -> Result<Conn> {
    let words = format!("`{path}` needs SQLite, which is not in this build");
    Err(Error::new(Code::ConfigInvalid, words)
        .hint("rebuild with `--features sqlite`, or name a server"))
}

fn unreachable(url: &str, error: &dyn std::fmt::Display) -> Error {
    let words = error.to_string();
    let words = words.lines().next().unwrap_or_default();
    let shown = redact_url(url);
    // The driver quotes what it cannot read of an address, be it a piece of the password.
    let mut quoted = words.split('"').skip(1).step_by(2);
    let words = if quoted.any(|piece| url.contains(piece) && !shown.contains(piece)) {
        "the address cannot be read; encode special characters of the password"
    } else {
        words
    };
    Error::new(
        Code::StoreUnreachable,
        format!("cannot open `{shown}`: {words}"),
    )
}

impl From<DbError> for Error {
    fn from(error: DbError) -> Self {
        let code = match &error {
            DbError::DatabaseError(DatabaseErrorKind::ClosedConnection, _) => {
                Code::StoreUnreachable
            }
            DbError::NotFound => Code::NotFound,
            _ => Code::StoreFailed,
        };
        Self::new(code, format!("the database says: {error}"))
    }
}

#[cfg(all(test, feature = "postgres"))]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_opened_tells_no_password() {
        for url in [
            "postgres://me:s3cret@127.0.0.1:1/x",
            "postgres://me:s3cret%zz@127.0.0.1:1/x",
            "postgres://me:s3cret/w@127.0.0.1:1/x",
            "postgres://me:s3cret@[127.0.0.1:1/x",
            "postgres://127.0.0.1:1/x?user=me&password=s3cret",
            "postgres://127.0.0.1:1/x?password=s3cret%zz",
            "postgres://127.0.0.1:1/x?s3cret",
        ] {
            let error = Conn::open(url).err().expect("nobody listens there");
            let told = format!("{error:?} {error}");
            assert!(!told.contains("s3cret"), "{told}");
        }
    }
}
