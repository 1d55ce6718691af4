//! Many workers at once, some of which die: each turn is settled once, in order.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use broca::error::Result;
use broca::store::queue::{self, Ending};
use broca::store::{Conn, in_transaction};
use broca::time::Timestamp;

use crate::support::database::{Database, NOW, each, later, scope};

const CHATS: [&str; 3] = ["ann", "bob", "cy"];
const TURNS: usize = 30;
const WORKERS: u64 = 4;
const LONGEST: Duration = Duration::from_secs(20);

/// What was settled, in order, by conversation.
type Settled = Mutex<BTreeMap<String, Vec<i64>>>;

/// A small generator, so that a run can be repeated.
fn roll(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    *seed >> 33
}

fn write<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> T {
    in_transaction(conn, work).expect("the write is taken")
}

/// Claims one turn and settles it, puts it back, or dies holding it.
fn step(conn: &mut Conn, seed: &mut u64, settled: &Settled) {
    let now = Timestamp(NOW.0 + 1000);
    let scope = scope(now);
    let claimed = write(conn, |conn| queue::claim(conn, 1, &scope, &|_| None));
    for one in claimed {
        match roll(seed) % 4 {
            // The daemon dies, and another takes over, while other workers are still at it.
            0 => drop(write(conn, |conn| queue::take_over(conn, false, now))),
            1 => {
                let back = later(now, Duration::ZERO);
                write(conn, |conn| queue::put_back(conn, &one, &back, now));
            }
            _ => {
                let mut log = settled.lock().expect("no worker panics");
                let ending = Ending::Replied(vec!["yes".to_owned()]);
                if write(conn, |conn| queue::settle(conn, &one, None, &ending, now)) {
                    log.entry(one.to.chat.clone()).or_default().push(one.turn);
                }
            }
        }
    }
}

fn race(db: &mut Database) {
    let mut expected: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for _ in 0..TURNS / CHATS.len() {
        for chat in CHATS {
            let turn = db.turn(chat, "hi");
            expected.entry(chat.to_owned()).or_default().push(turn);
        }
    }
    let settled = Settled::default();
    let give_up = Instant::now() + LONGEST;
    std::thread::scope(|threads| {
        for worker in 0..WORKERS {
            let (mut conn, settled) = (db.connect(), &settled);
            threads.spawn(move || {
                let mut seed = worker;
                while unsettled(&mut conn) > 0 {
                    assert!(Instant::now() < give_up, "it does not come to an end");
                    step(&mut conn, &mut seed, settled);
                }
            });
        }
    });
    assert_eq!(*settled.lock().expect("all is over"), expected);
    assert_eq!(db.count("replies"), i64::try_from(TURNS).expect("few"));
}

fn unsettled(conn: &mut Conn) -> i64 {
    broca::store::report::depth(conn).expect("it is read").turns
}

#[test]
fn each_turn_is_settled_once_and_in_order_however_workers_die() {
    each(race);
}
