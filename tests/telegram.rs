//! The Telegram endpoint against a Bot API server that can fail in every known way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use broca::endpoint::Endpoint;
use broca::endpoint::telegram::{Access, Settings, Telegram as Bot, Who};
use broca::error::{Code, Result, Retry};
use broca::message::{
    Address, Batch, Content, Outbound, Part, PartId, Progress, ReplyKind, Standing, Step,
};
use broca::shelf::{Keep, Kept, Shelf};
use serde_json::json;

use crate::support::telegram::{Fault, Telegram};

const SOON: Duration = Duration::from_secs(10);
const ANN: i64 = 1001;

/// A shelf that forgets when it is dropped.
#[derive(Default)]
struct Memory(Mutex<HashMap<(String, String), String>>);

impl Memory {
    fn slot(drawer: &str, key: &str) -> (String, String) {
        (drawer.to_owned(), key.to_owned())
    }
}

fn kept(key: &str, value: String) -> Kept {
    Kept {
        number: 1,
        key: key.to_owned(),
        value,
    }
}

impl Shelf for Memory {
    fn add(&self, drawer: &str, key: &str, value: &str, _: Keep) -> Result<(Kept, bool)> {
        let mut all = self.0.lock().expect("not poisoned");
        let new = !all.contains_key(&Self::slot(drawer, key));
        let now = all
            .entry(Self::slot(drawer, key))
            .or_insert_with(|| value.to_owned());
        Ok((kept(key, now.clone()), new))
    }

    fn put(&self, drawer: &str, key: &str, value: &str, _: Keep) -> Result<()> {
        let mut all = self.0.lock().expect("not poisoned");
        all.insert(Self::slot(drawer, key), value.to_owned());
        Ok(())
    }

    fn get(&self, drawer: &str, key: &str) -> Result<Option<Kept>> {
        let all = self.0.lock().expect("not poisoned");
        Ok(all
            .get(&Self::slot(drawer, key))
            .map(|value| kept(key, value.clone())))
    }

    fn after(&self, _: &str, _: i64, _: usize) -> Result<Vec<Kept>> {
        Ok(Vec::new())
    }

    fn remove(&self, drawer: &str, key: &str) -> Result<()> {
        self.0
            .lock()
            .expect("not poisoned")
            .remove(&Self::slot(drawer, key));
        Ok(())
    }
}

fn open(server: &Telegram) -> Settings {
    Settings {
        access: Access::Open,
        ..Settings::new(server.token(), &server.url())
    }
}

fn bot(settings: Settings) -> Bot {
    Bot::new(settings, Arc::new(Memory::default())).expect("the settings are whole")
}

fn pair() -> (Telegram, Bot) {
    let server = Telegram::start();
    let bot = bot(open(&server));
    (server, bot)
}

fn to(chat: i64) -> Address {
    Address {
        endpoint: "telegram".to_owned(),
        account: "42".to_owned(),
        chat: chat.to_string(),
        thread: None,
    }
}

fn parts(bot: &Bot, markdown: &str) -> Vec<Part> {
    bot.render(&Outbound {
        reply: 1,
        turn: None,
        to: to(ANN),
        kind: ReplyKind::Answer,
        text: markdown.to_owned(),
    })
}

fn send(bot: &Bot, markdown: &str) -> Result<broca::message::Receipt> {
    let part = parts(bot, markdown).remove(0);
    bot.send(&to(ANN), &part, PartId { reply: 1, index: 0 })
}

