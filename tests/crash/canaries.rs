//! People apart: however turns meet and daemons die, nothing of one person reaches the agent, or anybody,
//! with another. `BROCA_TEST_SEED` repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use crate::support::broca::until;
use crate::support::canary::{Canary, betrayed, canaries};
use crate::support::dice::{self, Dice};
use crate::support::letta::Turn;
use crate::support::scene::Scene;

const PEOPLE: i64 = 6;
const MESSAGES: usize = 5;
const ALL: usize = 6 * MESSAGES;
const KILLS: usize = 6;

#[test]
fn with_a_conversation_each_no_secret_reaches_another() {
    let (_, people, turns) = storm("conversation");
    for person in &people {
        let mine = |turn: &&Turn| turn.told.iter().any(|text| text.contains(&person.secret));
        let told = turns.iter().filter(mine).count();
        assert!(told >= 1, "the agent was never told who {} is", person.chat);
    }
}

#[test]
fn with_a_block_each_no_secret_reaches_another() {
    let (scene, people, turns) = storm("block");
    for turn in &turns {
        let (memory, texts) = (turn.memory.concat(), turn.texts.concat());
        let owners = betrayed(&people, &memory);
        assert_eq!(owners.len(), 1, "one block is before the agent: {memory}");
        assert_eq!(owners, betrayed(&people, &texts));
    }
    assert_eq!(scene.letta.most_at_once(), 1);
    assert!(scene.letta.attached().is_empty());
}

/// Everybody writes at random, and the daemon is killed at random. Gives what reached the agent, once each
/// turn of it and each reply was seen to be of one person alone.
fn storm(isolation: &str) -> (Scene, Vec<Canary>, Vec<Turn>) {
    let mut dice = Dice::new(dice::seed());
    let people = canaries(&mut dice, PEOPLE);
    let mut writing = dice.further();
    let scene = Scene::isolated(isolation);
    scene.letta.think(Duration::from_millis(25));
    thread::scope(|scope| {
        let (telegram, people) = (&scene.telegram, &people);
        scope.spawn(move || {
            for (person, number) in interleaved(&mut writing) {
                let person = &people[person];
                person.write(telegram, &person.text("", number));
                thread::sleep(writing.millis(40));
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
    let turns = scene.letta.turns();
    assert_eq!(turns.len(), ALL);
    assert_turns_apart(&people, &turns);
    assert_replies_apart(&scene, &people);
    (scene, people, turns)
}

/// Who writes, and which message of theirs it is: a random order in which each one's own order is kept.
fn interleaved(dice: &mut Dice) -> Vec<(usize, usize)> {
    let count = usize::try_from(PEOPLE).expect("few");
    let mut order: Vec<usize> = (0..ALL).map(|place| place % count).collect();
    dice.shuffle(&mut order);
    let mut written = vec![0; count];
    let numbered = order.into_iter().map(|person| {
        written[person] += 1;
        (person, written[person])
    });
    numbered.collect()
}

/// All that reached the agent for a turn is of one person, and a conversation is of one person ever.
fn assert_turns_apart(people: &[Canary], turns: &[Turn]) {
    let mut conversations: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
    for turn in turns {
        let all = [&turn.texts, &turn.told, &turn.memory].map(|texts| texts.concat());
        let owners = betrayed(people, &all.concat());
        assert_eq!(owners.len(), 1, "{turn:?}");
        let conversation = conversations.entry(&turn.conversation).or_default();
        conversation.extend(owners);
    }
    for (id, owners) in &conversations {
        assert_eq!(owners.len(), 1, "{id} is of {owners:?}");
    }
}

fn assert_replies_apart(scene: &Scene, people: &[Canary]) {
    for person in people {
        let texts = scene.texts(person.chat);
        assert!(texts.len() >= MESSAGES, "{texts:?}");
        for text in texts {
            assert_eq!(
                betrayed(people, &text),
                BTreeSet::from([person.chat]),
                "{text}"
            );
        }
    }
}
