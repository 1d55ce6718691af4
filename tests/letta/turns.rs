//! Turns that go well, and each way in which they do not.

use std::time::Duration;

use broca::agent::{AgentClient, AgentIds, Answer, Fate, How, Verdict};
use broca::config::Isolation;
use broca::error::{Code, Retry};
use broca::message::Step as Shown;

use super::common::*;
use crate::support::letta::{Fault, Letta as Fake, Step};

fn say(text: &str) -> Step {
    Step::Say(text.to_owned())
}

#[test]
fn a_turn_of_a_prepared_conversation_is_one_request() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let ids = prepared(&client);
    let before = fake.request_count();
    let request = request(&client, &ids, &["one", "two"]);
    assert_eq!(
        said(start(&client, &attempt(request.clone()))),
        ["echo: two"]
    );
    assert_eq!(fake.request_count() - before, 1);
    let turn = fake.turns().pop().expect("it was admitted");
    assert_eq!(
        (turn.texts, turn.sender),
        (vec!["one".to_owned(), "two".to_owned()], ids.identity)
    );
    assert_eq!(turn.otids, request.otids);
    assert!(turn.told[0].contains("Telegram ID 1001: name: Ada; username: @ada; language: en"));
}

#[test]
fn the_shared_conversation_is_the_agents_own() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Shared);
    let attempt = attempt_at(&client, "hi");
    assert_eq!(attempt.request.conversation, "default");
    assert!(attempt.request.body.contains(fake.agent()));
    assert_eq!(said(start(&client, &attempt)), ["echo: hi"]);
    assert_eq!(said(client.look_up(&attempt)), ["echo: hi"]);
}

#[test]
fn what_it_does_is_shown() {
    let fake = Fake::start();
    fake.reply_with(|_| {
        vec![
            say("Let me look."),
            Step::Tool("search".to_owned()),
            say("Found."),
        ]
    });
    let client = client(&fake, Isolation::Conversation);
    let mut shown = Vec::new();
    let outcome = client.converse(&attempt_at(&client, "x"), How::Start, &mut |step| {
        shown.push(step);
    });
    assert_eq!(said(outcome), ["Let me look.", "Found."]);
    assert_eq!(shown[0], Shown::Thinking);
    assert!(
        shown.contains(&Shown::Text("Let me look.".to_owned())),
        "{shown:?}"
    );
    assert!(
        shown.contains(&Shown::Tool("search".to_owned())),
        "{shown:?}"
    );
}

#[test]
fn silence_after_a_tool_is_chosen_and_without_one_a_fault() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    fake.reply_with(|_| vec![Step::Tool("archive".to_owned())]);
    let outcome = start(&client, &attempt_at(&client, "x"));
    assert!(
        matches!(outcome, Ok(Fate::Answered(Answer::Silent))),
        "{outcome:?}"
    );
    fake.reply_with(|_| vec![]);
    assert_eq!(
        failed(start(&client, &attempt_at(&client, "x"))).code,
        Code::AgentEmptyAnswer
    );
}

#[test]
fn refusals_have_their_codes() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let cases = [
        (307, "", Code::AgentUnreachable, Retry::Later),
        (
            401,
            r#"{"detail":"Unauthorized"}"#,
            Code::AgentUnauthorized,
            Retry::Later,
        ),
        (402, "{}", Code::AgentNoCredit, Retry::Later),
        (
            409,
            r#"{"detail":"busy","run_id":"run-1"}"#,
            Code::AgentBusy,
            Retry::Later,
        ),
        (429, "{}", Code::AgentRateLimited, Retry::Later),
        (400, "{}", Code::AgentRejected, Retry::Never),
        (
            422,
            r#"{"detail":"Messages must not be empty"}"#,
            Code::AgentRejected,
            Retry::Never,
        ),
        (
            500,
            r#"{"detail":"An unknown error occurred"}"#,
            Code::AgentDropped,
            Retry::Uncertain,
        ),
        (502, "<html>", Code::AgentDropped, Retry::Uncertain),
        (503, "<html>", Code::AgentDropped, Retry::Uncertain),
    ];
    for (status, body, code, retry) in cases {
        fake.fail_next(Fault::Status(status, body));
        let error = start(&client, &attempt_at(&client, "x")).expect_err("it was refused");
        assert_eq!((error.code, error.retry()), (code, retry), "{status}");
    }
    assert_eq!(fake.count(), 0);
}

