//! `block` and `shared`: one agent for everybody, with and without memory apart.

use std::time::Duration;

use crate::support::broca::until;
use crate::support::scene::{ANN, BEN, Scene};

#[test]
fn with_blocks_one_person_at_a_time_is_before_the_agent_with_their_own_memory() {
    let scene = Scene::isolated("block");
    scene.letta.think(Duration::from_millis(200));
    scene.telegram.push(ANN, "ann's secret");
    scene.telegram.push(BEN, "ben's question");
    scene.telegram.push(ANN, "ann again");
    scene.telegram.wait_sent(3, Duration::from_secs(20));
    scene.broca.wait_idle();
    assert_eq!((scene.letta.count(), scene.letta.most_at_once()), (3, 1));
    assert_eq!(scene.texts(BEN), ["echo: ben's question"]);
    assert_eq!(scene.texts(ANN), ["echo: ann's secret", "echo: ann again"]);
    let turns = scene.letta.turns();
    let of = |text: &str| {
        let turn = turns
            .iter()
            .find(|turn| turn.texts == [text])
            .expect("it was said");
        turn.conversation.clone()
    };
    assert_eq!(of("ann's secret"), of("ann again"));
    assert_ne!(of("ann's secret"), of("ben's question"));
    assert!(
        scene.letta.attached().is_empty(),
        "{:?}",
        scene.letta.attached()
    );
}

#[test]
fn another_isolation_waits_for_the_next_start() {
    for (was, becomes, at_once) in [("block", "conversation", 1), ("conversation", "block", 2)] {
        let scene = Scene::isolated(was);
        let isolation = |mode: &str| format!("isolation = \"{mode}\"");
        scene.broca.edit(&isolation(was), &isolation(becomes));
        scene.broca.reload();
        scene.letta.think(Duration::from_millis(500));
        scene.telegram.push(ANN, "ann's secret");
        scene.telegram.push(BEN, "ben's question");
        scene.telegram.wait_sent(2, Duration::from_secs(20));
        scene.broca.wait_idle();
        assert_eq!(scene.letta.most_at_once(), at_once, "{was}");
        let wide = scene.count("turns WHERE lane = 'agent'");
        assert_eq!(wide, if was == "block" { 2 } else { 0 }, "{was}");
        scene.broca.stop();
        scene.broca.start();
        scene.telegram.push(ANN, "again");
        scene.telegram.wait_sent(3, Duration::from_secs(20));
        let wide = scene.count("turns WHERE lane = 'agent'");
        assert_eq!(wide, if was == "block" { 2 } else { 1 }, "{was}");
    }
}

#[test]
fn a_block_left_attached_by_a_crash_is_taken_away_before_anyone_else_is_served() {
    let scene = Scene::isolated("block");
    scene.letta.think(Duration::from_secs(1));
    scene.telegram.push(ANN, "ann's secret");
    scene.letta.wait_for_turns(1);
    assert_eq!(scene.letta.attached().len(), 1);
    scene.broca.kill();
    scene.telegram.push(BEN, "ben's question");
    scene.broca.start();
    scene.telegram.wait_sent(2, Duration::from_secs(20));
    scene.broca.wait_idle();
    assert_eq!((scene.texts(ANN).len(), scene.texts(BEN).len()), (1, 1));
    assert_eq!((scene.letta.count(), scene.letta.most_at_once()), (2, 1));
    assert!(scene.letta.attached().is_empty());
}

#[test]
fn a_turn_that_may_be_at_work_keeps_its_lane_where_the_way_to_it_fails() {
    let scene = Scene::isolated("block");
    scene.letta.think(Duration::from_secs(1));
    scene.telegram.push(ANN, "once");
    scene.letta.wait_for_turns(1);
    scene.broca.kill();
    scene.letta.refuse("/attach/", 500);
    scene.broca.start();
    until("the turn to be put back", || {
        scene.count("turns WHERE state = 'ready' AND last_code IS NOT NULL") > 0
    });
    assert_eq!(scene.count("turns WHERE held = 1"), 1);
    scene.letta.heal();
    scene.telegram.wait_sent(1, Duration::from_secs(20));
    scene.broca.wait_idle();
    assert_eq!(
        (scene.letta.count(), scene.texts(ANN)),
        (1, vec!["echo: once".to_owned()])
    );
}

#[test]
fn shared_turns_run_one_after_the_other_in_one_conversation() {
    let scene = Scene::isolated("shared");
    scene.letta.think(Duration::from_millis(100));
    for chat in [ANN, BEN, ANN, BEN] {
        scene.telegram.push(chat, &format!("from {chat}"));
    }
    scene.telegram.wait_sent(4, Duration::from_secs(20));
    assert_eq!((scene.letta.count(), scene.letta.most_at_once()), (4, 1));
    let turns = scene.letta.turns();
    assert!(turns.iter().all(|turn| turn.conversation == "default"));
    assert_eq!(scene.texts(BEN), ["echo: from 1002", "echo: from 1002"]);
}

#[test]
fn a_shared_turn_that_a_crash_interrupted_is_one_turn() {
    let scene = Scene::isolated("shared");
    scene.letta.think(Duration::from_millis(600));
    scene.telegram.push(ANN, "once");
    scene.letta.wait_for_turns(1);
    scene.revive();
    scene.telegram.wait_sent(1, Duration::from_secs(20));
    scene.broca.wait_idle();
    assert_eq!(
        (scene.letta.count(), scene.texts(ANN)),
        (1, vec!["echo: once".to_owned()])
    );
}
