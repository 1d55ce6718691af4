//! A Telegram message as text for the agent.

use frankenstein::types::{MessageEntity, MessageEntityType};
use serde_json::{Map, Value};

use super::written::Written;

/// How much of the message that is replied to is quoted, in characters.
const QUOTED: usize = 300;

/// What may be attached, and what it is called. An animation is a document as well, a venue a
/// location: the first found counts.
const MEDIA: &[(&str, &str)] = &[
    ("photo", "photo"),
    ("live_photo", "live photo"),
    ("video", "video"),
    ("animation", "animation"),
    ("audio", "audio"),
    ("voice", "voice message"),
    ("video_note", "video message"),
    ("document", "document"),
    ("sticker", "sticker"),
    ("venue", "venue"),
    ("location", "location"),
    ("contact", "contact"),
    ("poll", "poll"),
    ("dice", "dice"),
    ("story", "story"),
    ("paid_media", "paid media"),
    ("checklist", "checklist"),
    ("game", "game"),
    ("rich_message", "rich message"),
];

/// Keys that come with messages of every kind.
const COMMON: &[&str] = &[
    "message_id",
    "from",
    "chat",
    "date",
    "edit_date",
    "message_thread_id",
    "reply_to_message",
    "forward_origin",
    "via_bot",
    "has_protected_content",
    "is_topic_message",
    "reply_markup",
];

/// The message's text: what is replied to in `>` lines, what is attached in brackets, the addresses
/// behind words kept. `None` where nobody wrote anything.
pub(super) fn words(message: &Written, raw: &Map<String, Value>) -> Option<String> {
    let body = match (&message.text, &message.caption) {
        (Some(text), _) => with_links(text, &message.entities),
        (None, Some(caption)) => {
            let caption = with_links(caption, &message.caption_entities);
            format!("[{}] {caption}", attachment(raw))
        }
        (None, None) => return None,
    };
    let is_command = body.starts_with('/');
    let quote = quoted(message, raw).filter(|_| !is_command);
    Some(match quote {
        Some(quote) => format!("{quote}\n\n{body}"),
        None => body,
    })
}

/// What a message without text is.
pub(super) fn kind(raw: &Map<String, Value>) -> String {
    let known = media(raw).map(str::to_owned);
    let mut keys = raw.keys().filter(|key| !COMMON.contains(&key.as_str()));
    known.unwrap_or_else(|| keys.next().map_or("message", |key| key).to_owned())
}

fn media(raw: &Map<String, Value>) -> Option<&'static str> {
    let found = MEDIA.iter().find(|(key, _)| raw.contains_key(*key));
    found.map(|(_, name)| *name)
}

fn attachment(raw: &Map<String, Value>) -> String {
    let file = raw
        .get("document")
        .and_then(|document| document.get("file_name"));
    match (media(raw), file.and_then(Value::as_str)) {
        (Some("document"), Some(file)) => format!("document: {file}"),
        (Some(name), _) => name.to_owned(),
        (None, _) => "attachment".to_owned(),
    }
}

/// What the person replies to: the words they picked, else the message's beginning.
fn quoted(message: &Written, raw: &Map<String, Value>) -> Option<String> {
    let picked = message.quote.as_ref().map(|quote| quote.text.clone());
    let whole = || {
        let reply = message.reply_to_message.as_ref()?;
        let text = reply.text.as_ref().or(reply.caption.as_ref());
        let bare = || {
            Some(format!(
                "[{}]",
                media(raw.get("reply_to_message")?.as_object()?)?
            ))
        };
        text.cloned().or_else(bare)
    };
    let text = picked.or_else(whole)?;
    let mut short: String = text.chars().take(QUOTED).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    let lines: Vec<_> = short
        .trim()
        .lines()
        .map(|line| format!("> {line}"))
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// `text` with each address that hides behind words written out, as Markdown does.
fn with_links(text: &str, entities: &[MessageEntity]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for entity in entities {
        let Some((from, to, url)) = link(text, entity).filter(|(from, ..)| *from >= done) else {
            continue;
        };
        out.push_str(&text[done..from]);
        for piece in ["[", &text[from..to], "](", url, ")"] {
            out.push_str(piece);
        }
        done = to;
    }
    out.push_str(&text[done..]);
    out
}

fn link<'a>(text: &str, entity: &'a MessageEntity) -> Option<(usize, usize, &'a str)> {
    let url = entity.url.as_deref()?;
    let start = usize::from(entity.offset);
    let from = byte_at(text, start)?;
    let to = byte_at(text, start + usize::from(entity.length))?;
    let wanted = entity.type_field == MessageEntityType::TextLink && &text[from..to] != url;
    wanted.then_some((from, to, url))
}

/// The byte where the UTF-16 unit `units` begins.
fn byte_at(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(c.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}
