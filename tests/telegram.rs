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

mod access;
mod receiving;
mod sending;

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
