//! What comes in.

use super::*;

#[test]
fn an_update_is_confirmed_only_by_the_stored_cursor() {
    let (server, bot) = pair();
    server.push(ANN, "one");
    server.push(ANN, "two");
    let first = bot.receive(None).expect("it answers");
    assert_eq!(texts(&first), ["one", "two"]);
    let again = bot.receive(None).expect("it answers");
    assert_eq!(
        again.items, first.items,
        "nothing was stored: the same comes again"
    );
    server.push(ANN, "three");
    let next = bot.receive(first.cursor.as_ref()).expect("it answers");
    assert_eq!(texts(&next), ["three"]);
    assert!(next.cursor.is_some() && next.items[0].key != first.items[0].key);
}

#[test]
fn a_poll_waits_for_a_message_and_ends_at_once_when_stopped() {
    let (server, bot) = pair();
    let bot = &bot;
    thread::scope(|scope| {
        let poll = scope.spawn(|| bot.receive(None));
        server.wait_calls("getUpdates", 1, SOON);
        server.push(ANN, "hi");
        let batch = poll.join().expect("no panic").expect("it answers");
        assert_eq!(texts(&batch), ["hi"]);
        let began = Instant::now();
        let poll = scope.spawn(move || code(bot.receive(batch.cursor.as_ref())));
        server.wait_calls("getUpdates", 2, SOON);
        bot.stop_receiving();
        assert_eq!(poll.join().expect("no panic"), Code::Stopping);
        assert!(began.elapsed() < SOON);
    });
}

#[test]
fn updates_that_cannot_be_read_are_passed() {
    let (server, bot) = pair();
    server.push_update(&json!({"telepathy": {"thought": 1}}));
    server.push_message("message", json!({"hologram": true}));
    server.push(ANN, "hi");
    let batch = bot.receive(None).expect("it answers");
    let others = batch
        .items
        .iter()
        .filter(|item| matches!(item.content, Content::Other(_)));
    assert_eq!((others.count(), batch.items.len()), (2, 3));
    server.push(ANN, "ho");
    assert_eq!(
        texts(&bot.receive(batch.cursor.as_ref()).expect("it answers")),
        ["ho"]
    );
}

#[test]
fn smaller_update_ids_of_a_new_epoch_are_heard() {
    let (server, bot) = pair();
    server.push(ANN, "old");
    let first = bot.receive(None).expect("it answers");
    server.wait_calls("getUpdates", 1, SOON);
    bot_confirm(&server, &bot, &first);
    server.renumber(5);
    server.push(ANN, "new");
    let batch = bot.receive(first.cursor.as_ref()).expect("it answers");
    assert_eq!(texts(&batch), ["new"]);
    server.push(ANN, "newer");
    assert_eq!(
        texts(&bot.receive(batch.cursor.as_ref()).expect("it answers")),
        ["newer"]
    );
}

/// Polls once with the batch's cursor; a refusal ends the poll.
fn bot_confirm(server: &Telegram, bot: &Bot, batch: &Batch) {
    thread::scope(|scope| {
        let poll = scope.spawn(|| bot.receive(batch.cursor.as_ref()));
        server.wait_confirmed(1001, SOON);
        server.fail_next("getUpdates", Fault::Html(502)); // wakes the poll
        let idle = poll.join().expect("no panic").expect("nothing came");
        assert!(idle.items.is_empty() && idle.cursor.is_none());
    });
    assert_eq!(
        code(bot.receive(batch.cursor.as_ref())),
        Code::EndpointUnreachable
    );
}

