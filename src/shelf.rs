//! What an endpoint remembers of its own, without knowing a store.

use crate::error::Result;
use crate::time::Timestamp;

/// A value on a shelf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Grows with each value added to the shelf; never used twice.
    pub number: i64,
    /// What names it within its drawer.
    pub key: String,
    /// The value.
    pub value: String,
}

/// How long a value stays, and whose it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// Gone after this moment; `None` stays.
    pub until: Option<Timestamp>,
    /// The person it belongs to, so that it goes when they are forgotten.
    pub person: Option<i64>,
}

/// A small durable storage of drawers, one shelf an endpoint. Every method blocks, and has committed
/// when it returns.
pub trait Shelf: Send + Sync {
    /// Adds a value, unless the key has one. Gives what now stands there, and whether it is new.
    fn add(&self, drawer: &str, key: &str, value: &str, keep: Keep) -> Result<(Kept, bool)>;

    /// Sets a value, whether or not the key had one.
    fn put(&self, drawer: &str, key: &str, value: &str, keep: Keep) -> Result<()>;

    /// The key's value.
    fn get(&self, drawer: &str, key: &str) -> Result<Option<Kept>>;

    /// Up to `most` values of numbers above `number`, in the order in which they were added.
    fn after(&self, drawer: &str, number: i64, most: usize) -> Result<Vec<Kept>>;

    /// Takes the key's value away, if there is one.
    fn remove(&self, drawer: &str, key: &str) -> Result<()>;
}

/// A shelf that remembers nothing, for an endpoint that is only looked at.
#[derive(Debug, Clone, Copy)]
pub struct NoShelf;

impl Shelf for NoShelf {
    fn add(&self, _: &str, key: &str, value: &str, _: Keep) -> Result<(Kept, bool)> {
        let number = Timestamp::now().0;
        Ok((
            Kept {
                number,
                key: key.to_owned(),
                value: value.to_owned(),
            },
            true,
        ))
    }

    fn put(&self, _: &str, _: &str, _: &str, _: Keep) -> Result<()> {
        Ok(())
    }

    fn get(&self, _: &str, _: &str) -> Result<Option<Kept>> {
        Ok(None)
    }

    fn after(&self, _: &str, _: i64, _: usize) -> Result<Vec<Kept>> {
        Ok(Vec::new())
    }

    fn remove(&self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }
}
