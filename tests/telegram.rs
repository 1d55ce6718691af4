//! The Telegram endpoint against a Bot API server that can fail in every known way.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use broca::endpoint::Endpoint;
use broca::endpoint::telegram::{Access, Settings, Telegram as Bot, Who};
use broca::error::{Code, Result, Retry};
use broca::message::{
    Address, Batch, Content, Outbound, Part, PartId, Progress, ReplyKind, Standing, Step,
};
use serde_json::json;

use crate::support::shelf::MemoryShelf;
use crate::support::telegram::{Fault, Telegram};

mod access;
mod receiving;
mod rendering;
mod sending;

const SOON: Duration = Duration::from_secs(10);
const ANN: i64 = 1001;

fn open(server: &Telegram) -> Settings {
    Settings {
        access: Access::Open,
        ..Settings::new(server.token(), &server.url())
    }
}

fn bot(settings: Settings) -> Bot {
    Bot::new(settings, Arc::new(MemoryShelf::default())).expect("the settings are whole")
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
