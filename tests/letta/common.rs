//! What the tests of the adapter have in common.

use std::time::Duration;

use broca::agent::letta::{Letta, Pace};
use broca::agent::{AgentClient, AgentIds, Answer, Attempt, Fate, How, Prompt, Request};
use broca::config::Isolation;
use broca::error::{Code, Error, Result};
use broca::message::{About, Said, Step};
use broca::time::Timestamp;

use crate::support::letta::Letta as Fake;

/// Patience for a stand-in that never needs it.
pub(crate) fn pace() -> Pace {
    Pace {
        silence: Duration::from_millis(800),
        dead: Duration::from_millis(150),
        resume: [
            Duration::from_millis(5),
            Duration::from_millis(50),
            Duration::from_millis(200),
        ],
        settle: Duration::from_millis(400),
        watch: Duration::from_millis(20),
    }
}

/// A client of the stand-in.
pub(crate) fn client(fake: &Fake, isolation: Isolation) -> Letta {
    Letta::open(&fake.config(isolation))
        .expect("it is configured")
        .with_pace(pace())
}

/// A client with so much time for a turn.
pub(crate) fn hasty(fake: &Fake, turn_timeout: Duration) -> Letta {
    let mut config = fake.config(Isolation::Conversation);
    config.turn_timeout = turn_timeout;
    Letta::open(&config)
        .expect("it is configured")
        .with_pace(pace())
}

pub(crate) fn ada() -> About {
    About {
        person: 1,
        name: Some("Ada".to_owned()),
        username: Some("ada".to_owned()),
        user_id: "1001".to_owned(),
        language: Some("en".to_owned()),
        notes: String::new(),
    }
}

pub(crate) fn prepared(client: &Letta) -> AgentIds {
    client
        .prepare(1, &ada(), "telegram", &AgentIds::default())
        .expect("it can be prepared")
}

pub(crate) fn request(client: &Letta, ids: &AgentIds, texts: &[&str]) -> Request {
    let said = texts.iter().map(|text| Said {
        by: ada(),
        text: (*text).to_owned(),
        at: Timestamp::now(),
    });
    let prompt = Prompt {
        endpoint: "telegram".to_owned(),
        said: said.collect(),
        told: None,
    };
    client.compose(&prompt, ids)
}

pub(crate) fn attempt(request: Request) -> Attempt {
    Attempt {
        id: 1,
        turn: 1,
        request,
        at: Timestamp::now(),
    }
}

/// An attempt at one text in a fresh conversation.
pub(crate) fn attempt_at(client: &Letta, text: &str) -> Attempt {
    attempt(request(client, &prepared(client), &[text]))
}

pub(crate) fn start(client: &Letta, attempt: &Attempt) -> Result<Fate> {
    client.converse(attempt, How::Start, &mut |_: Step| {})
}

pub(crate) fn resume(client: &Letta, attempt: &Attempt) -> Result<Fate> {
    client.converse(attempt, How::Resume, &mut |_: Step| {})
}

/// The texts of an answer.
pub(crate) fn said(fate: Result<Fate>) -> Vec<String> {
    match fate {
        Ok(Fate::Answered(Answer::Said(texts))) => texts,
        other => panic!("an answer was expected, not {other:?}"),
    }
}

/// The failure that the agent reported.
pub(crate) fn failed(fate: Result<Fate>) -> Error {
    match fate {
        Ok(Fate::Failed(error)) => error,
        other => panic!("a failure was expected, not {other:?}"),
    }
}

/// The code of the failure to get the agent's word.
pub(crate) fn refused(fate: Result<Fate>) -> Code {
    match fate {
        Err(error) => error.code,
        other => panic!("no word was expected, not {other:?}"),
    }
}