fn texts(batch: &Batch) -> Vec<&str> {
    let contents = batch.items.iter().map(|item| &item.content);
    let text = contents.map(|content| match content {
        Content::Text(text) => text.as_str(),
        other => panic!("{other:?}"),
    });
    text.collect()
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> Code {
    result.expect_err("it was made to fail").code
}

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
        let wait = (expected == Code::EndpointRateLimited).then(|| Duration::from_secs(86_400));
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
fn only_those_who_may_are_welcome() {
    let server = Telegram::start();
    let standings = |settings: Settings| -> Vec<bool> {
        let batch = bot(settings).receive(None).expect("it answers");
        assert!(batch.items.iter().all(|item| item.raw.is_none()));
        batch
            .items
            .iter()
            .map(|item| item.standing == Standing::Welcome)
            .collect()
    };
    for chat in [ANN, 1002, 1003] {
        server.push(chat, "hi");
    }
    let settings = |access, owner: &[Who]| Settings {
        access,
        owner: owner.to_vec(),
        allow: vec![Who::Id(1002), Who::Name("user1003".into())],
        ..open(&server)
    };
    let ann = [Who::Id(1001)];
    assert_eq!(standings(settings(Access::Open, &[])), [true, true, true]);
    assert_eq!(
        standings(settings(Access::Owner, &[])),
        [false, false, false]
    );
    assert_eq!(
        standings(settings(Access::Owner, &ann)),
        [true, false, false]
    );
    assert_eq!(
        standings(settings(Access::Allowlist, &ann)),
        [true, true, true]
    );
}

#[test]
fn a_username_belongs_to_the_first_id_that_comes_with_it() {
    let server = Telegram::start();
    let shelf = Arc::new(Memory::default());
    let settings = Settings {
        access: Access::Owner,
        owner: vec![Who::Name("user1001".into())],
        ..open(&server)
    };
    let mut thief = Telegram::message(666);
    thief["text"] = json!("let me in");
    thief["from"]["username"] = json!("USER1001");
    server.push(ANN, "hi");
    server.push_message("message", thief.clone());
    for _ in 0..2 {
        let bot = Bot::new(settings.clone(), Arc::clone(&shelf) as _).expect("whole");
        let batch = bot.receive(None).expect("it answers");
        let standings: Vec<_> = batch.items.iter().map(|item| &item.standing).collect();
        assert_eq!(standings, [&Standing::Welcome, &Standing::Stranger]);
    }
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

#[test]
fn a_reply_arrives_with_its_styles() {
    let (server, bot) = pair();
    let receipt = send(&bot, "😀 **bold** and `code`").expect("it is sent");
    let sent = server.wait_sent(1, SOON).remove(0);
    assert_eq!((sent.chat, sent.text.as_str()), (ANN, "😀 bold and code"));
    assert_eq!(
        sent.entities,
        [
            json!({"type": "bold", "offset": 3, "length": 4}),
            json!({"type": "code", "offset": 12, "length": 4}),
        ]
    );
    assert_eq!(receipt.0, Some(sent.number.to_string()));
    assert_eq!(
        sent.request["link_preview_options"]["is_disabled"],
        json!(true)
    );
    assert_eq!(sent.request.get("parse_mode"), None);
}

#[test]
fn a_long_reply_arrives_in_parts_that_the_server_takes() {
    let (server, bot) = pair();
    let code_line = "let 😀 = 1;\n".repeat(900);
    let markdown = format!("{}\n\n```rust\n{code_line}```", "**word** ".repeat(1500));
    let parts = parts(&bot, &markdown);
    for (index, part) in parts.iter().enumerate() {
        let index = u32::try_from(index).expect("few");
        bot.send(&to(ANN), part, PartId { reply: 1, index })
            .expect("it is sent");
    }
    let sent = server.sent();
    assert!(sent.len() == parts.len() && sent.len() > 3);
    let words: usize = sent
        .iter()
        .map(|sent| sent.text.matches("word").count())
        .sum();
    let lines: usize = sent
        .iter()
        .map(|sent| sent.text.matches("let 😀 = 1;").count())
        .sum();
    assert_eq!((words, lines), (1500, 900));
}

#[test]
fn a_reply_that_shows_nothing_still_sends_something() {
    let (server, bot) = pair();
    for odd in [
        "",
        " \n",
        "\u{200b}",
        "[](https://a.b)",
        "<!-- -->",
        "#",
        "***",
    ] {
        assert_eq!(parts(&bot, odd).len(), 1, "{odd:?}");
        send(&bot, odd).unwrap_or_else(|error| panic!("{odd:?}: {error}"));
    }
    assert_eq!(server.sent_count(), 7);
}

#[test]
fn each_failure_of_sending_has_its_code() {
    let (server, bot) = pair();
    for (fault, expected) in [
        (Fault::flood(70_000), Code::EndpointRateLimited),
        (Fault::blocked(), Code::EndpointBlocked),
        (
            Fault::refuse(403, "Forbidden: user is deactivated"),
            Code::EndpointBlocked,
        ),
        (
            Fault::refuse(400, "Bad Request: chat not found"),
            Code::EndpointBlocked,
        ),
        (
            Fault::refuse(400, "Bad Request: something new"),
            Code::EndpointRejected,
        ),
        (
            Fault::refuse(401, "Unauthorized"),
            Code::EndpointUnauthorized,
        ),
        (Fault::refuse(502, "Bad Gateway"), Code::EndpointUnreachable),
        (Fault::Html(502), Code::EndpointUncertain),
        (Fault::Malformed, Code::EndpointUncertain),
        (Fault::ResetBefore, Code::EndpointUncertain),
        (Fault::ResetAfter, Code::EndpointUncertain),
        (Fault::TornAfter, Code::EndpointUncertain),
    ] {
        let name = format!("{fault:?}");
        server.fail_next("sendMessage", fault);
        let error = send(&bot, "hi").expect_err("it was made to fail");
        assert_eq!(error.code, expected, "{name}");
        assert!(
            !format!("{error} {error:?}").contains(server.token()),
            "{name}"
        );
        let wait = (expected == Code::EndpointRateLimited).then(|| Duration::from_secs(70_000));
        assert_eq!(error.retry_after, wait, "{name}");
    }
    assert_eq!(
        server.sent_count(),
        2,
        "those that were done before the answer was lost"
    );
    send(&bot, "hi").expect("it works again");
}

#[test]
fn a_server_that_is_not_there_got_nothing() {
    let server = Telegram::start();
    let bot = bot(open(&server));
    drop(server);
    let error = send(&bot, "hi").expect_err("nobody listens");
    assert_eq!(
        (error.code, error.retry()),
        (Code::EndpointUnreachable, Retry::Later)
    );
    assert_eq!(code(bot.receive(None)), Code::EndpointUnreachable);
    assert_eq!(code(bot.check()), Code::EndpointUnreachable);
}

#[test]
fn styles_that_are_refused_are_left_out() {
    let (server, bot) = pair();
    server.fail_next(
        "sendMessage",
        Fault::refuse(400, "Bad Request: can't parse entities: x"),
    );
    send(&bot, "**hi**").expect("the bare text is sent");
    let sent = server.wait_sent(1, SOON).remove(0);
    assert_eq!((sent.text.as_str(), sent.entities.len()), ("hi", 0));
}

#[test]
fn a_send_under_way_is_cut() {
    let (server, bot) = pair();
    server.fail_next("sendMessage", Fault::Hang);
    thread::scope(|scope| {
        let sending = scope.spawn(|| code(send(&bot, "hi")));
        server.wait_calls("sendMessage", 1, SOON);
        bot.cut();
        assert_eq!(sending.join().expect("no panic"), Code::EndpointUncertain);
    });
    assert_eq!(code(send(&bot, "hi")).retry(), Retry::Later);
}

#[test]
fn pace_keeps_one_chat_to_one_message_a_second_and_others_free() {
    let server = Telegram::start();
    let bot = bot(Settings {
        pace: true,
        ..open(&server)
    });
    let part = parts(&bot, "hi").remove(0);
    let id = PartId { reply: 1, index: 0 };
    for chat in [ANN, 1002, ANN] {
        bot.send(&to(chat), &part, id).expect("it is sent");
    }
    let sent = server.sent();
    let gap = |a: usize, b: usize| sent[b].at - sent[a].at;
    assert!(gap(0, 2) >= Duration::from_millis(990), "{:?}", gap(0, 2));
    assert!(gap(0, 1) < Duration::from_millis(900), "{:?}", gap(0, 1));
}

#[test]
fn waiting_for_the_pace_is_cut_too() {
    let server = Telegram::start();
    let bot = bot(Settings {
        pace: true,
        ..open(&server)
    });
    send(&bot, "hi").expect("the first need not wait");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| send(&bot, "hi"));
        bot.cut();
        let error = waiting.join().expect("no panic").expect_err("it was cut");
        assert_eq!(error.code, Code::Stopping);
    });
}

