//! What became of a request whose end was not seen.

use std::time::Duration;

use broca::agent::{AgentClient, Fate};
use broca::config::Isolation;
use broca::error::Code;
use broca::time::Timestamp;

use super::common::*;
use crate::support::letta::{Fault, Letta as Fake};

#[test]
fn a_request_that_never_left_is_absent() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    let outcome = client.look_up(&attempt);
    assert!(matches!(outcome, Ok(Fate::Absent)), "{outcome:?}");
    fake.fail_next(Fault::ResetBefore);
    assert_eq!(refused(start(&client, &attempt)), Code::AgentDropped);
    assert!(matches!(client.look_up(&attempt), Ok(Fate::Absent)));
    assert_eq!(said(resume(&client, &attempt)), ["echo: hi"]);
    assert_eq!(fake.count(), 1);
}

#[test]
fn an_answer_that_was_lost_is_found() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    fake.fail_next(Fault::ResetAfter);
    assert_eq!(refused(start(&client, &attempt)), Code::AgentDropped);
    assert_eq!(said(client.look_up(&attempt)), ["echo: hi"]);
    assert_eq!(fake.count(), 1);
}

#[test]
fn the_same_bytes_attach_to_what_runs() {
    let fake = Fake::start();
    fake.think(Duration::from_millis(300));
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    fake.fail_next(Fault::ResetAfter);
    assert_eq!(refused(start(&client, &attempt)), Code::AgentDropped);
    assert!(matches!(client.look_up(&attempt), Ok(Fate::Absent)));
    assert_eq!(said(resume(&client, &attempt)), ["echo: hi"]);
    assert_eq!(fake.count(), 1);
}

#[test]
fn a_failure_stays_a_failure() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    fake.fail_next(Fault::Fail("llm_error"));
    assert_eq!(failed(start(&client, &attempt)).code, Code::AgentFailed);
    assert_eq!(failed(resume(&client, &attempt)).code, Code::AgentFailed);
    fake.fail_next(Fault::FailMidway("llm_error"));
    let midway = attempt_at(&client, "hi");
    assert_eq!(
        failed(start(&client, &midway)).code,
        Code::AgentFailedMidway
    );
    assert_eq!(
        failed(client.look_up(&midway)).code,
        Code::AgentFailedMidway
    );
}

#[test]
fn it_is_found_among_many_messages() {
    let fake = Fake::start();
    for isolation in [Isolation::Conversation, Isolation::Shared] {
        let client = client(&fake, isolation);
        let ids = prepared(&client);
        let first = attempt(request(&client, &ids, &["first"]));
        said(start(&client, &first));
        for _ in 0..60 {
            said(start(&client, &attempt(request(&client, &ids, &["more"]))));
        }
        assert_eq!(said(client.look_up(&first)), ["echo: first"]);
    }
}

#[test]
fn a_run_that_died_with_its_server_is_ended() {
    let fake = Fake::start();
    fake.ping_every(Duration::from_millis(40));
    fake.fail_next(Fault::Hang);
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| start(&client, &attempt));
        fake.wait_for_turns(1);
        fake.stop();
        assert_eq!(
            refused(running.join().expect("no panic")),
            Code::AgentDropped
        );
    });
    fake.restart();
    let error = failed(resume(&client, &attempt));
    assert_eq!(error.code, Code::AgentFailed, "{error}");
    // Its conversation is free again.
    let next = attempt_in(&client, &attempt.request.conversation);
    assert_eq!(said(start(&client, &next)), ["echo: next"]);
}

#[test]
fn a_run_that_only_thinks_is_left_alone() {
    let fake = Fake::start();
    fake.ping_every(Duration::from_millis(40));
    fake.think(Duration::from_millis(600));
    fake.fail_next(Fault::CutAfter(1));
    let client = client(&fake, Isolation::Conversation);
    assert_eq!(
        said(start(&client, &attempt_at(&client, "hi"))),
        ["echo: hi"]
    );
}

#[test]
fn a_run_that_began_after_its_server_was_gone_is_left_alone() {
    let fake = Fake::start();
    fake.ping_every(Duration::from_millis(40));
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    fake.stop();
    assert_eq!(refused(start(&client, &attempt)), Code::AgentUnreachable);
    fake.restart();
    fake.think(Duration::from_millis(600));
    assert_eq!(said(resume(&client, &attempt)), ["echo: hi"]);
}

