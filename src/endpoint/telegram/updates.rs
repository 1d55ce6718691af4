//! Updates into messages. Pure, and no update can fail another: what cannot be decoded is passed on
//! raw.

use frankenstein::types::User;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::wording;
use super::written::{READ, Written};
use crate::message::{Address, Content, Inbound, Sender, Standing};

/// An update, understood as far as can be.
#[derive(Debug)]
pub(super) struct Arrival {
    /// The message; its standing is not yet known, and it joins nothing yet.
    pub inbound: Inbound,
    /// When it was written, in unix seconds.
    pub date: u64,
    /// Its number in the chat.
    pub number: i64,
    /// UTF-16 units of its text as written.
    pub length: usize,
}

/// The update's own number. Each later one is greater, except after a week without any.
pub(super) fn number(update: &Value) -> Option<i64> {
    update.get("update_id")?.as_i64()
}

/// What `update` brings for the bot of this account.
pub(super) fn understand(update: &Value, account: &str) -> Arrival {
    let (kind, body) = kind_of(update);
    let edited = kind == "edited_message";
    let known = match kind {
        "message" | "edited_message" => message(body, edited),
        "my_chat_member" => member(body),
        _ => None,
    };
    let known = known.unwrap_or_else(|| other(kind, body));
    let key = known.key.unwrap_or_else(|| match number(update) {
        Some(number) => format!("update/{number}"),
        None => "update/unnumbered".to_owned(),
    });
    let raw = known.says_more.then(|| update.to_string());
    Arrival {
        inbound: Inbound {
            key,
            address: address(account, known.chat),
            from: known.from,
            standing: Standing::Stranger,
            content: known.content,
            raw,
            join: None,
        },
        date: known.date,
        number: known.number,
        length: known.length,
    }
}

/// What was found in an update's body.
struct Known {
    key: Option<String>,
    chat: i64,
    from: Sender,
    content: Content,
    says_more: bool,
    date: u64,
    number: i64,
    length: usize,
}

impl Known {
    /// Something in this chat that is not a message.
    const fn event(chat: i64, from: Sender, content: Content, says_more: bool) -> Self {
        Self {
            key: None,
            chat,
            from,
            content,
            says_more,
            date: 0,
            number: 0,
            length: 0,
        }
    }
}

/// The update's one field besides its number.
fn kind_of(update: &Value) -> (&str, &Value) {
    let fields = update.as_object().into_iter().flatten();
    let mut others = fields.filter(|(name, _)| *name != "update_id");
    others
        .next()
        .map_or(("nothing", &Value::Null), |(name, body)| (name, body))
}

fn message(body: &Value, edited: bool) -> Option<Known> {
    let raw = body.as_object()?;
    let message = Written::read(body)?;
    let (chat, number) = (message.chat.id, message.message_id);
    let mut key = format!("{chat}/{number}");
    let content = content(&message, raw, &key, edited);
    if edited {
        key = format!("{key}/{}", message.edit_date.unwrap_or(message.date));
    }
    let plain = matches!(content, Content::Text(_)) && raw.keys().all(|key| READ.contains(&&**key));
    Some(Known {
        key: Some(key),
        chat,
        says_more: !plain,
        date: message.date,
        number,
        length: message.text.as_deref().map_or(0, super::styled::utf16),
        from: message.from.as_ref().map(sender).unwrap_or_default(),
        content,
    })
}

fn content(message: &Written, raw: &Map<String, Value>, key: &str, edited: bool) -> Content {
    if message.chat.kind != "private" {
        return Content::Other(format!("{} message", message.chat.kind));
    }
    if message.from.as_ref().is_none_or(|from| from.is_bot) {
        return Content::Other("message of a bot".to_owned());
    }
    match (wording::words(message, raw), edited) {
        (Some(text), false) => Content::Text(text),
        (Some(text), true) => Content::Edit {
            of: key.to_owned(),
            text,
        },
        (None, _) => Content::Other(wording::kind(raw)),
    }
}

/// The person blocked the bot or came back.
fn member(body: &Value) -> Option<Known> {
    let (chat, from) = ends(body);
    let private = body.pointer("/chat/type")?.as_str()? == "private";
    let reachable = match body.pointer("/new_chat_member/status")?.as_str()? {
        "kicked" | "left" => false,
        "member" => true,
        _ => return None,
    };
    private.then(|| Known::event(chat, from, Content::Reachable(reachable), false))
}

fn other(kind: &str, body: &Value) -> Known {
    let (chat, from) = ends(body);
    Known::event(chat, from, Content::Other(kind.to_owned()), true)
}

/// Chat and sender, wherever an update of any kind may name them.
fn ends(body: &Value) -> (i64, Sender) {
    let from = ["/from", "/user"]
        .iter()
        .find_map(|path| body.pointer(path));
    let from = from.and_then(|from| User::deserialize(from).ok());
    let from = from.as_ref().map(sender).unwrap_or_default();
    let chat = ["/chat/id", "/message/chat/id", "/from/id", "/user/id"];
    let chat = chat.iter().find_map(|path| body.pointer(path)?.as_i64());
    (chat.unwrap_or(0), from)
}

fn sender(user: &User) -> Sender {
    let last = user.last_name.as_deref().unwrap_or_default();
    let name = format!("{} {last}", user.first_name);
    Sender {
        id: user.id.to_string(),
        username: user.username.clone(),
        name: Some(name.trim().to_owned()).filter(|name| !name.is_empty()),
        language: user.language_code.clone(),
    }
}

fn address(account: &str, chat: i64) -> Address {
    Address {
        endpoint: super::NAME.to_owned(),
        account: account.to_owned(),
        chat: chat.to_string(),
        thread: None,
    }
}

#[cfg(test)]
mod tests;
