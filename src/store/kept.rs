//! How the flow's statements run: on the connection itself, and prepared once.
//!
//! Over a `MultiConnection` Diesel writes a statement's text anew three times at each use, and it prepares
//! every `UPDATE` and every `IN` list anew, since their text may differ from one time to the next. Where
//! the text is one of a few, neither is needed, and together they cost more than the statements.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::{QueryResult, RunQueryDsl};

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

/// Changes `$rows`, and gives how many there were. The text of the `UPDATE` is the same each time;
/// `$key` is a column of numbers.
macro_rules! update {
    ($conn:ident, $rows:expr, $set:expr, $key:expr) => {{
        let update = diesel::update($rows).set($set).returning($key);
        let update = crate::store::kept::fixed!(update);
        let changed: diesel::QueryResult<Vec<i64>> =
            crate::store::kept::on!($conn, update.load($conn));
        changed.map(|rows| rows.len())
    }};
}

pub(super) use {fixed, on, update};

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

/// A statement without values.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain(pub(super) &'static str);

impl<DB: Backend> QueryFragment<DB> for Plain {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(self.0);
        Ok(())
    }
}

impl QueryId for Plain {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Conn> RunQueryDsl<Conn> for Plain {}
