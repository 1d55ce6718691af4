//! What is read of a message that someone wrote, of the many things that it may hold.
//!
//! Not the library's `Message`: decoding all that Telegram knows into types is an eighth of the whole program, and a
//! new kind of value anywhere in them would cost the message.

use frankenstein::types::{MessageEntity, User};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Keys that are read, and that leave nothing untold of a message that has no others.
pub(super) const READ: &[&str] = &[
    "message_id",
    "from",
    "chat",
    "date",
    "edit_date",
    "text",
    "caption",
];

/// A message (Bot API, `Message`). What is only useful is left out where it cannot be read.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    pub message_id: i64,
    pub from: Option<User>,
    pub chat: Chat,
    pub date: u64,
    pub edit_date: Option<u64>,
    pub text: Option<String>,
    pub caption: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    pub entities: Vec<MessageEntity>,
    #[serde(default, deserialize_with = "lenient")]
    pub caption_entities: Vec<MessageEntity>,
    #[serde(default, deserialize_with = "lenient")]
    pub quote: Option<Quote>,
    #[serde(default, deserialize_with = "lenient")]
    pub reply_to_message: Option<Replied>,
}

/// Where it was written.
#[derive(Debug, Deserialize)]
pub(super) struct Chat {
    pub id: i64,
    #[serde(rename = "type")]
    pub kind: String,
}

/// The words that the person picked of the message that they reply to.
#[derive(Debug, Deserialize)]
pub(super) struct Quote {
    pub text: String,
}

/// The message that is replied to.
#[derive(Debug, Deserialize)]
pub(super) struct Replied {
    pub text: Option<String>,
    pub caption: Option<String>,
}

impl Written {
    /// The message that `body` holds, if it is one.
    pub(super) fn read(body: &Value) -> Option<Self> {
        Self::deserialize(body).ok()
    }
}

fn lenient<'de, D, T>(value: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(value)?;
    Ok(T::deserialize(value).unwrap_or_default())
}