#[test]
fn a_run_whose_stream_went_dumb_is_found_over() {
    let fake = Fake::start();
    fake.ping_every(Duration::from_millis(40));
    fake.fail_next(Fault::Dumb);
    let client = client(&fake, Isolation::Conversation);
    assert_eq!(
        said(start(&client, &attempt_at(&client, "hi"))),
        ["echo: hi"]
    );
}

#[test]
fn without_redis_the_next_attempt_does_without() {
    let fake = Fake::start();
    fake.redis(false);
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    assert_eq!(failed(start(&client, &attempt)).code, Code::AgentFailed);
    assert_eq!(fake.count(), 0);
    let next = attempt_at(&client, "hi");
    assert!(next.request.body.contains(r#""background":false"#));
    assert_eq!(said(start(&client, &next)), ["echo: hi"]);
    assert_eq!(said(client.look_up(&next)), ["echo: hi"]);
    let lines = client.probe().expect("it works").join("\n");
    assert!(lines.contains("no, for lack of Redis"), "{lines}");
}

#[test]
fn without_redis_a_fate_is_waited_for_and_never_guessed() {
    let fake = Fake::start();
    fake.redis(false);
    let client = client(&fake, Isolation::Conversation);
    client.probe().expect("it works");
    let lost = attempt_at(&client, "hi");
    assert!(matches!(client.look_up(&lost), Ok(Fate::Unknown)));
    assert_eq!(failed(resume(&client, &lost)).code, Code::AgentUncertain);
    assert_eq!(fake.count(), 0);

    fake.think(Duration::from_millis(200));
    fake.fail_next(Fault::ResetAfter);
    let running = attempt_at(&client, "hi");
    assert_eq!(refused(start(&client, &running)), Code::AgentDropped);
    assert!(matches!(client.look_up(&running), Ok(Fate::Running)));
    assert_eq!(said(resume(&client, &running)), ["echo: hi"]);
    assert_eq!(fake.count(), 1);

    fake.fail_next(Fault::CutAfter(1));
    let cut = attempt_at(&client, "hi");
    assert_eq!(refused(start(&client, &cut)), Code::AgentDropped);
    assert_eq!(said(resume(&client, &cut)), ["echo: hi"]);
}

#[test]
fn what_was_answered_is_found_though_letta_forgot_the_request() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let mut attempt = attempt_at(&client, "hi");
    said(start(&client, &attempt));
    fake.forget_otids();
    attempt.at = Timestamp::now().minus(Duration::from_hours(4));
    assert_eq!(said(client.look_up(&attempt)), ["echo: hi"]);
}

#[test]
fn cancelling_a_shared_turn_ends_no_other_conversations_run() {
    let fake = Fake::start();
    fake.think(Duration::from_millis(400));
    let shared = client(&fake, Isolation::Shared);
    let own = client(&fake, Isolation::Conversation);
    let (ours, theirs) = (attempt_at(&shared, "ours"), attempt_at(&own, "theirs"));
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| start(&shared, &ours));
        let untouched = scope.spawn(|| start(&own, &theirs));
        fake.wait_for_turns(2);
        shared.cancel(&ours).expect("it can be cancelled");
        assert!(matches!(
            stopped.join().expect("no panic"),
            Ok(Fate::Cancelled)
        ));
        assert_eq!(said(untouched.join().expect("no panic")), ["echo: theirs"]);
    });
}

#[test]
fn after_three_hours_a_request_is_not_sent_again() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let mut old = attempt_at(&client, "hi");
    old.at = Timestamp::now().minus(Duration::from_hours(3));
    assert_eq!(failed(client.look_up(&old)).code, Code::AgentUncertain);
}

fn attempt_in(client: &broca::agent::letta::Letta, conversation: &str) -> broca::agent::Attempt {
    let ids = broca::agent::AgentIds {
        conversation: Some(conversation.to_owned()),
        ..broca::agent::AgentIds::default()
    };
    attempt(request(client, &ids, &["next"]))
}
