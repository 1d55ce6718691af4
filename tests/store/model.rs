//! Random histories of all that can be done to the store, against a small model of it. Each step must
//! give the answer that the model gives, and leave the tables that the model has.
//!
//! A failure prints the shortest history found, and the seed: `PROPTEST_RNG_SEED=… cargo test
//! store::model` finds it again. `PROPTEST_CASES` asks for a number of histories however long they take.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use broca::store::{Conn, in_transaction, outbox, queue};
use broca::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestCaseResult, TestRunner};

use crate::support::database::{Database, NOW, empty, run};

mod drive;
mod history;
mod laws;
mod plain;
mod rows;

use drive::Driver;
use history::Step;
use plain::{Answer, Model};
use rows::Tables;

/// How long one database is tried, where nobody asks for more.
const LONGEST: Duration = Duration::from_secs(8);
/// So many histories have one seed.
const AT_ONCE: u32 = 25;

#[test]
fn the_store_does_what_its_model_does() {
    let asked = std::env::var("PROPTEST_CASES").is_ok();
    let given = ProptestConfig::default();
    for mut db in empty() {
        db.conn.migrate().expect("the migrations run");
        run_fast(&mut db);
        let (begun, mut tried) = (Instant::now(), Tried::default());
        while begun.elapsed() < LONGEST {
            let mut config = ProptestConfig {
                failure_persistence: None,
                max_shrink_time: 60_000,
                ..given.clone()
            };
            if !asked {
                config.cases = AT_ONCE;
            }
            if config.rng_seed == RngSeed::Random {
                config.rng_seed = RngSeed::Fixed(RandomState::new().hash_one(0));
            }
            try_histories(&mut db, config, &mut tried);
            if asked || given.rng_seed != RngSeed::Random {
                break;
            }
        }
        let (kind, took) = (db.kind(), begun.elapsed());
        eprintln!("{kind}: {tried:?} in {took:?}");
        assert!(tried.claimed > 0 && tried.stale > 0, "nothing was tried");
    }
}

/// What was tried.
#[derive(Debug, Default)]
struct Tried {
    histories: usize,
    steps: usize,
    claimed: usize,
    settled: usize,
    said: usize,
    stale: usize,
}

impl Tried {
    fn count(&mut self, answer: &Answer) {
        self.steps += 1;
        match answer {
            Answer::Turns(given) => self.claimed += given.len(),
            Answer::Mine(true) => self.settled += 1,
            Answer::Next(_) => self.said += 1,
            Answer::Mine(false) => self.stale += 1,
            _ => (),
        }
    }
}

fn try_histories(db: &mut Database, config: ProptestConfig, tried: &mut Tried) {
    let (seed, kind) = (config.rng_seed, db.kind());
    let both = RefCell::new((db, tried));
    let outcome = TestRunner::new(config).run(&history::histories(), |history| {
        let (db, tried) = &mut *both.borrow_mut();
        try_history(db, &history, tried)
    });
    if let Err(error) = outcome {
        panic!("on {kind}, with {seed:?}: {error}");
    }
}

/// The tests' database need not outlive the machine.
fn run_fast(db: &mut Database) {
    if db.kind() == "SQLite" {
        run(&mut db.conn, "PRAGMA synchronous = OFF");
    }
}

fn try_history(db: &mut Database, history: &[Step], tried: &mut Tried) -> TestCaseResult {
    clear(db);
    tried.histories += 1;
    let mut model = Model::new(NOW.0);
    let mut driver = Driver::default();
    let mut before = Tables::read(&mut db.conn);
    for (place, step) in history.iter().enumerate() {
        let found = in_transaction(&mut db.conn, |conn| driver.step(conn, step, &model));
        let found = found
            .map_err(|error| TestCaseError::fail(format!("step {place}, {step:?}: {error}")))?;
        let expected = model.step(step);
        prop_assert_eq!(
            &found,
            &expected,
            "the answer to step {}, {:?}",
            place,
            step
        );
        tried.count(&found);
        let after = Tables::read(&mut db.conn);
        prop_assert_eq!(
            &after,
            &model.tables,
            "the tables after step {}, {:?}",
            place,
            step
        );
        let broken = laws::broken(&before, step, &found, &after);
        prop_assert_eq!(broken, None, "the law after step {}, {:?}", place, step);
        prop_assert_eq!(
            waits(&mut db.conn, model.now),
            (model.next_due(), model.next_reply_due())
        );
        before = after;
    }
    Ok(())
}

fn waits(conn: &mut Conn, now: i64) -> (Option<i64>, Option<i64>) {
    let turn = queue::next_due(conn, Timestamp(now)).expect("it is read");
    let reply = outbox::next_due(conn, Timestamp(now)).expect("it is read");
    (turn.map(|at| at.0), reply.map(|at| at.0))
}

/// Nothing is left, and ids begin again.
fn clear(db: &mut Database) {
    let tables = [
        "parts",
        "replies",
        "attempts",
        "messages",
        "turns",
        "refusals",
        "cursors",
        "conversations",
        "profiles",
        "people",
    ];
    if db.kind() == "SQLite" {
        let all: Vec<_> = tables
            .iter()
            .map(|table| format!("DELETE FROM {table};"))
            .collect();
        run(
            &mut db.conn,
            &format!(
                "BEGIN; {} DELETE FROM sqlite_sequence; COMMIT",
                all.concat()
            ),
        );
    } else {
        run(
            &mut db.conn,
            &format!("TRUNCATE {} RESTART IDENTITY CASCADE", tables.join(", ")),
        );
    }
}
