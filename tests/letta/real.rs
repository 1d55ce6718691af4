//! The same against a real server, whose model is a stand-in that obeys directives in the text, where
//! `BROCA_TEST_LETTA` (its address) and `BROCA_TEST_LETTA_AGENT` name one.

use std::env;
use std::time::Duration;

use broca::agent::letta::{Letta, Pace};
use broca::agent::{AgentClient, Answer, Fate, How};
use broca::config::{self, Isolation};
use broca::error::Code;
use broca::message::Step;

use super::common::*;
use crate::support::letta;

fn real(isolation: Isolation, turn_timeout: Duration) -> Option<Letta> {
    let url = env::var("BROCA_TEST_LETTA").ok()?;
    let agent = env::var("BROCA_TEST_LETTA_AGENT").ok()?;
    let config = config::Agent {
        turn_timeout,
        ..letta::config(&url, &agent, isolation)
    };
    let client = Letta::open(&config).expect("it is configured");
    let client = client.with_pace(Pace::default());
    client.probe().expect("it is there");
    Some(client)
}

fn patient() -> Option<Letta> {
    real(Isolation::Conversation, Duration::from_mins(2))
}

#[test]
fn a_turn_its_replay_and_its_look_up_agree() {
    let Some(client) = patient() else { return };
    let attempt = attempt_at(&client, "hello");
    assert_eq!(said(start(&client, &attempt)), ["echo: hello"]);
    assert_eq!(said(resume(&client, &attempt)), ["echo: hello"]);
    assert_eq!(said(client.look_up(&attempt)), ["echo: hello"]);
}

#[test]
fn shared_turns_are_looked_up_too() {
    let Some(client) = real(Isolation::Shared, Duration::from_mins(2)) else {
        return;
    };
    let attempt = attempt_at(&client, "hello all");
    let outcome = loop {
        match start(&client, &attempt) {
            Err(error) if error.code == Code::AgentBusy => {}
            outcome => break outcome,
        }
    };
    assert_eq!(said(outcome), ["echo: hello all"]);
    assert_eq!(said(client.look_up(&attempt)), ["echo: hello all"]);
}

#[test]
fn trouble_of_the_model_has_its_code() {
    let Some(client) = patient() else { return };
    let cases = [
        ("fail:500 x", Code::AgentFailed),
        ("fail:429 x", Code::AgentRateLimited),
        ("fail:401 x", Code::AgentUnauthorized),
        ("cut:2 a b c d e f", Code::AgentFailed),
        ("empty", Code::AgentEmptyAnswer),
        ("garbage", Code::AgentEmptyAnswer),
    ];
    for (text, code) in cases {
        let attempt = attempt_at(&client, text);
        assert_eq!(failed(start(&client, &attempt)).code, code, "{text}");
        if code == Code::AgentEmptyAnswer {
            assert_eq!(failed(client.look_up(&attempt)).code, code, "{text}");
        }
    }
}

#[test]
fn a_long_answer_comes_whole_and_is_shown() {
    let Some(client) = patient() else { return };
    let mut shown = Vec::new();
    let attempt = attempt_at(&client, "long:800");
    let outcome = client.converse(&attempt, How::Start, &mut |step| shown.push(step));
    let texts = said(outcome);
    assert_eq!((texts.len(), texts[0].split_whitespace().count()), (1, 800));
    assert!(
        shown.iter().any(|step| matches!(step, Step::Text(_))),
        "{shown:?}"
    );
}

#[test]
fn a_tool_is_shown() {
    let Some(client) = patient() else { return };
    let mut shown = Vec::new();
    let text = r#"tool:conversation_search{"query": "x"} now"#;
    let attempt = attempt_at(&client, text);
    let outcome = client.converse(&attempt, How::Start, &mut |step| shown.push(step));
    assert_eq!(said(outcome).len(), 1);
    assert!(
        shown.contains(&Step::Tool("conversation_search".to_owned())),
        "{shown:?}"
    );
    assert_eq!(said(client.look_up(&attempt)).len(), 1);
}