#[test]
fn a_key_is_sent_and_a_wrong_one_refused() {
    let fake = Fake::start();
    fake.lock("open sesame");
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    assert_eq!(said(start(&client, &attempt)), ["echo: hi"]);
    fake.lock("another");
    assert_eq!(refused(start(&client, &attempt)), Code::AgentUnauthorized);
    assert_eq!(
        client.probe().expect_err("the key is wrong").code,
        Code::AgentUnauthorized
    );
}

#[test]
fn trouble_of_the_model_is_the_agents_word() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let cases = [
        ("llm_error", Code::AgentFailed),
        ("llm_rate_limit", Code::AgentRateLimited),
        ("llm_authentication", Code::AgentUnauthorized),
        ("internal_error", Code::AgentFailed),
    ];
    for (kind, code) in cases {
        fake.fail_next(Fault::Fail(kind));
        let error = failed(start(&client, &attempt_at(&client, "x")));
        assert_eq!(error.code, code, "{error}");
    }
    fake.fail_next(Fault::FailMidway("llm_error"));
    let error = failed(start(&client, &attempt_at(&client, "x")));
    assert_eq!(error.code, Code::AgentFailedMidway);
}

#[test]
fn a_gone_server_was_not_reached() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    fake.stop();
    assert_eq!(refused(start(&client, &attempt)), Code::AgentUnreachable);
    assert_eq!(
        client.look_up(&attempt).expect_err("nobody is there").code,
        Code::AgentUnreachable
    );
    fake.restart();
    assert_eq!(said(start(&client, &attempt)), ["echo: hi"]);
}

#[test]
fn a_conversation_deleted_at_letta_is_forgotten() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "hi");
    fake.delete_conversation(&attempt.request.conversation);
    assert_eq!(refused(start(&client, &attempt)), Code::AgentForgotten);
}

#[test]
fn a_missing_agent_is_not_a_missing_conversation() {
    let fake = Fake::start();
    let mut config = fake.config(Isolation::Conversation);
    config.id = Some("agent-2".to_owned());
    let client = broca::agent::letta::Letta::open(&config).expect("it is configured");
    let ids = AgentIds {
        conversation: Some("conv-1".to_owned()),
        ..AgentIds::default()
    };
    let attempt = attempt(request(&client, &ids, &["hi"]));
    assert_eq!(refused(start(&client, &attempt)), Code::AgentMissing);
    assert_eq!(
        client.probe().expect_err("no such agent").code,
        Code::AgentMissing
    );
    let unprepared = client.prepare(1, &ada(), "cli", &AgentIds::default());
    assert_eq!(
        unprepared.expect_err("no such agent").code,
        Code::AgentMissing
    );
}

#[test]
fn a_cut_stream_goes_on_where_it_broke() {
    let fake = Fake::start();
    fake.reply_with(|_| vec![say("first half second half"), say("more")]);
    for events in 1..6 {
        let client = client(&fake, Isolation::Conversation);
        fake.fail_next(Fault::CutAfter(events));
        let outcome = start(&client, &attempt_at(&client, "x"));
        assert_eq!(
            said(outcome),
            ["first half second half", "more"],
            "cut after {events}"
        );
    }
    assert_eq!(fake.count(), 5);
}

#[test]
fn a_busy_conversation_waits() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    let ids = prepared(&client);
    fake.think(Duration::from_secs(20));
    let first = attempt(request(&client, &ids, &["one"]));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| start(&client, &first));
        fake.wait_for_turns(1);
        let second = attempt(request(&client, &ids, &["two"]));
        let error = start(&client, &second).expect_err("it is busy");
        assert_eq!(
            (error.code, error.retry_after.is_some()),
            (Code::AgentBusy, true)
        );
        client.cancel(&first).expect("it can be cancelled");
        let outcome = running.join().expect("no panic");
        assert!(matches!(outcome, Ok(Fate::Cancelled)), "{outcome:?}");
        client.cancel(&first).expect("nothing to cancel is fine");
    });
}

