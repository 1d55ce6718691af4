//! How the flow's statements run: on the connection itself, and prepared once.
//!
//! Over a `MultiConnection` Diesel writes a statement's text anew three times at each use, and it prepares
//! every `UPDATE` and every `IN` list anew, since their text may differ from one time to the next. Where
//! the text is one of a few, neither is needed, and together they cost more than the statements.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{
    AsChangeset, AstPass, IntoUpdateTarget, Query, QueryFragment, QueryId, UpdateTarget,
};
use diesel::{QueryResult, QuerySource, RunQueryDsl};

/// Runs `$query`, an expression that names `$conn`, on the connection behind it.
macro_rules! on {
    ($conn:ident, $query:expr) => {
        match $conn {
            #[cfg(feature = "postgres")]
            crate::store::Conn::Postgres($conn) => $query,
            #[cfg(feature = "sqlite")]
            crate::store::Conn::Sqlite($conn) => $query,
        }
    };
}

/// The statement `$query`, kept prepared. Its text is the same each time that it is run from here.
macro_rules! fixed {
    ($query:expr) => {{
        #[derive(diesel::query_builder::QueryId)]
        struct Here;
        crate::store::kept::Kept::<_, Here>::new($query)
    }};
}

/// Changes `$rows`, and gives how many there were. The text of the `UPDATE` is the same each time.
macro_rules! update {
    ($conn:ident, $rows:expr, $set:expr) => {{
        let update = crate::store::kept::fixed!(crate::store::kept::Update::new($rows, $set));
        crate::store::kept::on!($conn, update.execute($conn))
    }};
}

/// Adds `$row`, an insert, and gives the `$id` that the database numbers it with.
///
/// Without `RETURNING` on SQLite, which makes a trigger of it, with a table of its own and a journal of
/// the statement: it costs as much as the insert.
macro_rules! insert {
    ($conn:ident, $row:expr, $id:expr) => {
        match $conn {
            #[cfg(feature = "postgres")]
            crate::store::Conn::Postgres($conn) => $row.returning($id).get_result::<i64>($conn),
            #[cfg(feature = "sqlite")]
            crate::store::Conn::Sqlite($conn) => $row
                .execute($conn)
                .and_then(|_| crate::store::kept::last_row($conn)),
        }
    };
}

pub(super) use {fixed, insert, on, update};

/// The number of the row that this connection added last.
#[cfg(feature = "sqlite")]
pub(super) fn last_row(conn: &mut diesel::SqliteConnection) -> QueryResult<i64> {
    let id = diesel::dsl::sql::<diesel::sql_types::BigInt>("last_insert_rowid()");
    fixed!(diesel::select(id)).get_result(conn)
}

/// A statement that its connection keeps prepared, known by the type `I`, which names one text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<Q, I>(Q, PhantomData<I>);

/// Not known by a type: by its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByText;

impl<Q, I> Kept<Q, I> {
    /// The same statement, kept prepared.
    pub(super) const fn new(query: Q) -> Self {
        Self(query, PhantomData)
    }
}

/// Says of a statement that its text is one of a few.
pub(super) trait Keep: Sized {
    /// The same statement, kept prepared.
    fn kept(self) -> Kept<Self, ByText> {
        Kept::new(self)
    }
}

impl<Q> Keep for Q {}

impl<Q: QueryFragment<DB>, DB: Backend, I> QueryFragment<DB> for Kept<Q, I> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

impl QueryId for ByText {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q, I: QueryId> QueryId for Kept<Q, I> {
    type QueryId = I::QueryId;
    const HAS_STATIC_QUERY_ID: bool = I::HAS_STATIC_QUERY_ID;
}

impl<Q: Query, I> Query for Kept<Q, I> {
    type SqlType = Q::SqlType;
}

impl<Q, I, Conn> RunQueryDsl<Conn> for Kept<Q, I> {}

/// An `UPDATE` whose text is always the same. Diesel's own says that its is not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update<T, W, C> {
    table: T,
    which: W,
    set: C,
}

impl<T, W, C> Update<T, W, C> {
    /// Sets `set` on `rows`.
    pub(super) fn new<R, S, Tab>(rows: R, set: S) -> Self
    where
        R: IntoUpdateTarget<Table = Tab, WhereClause = W>,
        S: AsChangeset<Target = Tab, Changeset = C>,
        Tab: QuerySource<FromClause = T>,
    {
        let UpdateTarget {
            table,
            where_clause,
        } = rows.into_update_target();
        Self {
            table: table.from_clause(),
            which: where_clause,
            set: set.as_changeset(),
        }
    }
}

impl<T, W, C, DB> QueryFragment<DB> for Update<T, W, C>
where
    T: QueryFragment<DB>,
    W: QueryFragment<DB>,
    C: QueryFragment<DB>,
    DB: Backend,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.set.walk_ast(out.reborrow())?;
        self.which.walk_ast(out)
    }
}
