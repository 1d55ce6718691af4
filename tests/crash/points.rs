//! Killed at named points.

use std::time::Duration;

use crate::support::broca::SOON;
use crate::support::letta::Step;
use crate::support::scene::{ANN, BEN, Scene};
use crate::support::telegram::Fault;

const MOMENT: Duration = Duration::from_millis(500);

/// One admitted turn, one reply, nothing said twice.
fn assert_once(scene: &Scene) {
    scene.telegram.wait_sent(1, SOON);
    scene.broca.wait_idle();
    assert_eq!(
        (scene.letta.count(), scene.texts(ANN)),
        (1, vec!["echo: hello".to_owned()])
    );
    assert_eq!(
        (scene.broca.repeats(), scene.broca.turns("replied")),
        (0, 1)
    );
}

#[test]
fn after_an_update_was_fetched_and_before_it_was_stored() {
    let scene = Scene::start();
    let frozen = scene.freeze();
    scene.telegram.push(ANN, "hello");
    scene
        .telegram
        .wait_handed(scene.telegram.latest_update(), SOON);
    scene.broca.kill();
    drop(frozen);
    scene.broca.start();
    assert_once(&scene);
}

#[test]
fn while_the_agent_thinks() {
    let scene = Scene::start();
    scene.letta.think(MOMENT);
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    scene.revive();
    assert_once(&scene);
}

#[test]
fn while_the_agent_thinks_and_it_answers_while_nobody_listens() {
    let scene = Scene::start();
    scene.letta.think(MOMENT);
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    scene.broca.kill();
    scene.letta.wait_idle();
    scene.broca.start();
    assert_once(&scene);
}

#[test]
fn after_the_agent_answered_and_before_that_was_stored() {
    let scene = Scene::start();
    scene.letta.think(MOMENT);
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    let frozen = scene.freeze();
    scene.letta.wait_idle();
    scene.broca.kill();
    drop(frozen);
    assert_eq!(
        (scene.letta.runs(), scene.telegram.sent_count()),
        (vec!["completed"], 0)
    );
    scene.broca.start();
    assert_once(&scene);
}

#[test]
fn after_the_agent_answered_where_letta_has_forgotten_the_request() {
    let scene = Scene::start();
    scene.letta.think(MOMENT);
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    scene.broca.kill();
    scene.letta.wait_idle();
    scene.letta.forget_otids();
    scene.broca.start();
    assert_once(&scene);
}

#[test]
fn while_the_agent_thinks_at_a_letta_without_redis() {
    let scene = Scene::ready_with("");
    scene.letta.redis(false);
    scene.broca.start();
    scene.letta.think(MOMENT);
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    scene.revive();
    assert_once(&scene);
}

#[test]
fn during_a_send_that_never_arrives() {
    let scene = Scene::start();
    scene.telegram.fail_next("sendMessage", Fault::Hang);
    scene.telegram.push(ANN, "hello");
    scene.telegram.wait_calls("sendMessage", 1, SOON);
    scene.revive();
    scene.telegram.wait_sent(1, SOON);
    scene.broca.wait_idle();
    assert_eq!(
        (scene.letta.count(), scene.texts(ANN)),
        (1, vec!["echo: hello".to_owned()])
    );
    // Nobody can know whether it had arrived, so that this counts as a repeat.
    assert_eq!(scene.broca.repeats(), 1);
}

#[test]
fn between_a_part_that_arrived_and_its_confirmation() {
    let scene = Scene::start();
    scene.letta.think(MOMENT);
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    // The settlement and the claim of the reply go through; what follows the sending does not.
    scene.telegram.fail_next("sendMessage", Fault::Hang);
    scene.telegram.wait_calls("sendMessage", 1, SOON);
    let frozen = scene.freeze();
    scene.broca.kill();
    drop(frozen);
    scene.broca.start();
    scene.telegram.wait_sent(1, SOON);
    scene.broca.wait_idle();
    assert_eq!((scene.letta.count(), scene.broca.repeats()), (1, 1));
}

#[test]
fn between_the_parts_of_a_reply() {
    const LETTERS: &str = "abcdefghijklmnop";
    let scene = Scene::start();
    scene.letta.reply_with(|_| {
        let pages = LETTERS
            .chars()
            .map(|letter| letter.to_string().repeat(3_000));
        vec![Step::Say(pages.collect::<Vec<_>>().join("\n\n"))]
    });
    scene.say(ANN, "hello", 4);
    scene.revive();
    scene.telegram.wait_sent(LETTERS.len(), SOON);
    scene.broca.wait_idle();
    let mut starts: Vec<_> = scene
        .texts(ANN)
        .iter()
        .map(|text| text[..1].to_owned())
        .collect();
    let sent = starts.len();
    starts.dedup();
    let doubles = i64::try_from(sent - starts.len()).expect("few");
    assert_eq!(
        (starts.concat().as_str(), scene.letta.count()),
        (LETTERS, 1)
    );
    assert!(doubles <= scene.broca.repeats() && scene.broca.repeats() <= 1);
}

#[test]
fn while_letta_cannot_be_reached() {
    let scene = Scene::start();
    scene.letta.stop();
    scene.telegram.push(ANN, "hello");
    scene.broca.wait_log("agent.unreachable");
    scene.revive();
    scene.letta.restart();
    assert_once(&scene);
}

#[test]
fn again_and_again_during_one_turn() {
    let scene = Scene::start();
    scene.letta.think(Duration::from_secs(2));
    scene.telegram.push(ANN, "hello");
    scene.letta.wait_for_turns(1);
    for _ in 0..5 {
        scene.revive();
    }
    assert_once(&scene);
}

#[test]
fn with_people_waiting_in_line() {
    let scene = Scene::start();
    scene.letta.think(Duration::from_millis(100));
    for number in 0..5 {
        scene.telegram.push(ANN, &format!("ann {number}"));
        scene.telegram.push(BEN, &format!("ben {number}"));
    }
    scene.letta.wait_for_turns(3);
    scene.revive();
    scene.letta.wait_for_turns(7);
    scene.revive();
    scene.letta.wait_for_turns(10);
    scene.broca.wait_idle();
    for (chat, name) in [(ANN, "ann"), (BEN, "ben")] {
        let mut said = scene.texts(chat);
        said.dedup();
        let expected: Vec<_> = (0..5)
            .map(|number| format!("echo: {name} {number}"))
            .collect();
        assert_eq!(said, expected);
    }
    let doubles = i64::try_from(scene.telegram.sent_count()).expect("few") - 10;
    assert_eq!(scene.letta.count(), 10);
    assert!(doubles <= scene.broca.repeats());
}
