//! Endpoints' shelves in the database.

use diesel::prelude::*;
use tokio::runtime::Handle;

use crate::error::Result;
use crate::shelf::{Keep, Kept, Shelf};
use crate::time::Timestamp;

use super::schema::shelf;
use super::{Conn, Store, kept};

/// The shelf of one endpoint.
pub struct StoreShelf {
    store: Store,
    endpoint: String,
    runtime: Handle,
}

impl StoreShelf {
    /// The shelf of `endpoint`. Called from within the runtime that `store` works on.
    pub fn new(store: Store, endpoint: &str) -> Self {
        Self {
            store,
            endpoint: endpoint.to_owned(),
            runtime: Handle::current(),
        }
    }

    fn run<T: Send + 'static>(
        &self,
        drawer: &str,
        work: impl Fn(&mut Conn, &str, &str) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (endpoint, drawer) = (self.endpoint.clone(), drawer.to_owned());
        self.store.write_here(&self.runtime, move |conn| {
            // One after the other: a reader that has seen a number must have seen all below it.
            conn.alone(&format!("shelf {endpoint}"))?;
            work(conn, &endpoint, &drawer)
        })
    }

    fn read<T>(&self, work: impl FnOnce(&mut Conn, &str) -> Result<T>) -> Result<T> {
        self.store
            .read_here(&self.runtime, |conn| work(conn, &self.endpoint))
    }
}

impl Shelf for StoreShelf {
    fn add(&self, drawer: &str, key: &str, value: &str, keep: Keep) -> Result<(Kept, bool)> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.run(drawer, move |conn, endpoint, drawer| {
            if let Some(old) = find(conn, endpoint, drawer, &key)? {
                return Ok((old, false));
            }
            take_away(conn, endpoint, drawer, &key)?;
            let number = insert(conn, endpoint, drawer, &key, &value, keep)?;
            let (key, value) = (key.clone(), value.clone());
            Ok((Kept { number, key, value }, true))
        })
    }

    fn put(&self, drawer: &str, key: &str, value: &str, keep: Keep) -> Result<()> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.run(drawer, move |conn, endpoint, drawer| {
            let Some(old) = find(conn, endpoint, drawer, &key)? else {
                take_away(conn, endpoint, drawer, &key)?;
                return insert(conn, endpoint, drawer, &key, &value, keep).map(|_| ());
            };
            diesel::update(shelf::table.find(old.number))
                .set((
                    shelf::value.eq(&value),
                    shelf::person.eq(keep.person),
                    shelf::expires_at.eq(keep.until.map(|at| at.0)),
                ))
                .execute(conn)?;
            Ok(())
        })
    }

    fn get(&self, drawer: &str, key: &str) -> Result<Option<Kept>> {
        self.read(|conn, endpoint| find(conn, endpoint, drawer, key))
    }

    fn after(&self, drawer: &str, number: i64, most: usize) -> Result<Vec<Kept>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.read(|conn, endpoint| {
            let rows: Vec<(i64, String, String)> = shelf::table
                .filter(shelf::endpoint.eq(endpoint).and(shelf::drawer.eq(drawer)))
                .filter(shelf::id.gt(number))
                .filter(stays(Timestamp::now()))
                .order(shelf::id)
                .limit(most)
                .select((shelf::id, shelf::key, shelf::value))
                .load(conn)?;
            Ok(rows
                .into_iter()
                .map(|(number, key, value)| Kept { number, key, value })
                .collect())
        })
    }

    fn remove(&self, drawer: &str, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.run(drawer, move |conn, endpoint, drawer| {
            take_away(conn, endpoint, drawer, &key)
        })
    }
}

type Stays = diesel::dsl::Or<
    diesel::dsl::IsNull<shelf::expires_at>,
    diesel::dsl::Gt<shelf::expires_at, i64>,
>;

/// What has expired is gone, whether or not it has been swept yet.
fn stays(now: Timestamp) -> Stays {
    shelf::expires_at.is_null().or(shelf::expires_at.gt(now.0))
}

fn take_away(conn: &mut Conn, endpoint: &str, drawer: &str, key: &str) -> Result<()> {
    let row = shelf::table
        .filter(shelf::endpoint.eq(endpoint).and(shelf::drawer.eq(drawer)))
        .filter(shelf::key.eq(key));
    diesel::delete(row).execute(conn)?;
    Ok(())
}

fn find(conn: &mut Conn, endpoint: &str, drawer: &str, key: &str) -> Result<Option<Kept>> {
    let row: Option<(i64, String, String)> = shelf::table
        .filter(shelf::endpoint.eq(endpoint).and(shelf::drawer.eq(drawer)))
        .filter(shelf::key.eq(key))
        .filter(stays(Timestamp::now()))
        .select((shelf::id, shelf::key, shelf::value))
        .first(conn)
        .optional()?;
    Ok(row.map(|(number, key, value)| Kept { number, key, value }))
}

fn insert(
    conn: &mut Conn,
    endpoint: &str,
    drawer: &str,
    key: &str,
    value: &str,
    keep: Keep,
) -> Result<i64> {
    let value = diesel::insert_into(shelf::table).values((
        shelf::endpoint.eq(endpoint),
        shelf::drawer.eq(drawer),
        shelf::key.eq(key),
        shelf::value.eq(value),
        shelf::person.eq(keep.person),
        shelf::expires_at.eq(keep.until.map(|at| at.0)),
    ));
    Ok(kept::insert!(conn, value, shelf::id)?)
}

/// Takes what has expired off every shelf, up to `most` values. Gives how many there were.
pub fn sweep(conn: &mut Conn, now: Timestamp, most: i64) -> Result<usize> {
    let old: Vec<i64> = shelf::table
        .filter(
            shelf::expires_at
                .is_not_null()
                .and(shelf::expires_at.le(now.0)),
        )
        .limit(most)
        .select(shelf::id)
        .load(conn)?;
    Ok(diesel::delete(shelf::table.filter(shelf::id.eq_any(old))).execute(conn)?)
}