#[test]
fn each_failure_of_polling_has_its_code() {
    let (server, bot) = pair();
    for (fault, expected) in [
        (Fault::flood(86_400), Code::EndpointRateLimited),
        (
            Fault::refuse(401, "Unauthorized"),
            Code::EndpointUnauthorized,
        ),
        (Fault::refuse(404, "Not Found"), Code::EndpointUnauthorized),
        (
            Fault::refuse(409, "Conflict: terminated by other getUpdates request"),
            Code::EndpointConflict,
        ),
        (
            Fault::refuse(500, "Internal Server Error"),
            Code::EndpointUnreachable,
        ),
        (Fault::Html(502), Code::EndpointUnreachable),
        (Fault::Html(403), Code::EndpointMalformed),
        (Fault::Malformed, Code::EndpointMalformed),
        (Fault::ResetBefore, Code::EndpointUnreachable),
        (Fault::TornAfter, Code::EndpointUnreachable),
    ] {
        server.push(ANN, "x");
        let name = format!("{fault:?}");
        server.fail_next("getUpdates", fault);
        let error = bot.receive(None).expect_err("it was made to fail");
        assert_eq!(
            (error.code, error.retry()),
            (expected, Retry::Later),
            "{name}"
        );
        assert!(!format!("{error} {error:?} {}", error.advice()).contains(server.token()));
        let wait = (expected == Code::EndpointRateLimited).then(|| Duration::from_hours(24));
        assert_eq!(error.retry_after, wait);
    }
    assert!(
        server.calls("deleteWebhook").is_empty(),
        "no webhook was set"
    );
    assert!(
        !bot.receive(None)
            .expect("it answers again")
            .items
            .is_empty()
    );
}

#[test]
fn a_webhook_is_removed_and_what_waits_is_kept() {
    let (server, bot) = pair();
    server.push(ANN, "kept");
    server.set_webhook("https://example.org/hook");
    assert!(
        bot.check()
            .expect("it answers")
            .contains("a webhook is set")
    );
    assert_eq!(code(bot.receive(None)), Code::EndpointConflict);
    assert_eq!(
        server.calls("deleteWebhook")[0].params["drop_pending_updates"],
        json!(false)
    );
    assert_eq!(texts(&bot.receive(None).expect("it answers")), ["kept"]);
}

#[test]
fn the_parts_of_a_cut_text_join() {
    let (server, bot) = pair();
    let long = "word ".repeat(810);
    server.push(ANN, "before");
    server.push(ANN, &long);
    server.push(ANN, "the rest");
    server.push(1002, "someone else");
    let joins = |batch: &Batch| -> Vec<_> {
        let joins = batch.items.iter().map(|item| item.join.clone());
        joins
            .map(|join| join.map(|join| (join.key, join.quiet_ms)))
            .collect()
    };
    let batch = bot.receive(None).expect("it answers");
    let join = Some(("1001/1001".to_owned(), 1000));
    assert_eq!(joins(&batch), [None, join.clone(), join, None]);
    assert_eq!(
        joins(&bot.receive(None).expect("it answers")),
        joins(&batch)
    );
}

#[test]
fn a_buffer_joins_every_text() {
    let server = Telegram::start();
    let bot = bot(Settings {
        buffer_delay: Duration::from_secs(3),
        ..open(&server)
    });
    server.push(ANN, "a");
    let batch = bot.receive(None).expect("it answers");
    let join = batch.items[0].join.as_ref().expect("it joins");
    assert_eq!((join.key.as_str(), join.quiet_ms), ("1001/1001", 3000));
}

#[test]
fn edits_and_blocking_arrive() {
    let (server, bot) = pair();
    let number = server.push(ANN, "teh");
    server.edit(ANN, number, "the", 1_700_000_005);
    let mut member = Telegram::message(ANN);
    member["new_chat_member"] = json!({"status": "kicked"});
    server.push_update(&json!({"my_chat_member": member}));
    let batch = bot.receive(None).expect("it answers");
    let of = batch.items[0].key.clone();
    assert_eq!(
        batch.items[1].content,
        Content::Edit {
            of,
            text: "the".into()
        }
    );
    assert_eq!(batch.items[2].content, Content::Reachable(false));
}
