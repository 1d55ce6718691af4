//! Killed at random under load. `BROCA_TEST_SEED` repeats a run.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use crate::support::broca::{note, until};
use crate::support::scene::Scene;

const PEOPLE: i64 = 12;
const MESSAGES: i64 = 5;
const KILLS: usize = 9;
const FIRST: i64 = 2_000;
const ALL: usize = 12 * 5;

/// Numbers that look random and are the same for the same seed (`splitmix64`).
struct Dice(u64);

impl Dice {
    /// The seed of the environment, or a new one, which is printed.
    fn new() -> Self {
        let given = std::env::var("BROCA_TEST_SEED").ok();
        let given = given.and_then(|text| text.parse().ok());
        let now = broca::time::Timestamp::now().0.unsigned_abs();
        let seed = given.unwrap_or(now ^ (u64::from(std::process::id()) << 32));
        note(&format!("BROCA_TEST_SEED={seed}"));
        Self(seed)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn millis(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit))
    }
}

#[test]
fn killed_at_random_nothing_is_lost_or_asked_twice_and_order_is_kept() {
    let mut dice = Dice::new();
    let mut pushing = Dice(dice.below(u64::MAX));
    let scene = Scene::start();
    scene.letta.think(Duration::from_millis(40));
    thread::scope(|scope| {
        let telegram = &scene.telegram;
        scope.spawn(move || {
            for number in 0..MESSAGES {
                for person in 0..PEOPLE {
                    telegram.push(FIRST + person, &text(person, number));
                    thread::sleep(pushing.millis(40));
                }
            }
        });
        for _ in 0..KILLS {
            // The moment of the kill is the point of this test.
            thread::sleep(dice.millis(250));
            scene.broca.kill();
            scene.broca.launch();
        }
    });
    scene.broca.wait_log(" runs");
    until("every turn", || scene.letta.count() >= ALL);
    scene.broca.wait_idle();
    assert_asked_once(&scene);
    assert_answered_in_order(&scene);
}

fn text(person: i64, number: i64) -> String {
    format!("person {person}, message {number}")
}

fn assert_asked_once(scene: &Scene) {
    let turns = scene.letta.turns();
    let texts: HashSet<_> = turns.iter().flat_map(|turn| &turn.texts).collect();
    assert_eq!((texts.len(), turns.len()), (ALL, ALL));
}

fn assert_answered_in_order(scene: &Scene) {
    let mut doubles = 0;
    for person in 0..PEOPLE {
        let mut said = scene.texts(FIRST + person);
        let sent = said.len();
        said.dedup();
        doubles += sent - said.len();
        let expected: Vec<_> = (0..MESSAGES)
            .map(|number| format!("echo: {}", text(person, number)))
            .collect();
        assert_eq!(said, expected);
    }
    let repeats = usize::try_from(scene.broca.repeats()).expect("a count");
    assert!(
        doubles <= repeats,
        "{doubles} parts came twice, {repeats} are counted"
    );
}
