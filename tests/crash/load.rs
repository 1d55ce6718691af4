//! Killed at random under load. `BROCA_TEST_SEED` repeats a run.

use std::collections::HashSet;
use std::thread;
use std::time::Duration;

use crate::support::broca::until;
use crate::support::dice::Dice;
use crate::support::scene::Scene;

const PEOPLE: i64 = 12;
const MESSAGES: i64 = 5;
const KILLS: usize = 9;
const FIRST: i64 = 2_000;
const ALL: usize = 12 * 5;

#[test]
fn killed_at_random_nothing_is_lost_or_asked_twice_and_order_is_kept() {
    let mut dice = Dice::new();
    let mut pushing = dice.further();
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
