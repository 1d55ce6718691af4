//! What every chat over HTTP does alike: messages in through an inbox, replies out through a feed.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::message::{
    Address, Batch, Content, Inbound, Outbound, Outcome, Part, PartId, Progress, Receipt,
    ReplyKind, Sender, Standing,
};
use crate::shelf::Shelf;
use crate::time::Timestamp;

use super::feed::{Feed, Message, Role};
use super::inbox::Inbox;

/// `receive` waits so long for a message.
const WAIT: Duration = Duration::from_secs(25);
/// Messages that one `receive` gives.
const MOST: usize = 64;
/// A part is not longer, in bytes.
const PART: usize = 60_000;
/// A message's own key is not longer, in bytes.
const KEY: usize = 128;

/// The endpoint half of a chat whose chats are sessions.
pub struct Chat {
    endpoint: &'static str,
    account: &'static str,
    /// Messages that wait to be stored.
    pub inbox: Inbox,
    /// What the sessions see.
    pub feed: Arc<Feed>,
}

/// What a person posts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Post {
    /// What they say.
    pub text: String,
    /// Theirs to choose; the same for a repeat of the same message.
    pub key: String,
}

/// A part as it is stored before it is sent.
#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    turn: Option<i64>,
    text: String,
}

impl Chat {
    /// A chat of this endpoint and account, remembered on `shelf`.
    pub fn new(endpoint: &'static str, account: &'static str, shelf: Arc<dyn Shelf>) -> Self {
        Self {
            endpoint,
            account,
            inbox: Inbox::default(),
            feed: Arc::new(Feed::new(shelf)),
        }
    }

    /// Whose side of the network this is.
    pub const fn account(&self) -> &'static str {
        self.account
    }

    /// The address of a session.
    pub fn address(&self, session: &str) -> Address {
        Address {
            endpoint: self.endpoint.to_owned(),
            account: self.account.to_owned(),
            chat: session.to_owned(),
            thread: None,
        }
    }

    /// Hands a message over and waits until it is committed. Gives whether it is new.
    ///
    /// Errors: `request.malformed` for a bad key or an empty text; those of [`Inbox::submit`].
    pub async fn post(&self, session: &str, from: Sender, post: Post) -> Result<bool> {
        check_key(&post.key)?;
        if post.text.trim().is_empty() {
            return Err(Error::new(Code::RequestMalformed, "`text` is empty"));
        }
        let inbound = Inbound {
            key: format!("{session}/{}", post.key),
            address: self.address(session),
            from,
            standing: Standing::Welcome,
            content: Content::Text(post.text),
            raw: None,
            join: None,
        };
        self.inbox.submit(inbound).await
    }

    /// As `Endpoint::receive`.
    pub fn receive(&self) -> Batch {
        Batch {
            items: self.inbox.receive(WAIT, MOST),
            cursor: None,
        }
    }

    /// As `Endpoint::settled`: shows each stored message in its session, then answers its request.
    pub fn settled(&self, batch: &Batch, outcomes: &[Outcome]) {
        for (inbound, outcome) in batch.items.iter().zip(outcomes) {
            if matches!(outcome, Outcome::New | Outcome::Seen) {
                self.show(inbound);
            }
        }
        self.inbox.settle(batch, outcomes);
    }

    /// As `Endpoint::render`.
    pub fn render(reply: &Outbound) -> Vec<Part> {
        let role = role_of(reply.kind);
        let pieces = pieces(&reply.text, PART).into_iter();
        pieces
            .map(|text| {
                let payload = Payload {
                    role,
                    turn: reply.turn,
                    text: text.to_owned(),
                };
                Part(serde_json::to_string(&payload).expect("a payload is plain JSON"))
            })
            .collect()
    }

    /// As `Endpoint::send`. The receipt is the event's id.
    pub fn send(&self, to: &Address, part: &Part, id: PartId) -> Result<Receipt> {
        let payload: Payload = serde_json::from_str(&part.0).map_err(|error| {
            Error::new(
                Code::EndpointRejected,
                format!("a part cannot be read: {error}"),
            )
        })?;
        let message = Message {
            role: payload.role,
            text: payload.text,
            key: None,
            turn: payload.turn,
            part: id.index,
            at: Timestamp::now(),
        };
        let key = format!("p/{}/{}", id.reply, id.index);
        let number = self.feed.append(&to.chat, &key, &message)?;
        Ok(Receipt(Some(number.to_string())))
    }

    /// As `Endpoint::progress`.
    pub fn progress(&self, progress: &Progress) {
        let mut data = serde_json::to_value(&progress.step).expect("a step is plain JSON");
        data["turn"] = progress.turn.into();
        self.feed.tell(&progress.to.chat, &data.to_string());
    }

    fn show(&self, inbound: &Inbound) {
        let Content::Text(text) = &inbound.content else {
            return;
        };
        let session = &inbound.address.chat;
        let key = inbound.key.get(session.len() + 1..).unwrap_or_default();
        let message = Message {
            role: Role::User,
            text: text.clone(),
            key: Some(key.to_owned()),
            turn: None,
            part: 0,
            at: Timestamp::now(),
        };
        if let Err(error) = self.feed.append(session, &format!("u/{key}"), &message) {
            // It is committed all the same; only the session's own view of it lacks it.
            log::warn!(
                "a message is not shown: {} endpoint={} code={}",
                error.message(),
                self.endpoint,
                error.code
            );
        }
    }
}

const fn role_of(kind: ReplyKind) -> Role {
    match kind {
        ReplyKind::Answer => Role::Agent,
        ReplyKind::Notice => Role::Notice,
        ReplyKind::Error => Role::Error,
        ReplyKind::Operator => Role::Operator,
    }
}

fn check_key(key: &str) -> Result<()> {
    if (1..=KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    let message = format!("`key` is not 1 to {KEY} visible ASCII characters");
    Err(Error::new(Code::RequestMalformed, message))
}

/// `text` cut into pieces of at most `most` bytes, after a line's end where one is near.
fn pieces(text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > most {
        let end = rest.floor_char_boundary(most);
        let line = rest[..end].rfind('\n').map(|at| at + 1);
        let cut = line.filter(|at| *at > end / 2).unwrap_or(end);
        let (piece, left) = rest.split_at(cut);
        pieces.push(piece);
        rest = left;
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(rest);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_are_the_text(text: String, most in 4..50_usize) {
            let pieces = pieces(&text, most);
            prop_assert_eq!(pieces.concat(), text.as_str());
            prop_assert!(pieces.iter().all(|piece| piece.len() <= most));
        }
    }

    #[test]
    fn keys() {
        assert!(check_key("a-1").is_ok() && check_key(&"k".repeat(128)).is_ok());
        for key in ["", "a b", "ä", "a\n", &"k".repeat(129)] {
            assert!(check_key(key).is_err(), "{key:?}");
        }
    }

    #[test]
    fn a_reply_is_one_part_as_it_is() {
        let reply = Outbound {
            reply: 7,
            turn: Some(3),
            to: Address {
                endpoint: "webchat".into(),
                account: "web".into(),
                chat: "s".into(),
                thread: None,
            },
            kind: ReplyKind::Answer,
            text: "*hi*".into(),
        };
        let [part] = &Chat::render(&reply)[..] else {
            panic!("one part");
        };
        assert_eq!(part.0, r#"{"role":"agent","turn":3,"text":"*hi*"}"#);
    }
}
