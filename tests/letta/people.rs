//! Identities, conversations and blocks.

use broca::agent::{AgentClient, AgentIds};
use broca::config::Isolation;
use broca::error::Code;

use super::common::*;
use crate::support::letta::Letta as Fake;

#[test]
fn a_person_keeps_one_identity_and_a_conversation_is_made_once() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let first = prepared(&client);
    let second = prepared(&client);
    assert_eq!(first.identity, second.identity);
    assert_ne!(first.conversation, second.conversation);
    assert_eq!(
        (client.is_prepared(&first), first.block.as_ref()),
        (true, None)
    );
    let before = fake.request_count();
    let known = client
        .prepare(1, &ada(), "telegram", &first)
        .expect("it is known");
    assert_eq!((known, fake.request_count()), (first, before));
}

#[test]
fn a_change_of_isolation_prepares_anew() {
    let fake = Fake::start();
    let own = client(&fake, Isolation::Conversation);
    let shared = client(&fake, Isolation::Shared);
    let (first, second) = (prepared(&own), prepared(&shared));
    assert!(!own.is_prepared(&second) && !shared.is_prepared(&first));
    let again = own.prepare(1, &ada(), "telegram", &second);
    assert!(again.is_ok_and(|ids| own.is_prepared(&ids)));
}

#[test]
fn a_block_is_attached_for_the_turn() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Block);
    let ids = prepared(&client);
    assert!(client.enters() && client.is_prepared(&ids));
    assert!(!client.is_prepared(&AgentIds {
        block: None,
        ..ids.clone()
    }));
    client.enter(&ids).expect("it can be attached");
    client.enter(&ids).expect("and again");
    assert_eq!(fake.attached(), Vec::from_iter(ids.block.clone()));
    assert!(
        fake.requests()
            .iter()
            .any(|request| request.ends_with("/recompile"))
    );
    client.leave(&ids).expect("it can be detached");
    client.leave(&ids).expect("and again");
    assert!(fake.attached().is_empty());
}

#[test]
fn a_label_of_the_agents_own_is_named() {
    let fake = Fake::start();
    fake.own_block("person");
    let client = client(&fake, Isolation::Block);
    let ids = prepared(&client);
    assert_eq!(
        client.enter(&ids).expect_err("it is taken").code,
        Code::AgentUnsupported
    );
    assert_eq!(
        client.probe().expect_err("it is taken").code,
        Code::AgentUnsupported
    );
}

#[test]
fn what_was_deleted_at_letta_is_forgotten() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Block);
    let ids = prepared(&client);
    let lost = AgentIds {
        block: Some("block-0".to_owned()),
        ..ids.clone()
    };
    assert_eq!(
        client.enter(&lost).expect_err("no such block").code,
        Code::AgentForgotten
    );
    fake.delete_conversation(ids.conversation.as_deref().expect("it has one"));
    assert_eq!(
        client.enter(&ids).expect_err("it is gone").code,
        Code::AgentForgotten
    );
}

#[test]
fn a_probe_says_what_there_is() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let lines = client.probe().expect("all is there");
    assert_eq!(lines[0], "Letta 0.16.8");
    assert_eq!(lines[1], "agent `stand-in` with fake/model");
    assert!(lines[2].starts_with("background turns: yes"), "{lines:?}");
    assert_eq!(fake.count(), 0);
    fake.refuse("/v1/conversations", 404);
    assert_eq!(
        client.probe().expect_err("it lacks them").code,
        Code::AgentUnsupported
    );
    fake.heal();
    fake.stop();
    assert_eq!(
        client.probe().expect_err("it is gone").code,
        Code::AgentUnreachable
    );
}