#[test]
fn typing_is_shown_once_in_four_seconds_and_its_failures_harm_nothing() {
    let (server, bot) = pair();
    let step = |chat, step| {
        bot.progress(&Progress {
            to: to(chat),
            turn: 1,
            step,
        })
    };
    server.fail_next("sendChatAction", Fault::Html(502));
    step(ANN, Step::Thinking).expect("swallowed");
    step(ANN, Step::Tool("search".into())).expect("not due");
    step(1002, Step::Text("so far".into())).expect("shown");
    step(ANN, Step::Over).expect("nothing to do");
    step(ANN, Step::Thinking).expect("a new turn");
    let calls = server.wait_calls("sendChatAction", 3, SOON);
    let chats: Vec<_> = calls
        .iter()
        .map(|call| call.params["chat_id"].as_i64())
        .collect();
    assert_eq!(chats, [Some(ANN), Some(1002), Some(ANN)]);
    server.fail_next("sendChatAction", Fault::flood(60));
    step(1003, Step::Thinking).expect("swallowed");
    step(1004, Step::Thinking).expect("held back");
    assert_eq!(server.calls("sendChatAction").len(), 4);
    send(&bot, "hi").expect("messages are not held back");
}

#[test]
fn many_people_at_once_are_all_heard_and_answered() {
    let (server, bot) = pair();
    server.forget_calls();
    let people = 2000..2250;
    for chat in people.clone() {
        server.push(chat, &format!("from {chat}"));
    }
    let (mut cursor, mut items) = (None, Vec::new());
    while items.len() < people.clone().count() {
        let batch = bot.receive(cursor.as_ref()).expect("it answers");
        cursor = batch.cursor;
        items.extend(batch.items);
    }
    let part = &parts(&bot, "hi").remove(0);
    thread::scope(|scope| {
        for some in items.chunks(32) {
            let (bot, id) = (&bot, PartId { reply: 1, index: 0 });
            scope.spawn(move || {
                for item in some {
                    bot.send(&item.address, part, id).expect("it is sent");
                }
            });
        }
    });
    let mut chats: Vec<_> = server.sent().iter().map(|sent| sent.chat).collect();
    chats.sort_unstable();
    assert!(chats.into_iter().eq(people));
}

#[test]
fn check_names_the_bot_and_who_is_locked_out() {
    let server = Telegram::start();
    assert_eq!(
        bot(open(&server)).check().expect("it answers"),
        "@broca_bot (42)"
    );
    let closed = bot(Settings::new(server.token(), &server.url()));
    assert!(
        closed
            .check()
            .expect("it answers")
            .contains("nobody may talk")
    );
    let wrong = bot(Settings {
        access: Access::Open,
        ..Settings::new("42:wrong", &server.url())
    });
    assert_eq!(code(wrong.check()), Code::EndpointUnauthorized);
}