#[test]
fn a_late_turn_is_stopped() {
    let fake = Fake::start();
    fake.think(Duration::from_secs(20));
    fake.ping_every(Duration::from_millis(50));
    let client = hasty(&fake, Duration::from_millis(300));
    let attempt = attempt_at(&client, "x");
    assert_eq!(failed(start(&client, &attempt)).code, Code::AgentTimedOut);
    // The same bytes replay the end that it had.
    let outcome = resume(&client, &attempt);
    assert!(matches!(outcome, Ok(Fate::Cancelled)), "{outcome:?}");
}

#[test]
fn a_silent_stream_is_dropped_and_found_again() {
    let fake = Fake::start();
    fake.fail_next(Fault::Silence);
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "x");
    assert_eq!(refused(start(&client, &attempt)), Code::AgentDropped);
}

#[test]
fn an_approval_is_asked_for_and_decided() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    fake.reply_with(|turn| match turn.decisions.as_slice() {
        [] => vec![say("I need a tool."), Step::Ask("delete_all".to_owned())],
        [(_, true)] => vec![say("Done.")],
        _ => vec![say("Then not.")],
    });
    let asked = attempt_at(&client, "x");
    let Ok(Fate::Answered(Answer::Approval(approval))) = start(&client, &asked) else {
        panic!("it should ask");
    };
    assert_eq!(approval.said, ["I need a tool."]);
    assert_eq!(approval.tools, ["delete_all"]);
    let looked = client.look_up(&asked).expect("it is there");
    assert!(matches!(looked, Fate::Answered(Answer::Approval(found)) if found == approval));
    let decided = attempt(client.decide(&approval, &Verdict::Approve, &asked.request));
    assert_eq!(said(start(&client, &decided)), ["Done."]);
    assert_eq!(said(resume(&client, &decided)), ["Done."]);
    assert_eq!(said(client.look_up(&decided)), ["Done."]);
    assert_eq!(fake.count(), 2);
}

#[test]
fn an_approval_that_nobody_gave_does_not_block() {
    let fake = Fake::start();
    let client = client(&fake, Isolation::Conversation);
    fake.reply_with(|turn| match turn.texts.first().map(String::as_str) {
        Some("ask") => vec![Step::Ask("delete_all".to_owned())],
        _ => vec![say("fine")],
    });
    let ids = prepared(&client);
    start(&client, &attempt(request(&client, &ids, &["ask"]))).expect("it asks");
    let next = attempt(request(&client, &ids, &["next"]));
    let error = failed(start(&client, &next));
    assert_eq!(error.code, Code::AgentBusy, "{error}");
    assert_eq!(fake.turns()[1].decisions.len(), 1);
    let again = attempt(request(&client, &ids, &["next"]));
    assert_eq!(said(start(&client, &again)), ["fine"]);
}

#[test]
fn cutting_ends_a_turn_at_once() {
    let fake = Fake::start();
    fake.think(Duration::from_secs(20));
    let client = client(&fake, Isolation::Conversation);
    let attempt = attempt_at(&client, "x");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| start(&client, &attempt));
        fake.wait_for_turns(1);
        client.cut();
        assert_eq!(
            refused(running.join().expect("no panic")),
            Code::AgentDropped
        );
    });
}

#[test]
fn many_turns_run_side_by_side_on_few_connections() {
    let fake = Fake::start();
    fake.lean();
    let client = client(&fake, Isolation::Conversation);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let ids = prepared(&client);
                for _ in 0..50 {
                    let attempt = attempt(request(&client, &ids, &["hi"]));
                    assert_eq!(said(start(&client, &attempt)), ["echo: hi"]);
                }
            });
        }
    });
    assert_eq!((fake.count(), fake.turns().len()), (400, 0));
    assert!(
        fake.connections() <= 8,
        "{} connections",
        fake.connections()
    );
}
