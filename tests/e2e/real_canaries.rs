//! People apart at a real Letta: what its model was sent for one person never holds another's secret, while
//! turns meet and daemons die at random. `BROCA_TEST_SEED` repeats a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::broca::note;
use crate::support::canary::{Canary, betrayed, canaries};
use crate::support::dice::{self, Dice};
use crate::support::real::{PATIENTLY, Real, asked, model};

const PEOPLE: i64 = 3;
const MESSAGES: usize = 2;
const STORM: usize = 3 * MESSAGES;
const KILLS: usize = 2;
/// How long the model takes: time enough to be seen and to be killed in.
const SLOWLY: &str = "sleep:0.4 ";

#[test]
fn with_a_conversation_each_the_model_sees_one_person_at_a_time() {
    apart("conversation");
}

#[test]
fn with_a_block_each_the_model_sees_one_person_at_a_time() {
    apart("block");
}

fn apart(isolation: &str) {
    let Some(real) = Real::start(isolation) else {
        return;
    };
    let mut dice = Dice::new(dice::seed());
    let people = canaries(&mut dice, PEOPLE);
    let over = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&people, &over));
        storm(&real, &people, &mut dice);
        over.store(true, Ordering::Relaxed);
        watch.join().expect("nobody was betrayed")
    });
    for person in &people {
        assert_asked_once(person);
        let prompt = say_more(&real, person);
        assert_history_is_own(&people, person, &prompt);
        assert_memory_is_own(isolation, &people, person, &prompt);
    }
    assert_replies_apart(&real, &people);
    note(&format!("{isolation}: prompts seen by person: {seen:?}"));
}

/// Everybody writes in a random order, and the daemon is killed at random.
fn storm(real: &Real, people: &[Canary], dice: &mut Dice) {
    for number in 1..=MESSAGES {
        let mut order: Vec<&Canary> = people.iter().collect();
        dice.shuffle(&mut order);
        for person in order {
            person.write(&real.telegram, &person.text(SLOWLY, number));
        }
    }
    for _ in 0..KILLS {
        // The moment of the kill is the point of this test.
        thread::sleep(dice.millis(2_500));
        real.broca.kill();
        real.broca.start();
    }
    real.telegram.wait_sent(STORM, PATIENTLY);
    real.broca.wait_idle();
}

/// Reads the model's latest prompt again and again; each must be of one person. Gives how many were seen.
fn watch(people: &[Canary], over: &AtomicBool) -> BTreeMap<i64, usize> {
    let (mut seen, mut latest) = (BTreeMap::new(), Value::Null);
    while !over.load(Ordering::Relaxed) {
        let Some(prompt) = model("/_last") else { break };
        if prompt != latest {
            let owners = betrayed(people, &prompt.to_string());
            assert!(owners.len() <= 1, "{owners:?} in one prompt: {prompt}");
            for owner in owners {
                *seen.entry(owner).or_insert(0) += 1;
            }
            latest = prompt;
        }
        thread::sleep(Duration::from_millis(20));
    }
    seen
}

fn assert_asked_once(person: &Canary) {
    for number in 1..=MESSAGES {
        let text = person.text(SLOWLY, number);
        let times = asked(&text);
        assert!(times.is_none_or(|times| times == 1), "{text}: {times:?}");
    }
}

/// One more message, and the prompt that it led to; null where the model's address is not given.
fn say_more(real: &Real, person: &Canary) -> Value {
    let sent = real.telegram.sent_count();
    person.write(&real.telegram, &person.text("", MESSAGES + 1));
    real.telegram.wait_sent(sent + 1, PATIENTLY);
    model("/_last").unwrap_or_default()
}

/// A prompt holds the whole conversation so far and the memory blocks: all of it is of this person.
fn assert_history_is_own(people: &[Canary], person: &Canary, prompt: &Value) {
    if prompt.is_null() {
        return;
    }
    let prompt = prompt.to_string();
    for number in 1..=MESSAGES {
        assert!(prompt.contains(&person.text(SLOWLY, number)), "{prompt}");
    }
    assert_eq!(
        betrayed(people, &prompt),
        BTreeSet::from([person.chat]),
        "{prompt}"
    );
}

/// The blocks stand in the first message: the person's own with `block`, nothing of anybody otherwise.
fn assert_memory_is_own(isolation: &str, people: &[Canary], person: &Canary, prompt: &Value) {
    if prompt.is_null() {
        return;
    }
    let memory = prompt["messages"][0].to_string();
    let expected = (isolation == "block").then_some(person.chat);
    assert_eq!(
        betrayed(people, &memory),
        expected.into_iter().collect(),
        "{memory}"
    );
}

fn assert_replies_apart(real: &Real, people: &[Canary]) {
    for person in people {
        let texts = real.texts(person.chat);
        assert!(texts.len() > MESSAGES, "{texts:?}");
        for text in texts {
            assert_eq!(
                betrayed(people, &text),
                BTreeSet::from([person.chat]),
                "{text}"
            );
        }
    }
}