#[test]
fn a_late_turn_is_stopped_and_frees_its_conversation() {
    let Some(client) = real(Isolation::Conversation, Duration::from_secs(2)) else {
        return;
    };
    let ids = prepared(&client);
    let late = attempt(request(&client, &ids, &["sleep:6 hello"]));
    assert_eq!(failed(start(&client, &late)).code, Code::AgentTimedOut);
    let next = attempt(request(&client, &ids, &["hello"]));
    assert_eq!(said(start(&client, &next)), ["echo: hello"]);
}

#[test]
fn a_client_that_died_finds_its_turn_again() {
    let Some(client) = patient() else { return };
    let attempt = attempt_at(&client, "sleep:3 hello");
    std::thread::scope(|scope| {
        let (told, waits) = std::sync::mpsc::channel();
        let dying = patient().expect("as the first");
        let (running, attempt) = (std::sync::Arc::new(dying), &attempt);
        let killer = std::sync::Arc::clone(&running);
        let sending = scope.spawn(move || {
            running.converse(attempt, How::Start, &mut |_| {
                let _ = told.send(());
            })
        });
        waits.recv().expect("it thinks");
        killer.cut();
        assert_eq!(
            refused(sending.join().expect("no panic")),
            Code::AgentDropped
        );
    });
    let outcome = client.look_up(&attempt);
    // Without Redis it cannot be attached to, but is seen to run.
    let known_again = attempt.request.body.contains(r#""background":true"#);
    match outcome {
        Ok(Fate::Absent) => assert!(known_again),
        Ok(Fate::Running) => assert!(!known_again),
        other => panic!("{other:?}"),
    }
    assert_eq!(said(resume(&client, &attempt)), ["echo: sleep:3 hello"]);
    assert_eq!(said(client.look_up(&attempt)), ["echo: sleep:3 hello"]);
}

#[test]
fn a_cancelled_turn_says_so() {
    let Some(client) = patient() else { return };
    let attempt = attempt_at(&client, "sleep:4 hello");
    std::thread::scope(|scope| {
        let (told, waits) = std::sync::mpsc::channel();
        let (client, attempt) = (&client, &attempt);
        let sending = scope.spawn(move || {
            client.converse(attempt, How::Start, &mut |_| {
                let _ = told.send(());
            })
        });
        waits.recv().expect("it thinks");
        client.cancel(attempt).expect("it can be cancelled");
        let outcome = sending.join().expect("no panic");
        assert!(matches!(outcome, Ok(Fate::Cancelled)), "{outcome:?}");
    });
}

#[test]
fn a_person_has_one_identity_and_a_block_of_their_own() {
    let Some(client) = real(Isolation::Block, Duration::from_mins(1)) else {
        return;
    };
    let ids = prepared(&client);
    assert_eq!(prepared(&client).identity, ids.identity);
    client.enter(&ids).expect("it can be attached");
    client.enter(&ids).expect("and again");
    let attempt = attempt(request(&client, &ids, &["hello"]));
    assert_eq!(said(start(&client, &attempt)), ["echo: hello"]);
    client.leave(&ids).expect("it can be detached");
    client.leave(&ids).expect("and again");
}

#[test]
fn a_probe_runs_no_turn() {
    let Some(client) = patient() else { return };
    let lines = client.probe().expect("it is there");
    assert!(lines[0].starts_with("Letta 0.16"), "{lines:?}");
}

#[test]
fn silence_without_words_is_told_from_silence_by_choice() {
    let Some(client) = patient() else { return };
    let outcome = start(&client, &attempt_at(&client, "reason hello"));
    assert!(
        matches!(outcome, Ok(Fate::Answered(Answer::Said(_)))),
        "{outcome:?}"
    );
}
