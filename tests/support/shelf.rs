//! A shelf in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use broca::error::Result;
use broca::shelf::{Keep, Kept, Shelf};
use broca::time::Timestamp;

#[derive(Default)]
pub(crate) struct MemoryShelf(Mutex<State>);

#[derive(Default)]
struct State {
    newest: i64,
    rows: BTreeMap<i64, (String, Kept, Keep)>,
}

impl MemoryShelf {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this")
    }
}

impl State {
    fn number_of(&self, drawer: &str, key: &str) -> Option<i64> {
        let now = Timestamp::now();
        let mut rows = self.rows.iter();
        let row = rows.find(|(_, (place, kept, keep))| {
            place == drawer && kept.key == key && keep.until.is_none_or(|until| until > now)
        });
        row.map(|(number, _)| *number)
    }

    fn insert(&mut self, drawer: &str, key: &str, value: &str, keep: Keep) -> Kept {
        self.newest += 1;
        let kept = Kept {
            number: self.newest,
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let row = (drawer.to_owned(), kept.clone(), keep);
        self.rows.insert(self.newest, row);
        kept
    }
}

impl Shelf for MemoryShelf {
    fn add(&self, drawer: &str, key: &str, value: &str, keep: Keep) -> Result<(Kept, bool)> {
        let mut state = self.state();
        if let Some(number) = state.number_of(drawer, key) {
            return Ok((state.rows[&number].1.clone(), false));
        }
        Ok((state.insert(drawer, key, value, keep), true))
    }

    fn put(&self, drawer: &str, key: &str, value: &str, keep: Keep) -> Result<()> {
        let mut state = self.state();
        if let Some(number) = state.number_of(drawer, key) {
            state.rows.remove(&number);
        }
        state.insert(drawer, key, value, keep);
        Ok(())
    }

    fn get(&self, drawer: &str, key: &str) -> Result<Option<Kept>> {
        let state = self.state();
        let number = state.number_of(drawer, key);
        Ok(number.map(|number| state.rows[&number].1.clone()))
    }

    fn after(&self, drawer: &str, number: i64, most: usize) -> Result<Vec<Kept>> {
        let state = self.state();
        let rows = state.rows.range(number.saturating_add(1)..);
        let rows = rows.filter(|(_, (place, ..))| place == drawer).take(most);
        Ok(rows.map(|(_, (_, kept, _))| kept.clone()).collect())
    }

    fn remove(&self, drawer: &str, key: &str) -> Result<()> {
        let mut state = self.state();
        if let Some(number) = state.number_of(drawer, key) {
            state.rows.remove(&number);
        }
        Ok(())
    }
}
