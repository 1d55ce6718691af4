//! What goes out.

use super::*;

#[test]
fn a_reply_arrives_with_its_styles() {
    let (server, bot) = pair();
    let receipt = send(&bot, "😀 **bold** and `code`").expect("it is sent");
    let sent = server.wait_nth(1, SOON);
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
    let sent = server.wait_nth(1, SOON);
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
