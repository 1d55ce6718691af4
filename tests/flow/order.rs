//! In order, side by side.

use std::time::Duration;

use serde_json::json;

use crate::support::broca::SOON;
use crate::support::letta::Step;
use crate::support::scene::{ANN, BEN, Scene};

#[test]
fn a_message_becomes_one_turn_and_its_reply_arrives_with_its_styles() {
    let scene = Scene::start();
    scene
        .letta
        .reply_with(|_| vec![Step::Say("**so** be it".to_owned())]);
    let sent = scene.say(ANN, "hello", 1);
    assert_eq!((sent[0].chat, sent[0].text.as_str()), (ANN, "so be it"));
    assert_eq!(
        sent[0].entities,
        [json!({"type": "bold", "offset": 0, "length": 2})]
    );
    let turns = scene.letta.turns();
    assert_eq!(
        (turns.len(), turns[0].texts.as_slice()),
        (1, &["hello".to_owned()][..])
    );
    scene.broca.wait_idle();
    assert_eq!(scene.broca.turns("replied"), 1);
}

#[test]
fn five_quick_messages_are_five_turns_answered_in_order() {
    let scene = Scene::start();
    scene.letta.think(Duration::from_millis(30));
    for number in 0..5 {
        scene.telegram.push(ANN, &format!("message {number}"));
    }
    scene.telegram.wait_sent(5, SOON);
    let expected: Vec<_> = (0..5)
        .map(|number| format!("echo: message {number}"))
        .collect();
    assert_eq!(scene.texts(ANN), expected);
    assert_eq!((scene.letta.count(), scene.letta.most_at_once()), (5, 1));
}

#[test]
fn a_turn_that_says_several_things_is_shown_whole_and_in_order() {
    let scene = Scene::start();
    let words = ["first", "second", "third"];
    scene.letta.reply_with(move |_| {
        let said = words.iter().map(|word| Step::Say((*word).to_owned()));
        said.chain([Step::Tool("look".to_owned()), Step::Say("last".to_owned())])
            .collect()
    });
    scene.say(ANN, "go", 4);
    assert_eq!(scene.texts(ANN), ["first", "second", "third", "last"]);
}

#[test]
fn several_people_are_answered_side_by_side() {
    let scene = Scene::start();
    scene.letta.think(Duration::from_secs(1));
    let people: Vec<i64> = (ANN..ANN + 6).collect();
    for chat in &people {
        scene.telegram.push(*chat, &format!("from {chat}"));
    }
    let sent = scene.telegram.wait_sent(6, SOON);
    assert_eq!(scene.letta.most_at_once(), 6);
    let first = sent.iter().map(|sent| sent.at).min().expect("six");
    let last = sent.iter().map(|sent| sent.at).max().expect("six");
    assert!(
        last.duration_since(first) < Duration::from_secs(1),
        "one after the other"
    );
    for chat in people {
        assert_eq!(scene.texts(chat), [format!("echo: from {chat}")]);
    }
}

#[test]
fn no_more_turns_run_at_once_than_may() {
    let scene = Scene::start_with("[queue]\nmax_concurrent = 2\n");
    scene.letta.think(Duration::from_millis(150));
    for chat in ANN..ANN + 6 {
        scene.telegram.push(chat, "hello");
    }
    scene.telegram.wait_sent(6, SOON);
    assert_eq!(scene.letta.most_at_once(), 2);
}

#[test]
fn what_one_person_waits_for_does_not_hold_up_another() {
    let scene = Scene::start();
    scene.letta.think(Duration::from_secs(20));
    scene.telegram.push(ANN, "think hard");
    scene.letta.wait_for_turns(1);
    scene.letta.think(Duration::ZERO);
    scene.say(BEN, "quick", 1);
    assert_eq!(scene.texts(BEN), ["echo: quick"]);
    assert!(scene.texts(ANN).is_empty());
}

#[test]
fn a_failed_try_is_made_again_in_time_while_another_turn_runs() {
    use crate::support::letta::Fault;
    let scene = Scene::start();
    scene.letta.fail_next(Fault::Fail("llm_server_error"));
    scene.telegram.push(ANN, "fails once");
    scene.broca.wait_log("the turn waits");
    scene.broca.wait_status("the turn's wait", |status| {
        status["stats"]["turns"]["ready"] == 1
    });
    scene.letta.think(Duration::from_secs(20));
    scene.telegram.push(BEN, "slow");
    scene.letta.wait_for_turns(2);
    scene.letta.think(Duration::ZERO);
    // A second try of Ann's message comes after about a second, although Ben's turn goes on.
    scene.telegram.wait_sent(1, Duration::from_secs(8));
    assert_eq!(scene.texts(ANN), ["echo: fails once"]);
}

#[test]
fn a_long_reply_arrives_in_parts_and_in_order() {
    let scene = Scene::start();
    let text: Vec<String> = (0..1_500).map(|number| format!("word{number}")).collect();
    let (text, words) = (text.join(" "), text);
    scene
        .letta
        .reply_with(move |_| vec![Step::Say(text.clone())]);
    let sent = scene.say(ANN, "much", 4);
    let all: Vec<_> = sent
        .iter()
        .flat_map(|sent| sent.text.split_whitespace())
        .collect();
    scene.broca.wait_idle();
    assert!(all == words, "{} of {} words", all.len(), words.len());
}

#[test]
fn quick_messages_are_joined_where_that_is_wanted() {
    let scene = Scene::ready_with("");
    scene.broca.edit(
        "access = \"open\"",
        "access = \"open\"\nbuffer_delay = \"1s\"",
    );
    scene.broca.start();
    for text in ["one", "two", "three"] {
        scene.telegram.push(ANN, text);
    }
    scene.telegram.wait_sent(1, SOON);
    let turns = scene.letta.turns();
    assert_eq!(
        (turns.len(), turns[0].texts.join(" ")),
        (1, "one two three".to_owned())
    );
}
