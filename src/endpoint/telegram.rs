//! Telegram: long polling, private chats, replies as text with entities.
//!
//! An update is confirmed to Telegram only by the poll after it, whose offset comes from the stored
//! cursor; so whatever was not stored comes again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use frankenstein::methods::{SendChatActionParams, SendMessageParams};
use frankenstein::types::{ChatAction, ChatId, LinkPreviewOptions};

use super::{Endpoint, Kind, Opening};
use crate::error::{Code, Error, Result};
use crate::message::{Address, Batch, Cursor, Outbound, Part, PartId, Progress, Receipt, Step};
use crate::shelf::Shelf;
use api::Api;
use place::Place;
use styled::Payload;
use trouble::Trouble;

mod access;
mod api;
mod joining;
mod markup;
mod pace;
mod place;
mod polling;
mod settings;
mod split;
mod styled;
mod trouble;
mod turnstile;
mod typing;
mod updates;
mod wording;
mod written;

pub use settings::{Access, Settings, Who};

/// The endpoint's name.
const NAME: &str = "telegram";
/// How long typing stays away where Telegram asks for quiet without saying how long.
const TYPING_PAUSE: Duration = Duration::from_secs(30);

/// The kind.
pub const KIND: Kind = Kind {
    name: NAME,
    default_on: false,
    read: |section| {
        Settings::read(section);
    },
    open: |opening| {
        let Opening {
            mut section, shelf, ..
        } = opening;
        Ok(Arc::new(Telegram::new(
            Settings::read(&mut section),
            shelf,
        )?))
    },
};

/// A bot.
pub struct Telegram {
    account: String,
    notice: Option<String>,
    api: Api,
    door: access::Door,
    joining: joining::Joining,
    turnstile: Option<turnstile::Turnstile>,
    typing: Mutex<typing::Typing>,
    stopped: AtomicBool,
    cut: AtomicBool,
}

impl Telegram {
    /// A bot with these settings; `shelf` keeps who the usernames in them turned out to be. Reaches no
    /// network yet.
    ///
    /// Errors: `config.missing` without a token, `config.invalid` where it is none.
    pub fn new(settings: Settings, shelf: Arc<dyn Shelf>) -> Result<Self> {
        let hint = "set `TELEGRAM_BOT_TOKEN` to the token that @BotFather gave you";
        let token = settings.token.as_ref();
        let token = token.ok_or_else(|| {
            Error::new(Code::ConfigMissing, "telegram: no token is set").hint(hint)
        })?;
        let account = settings::account(token).ok_or_else(|| {
            Error::new(
                Code::ConfigInvalid,
                "telegram: the token does not look like one",
            )
            .hint(hint)
        })?;
        Ok(Self {
            account: account.to_owned(),
            api: Api::new(&settings.api_url, token),
            door: access::Door::new(&settings, shelf),
            joining: joining::Joining::new(settings.buffer_delay),
            turnstile: settings.pace.then(turnstile::Turnstile::default),
            typing: Mutex::default(),
            stopped: AtomicBool::new(false),
            cut: AtomicBool::new(false),
            notice: settings.notice,
        })
    }

    fn message(to: &Address, payload: Payload) -> Result<SendMessageParams> {
        let Payload { text, entities } = payload;
        Ok(SendMessageParams::builder()
            .chat_id(chat(to)?)
            .maybe_message_thread_id(thread(to))
            .text(text)
            .maybe_entities(Some(entities).filter(|entities| !entities.is_empty()))
            .link_preview_options(LinkPreviewOptions::DISABLED)
            .build())
    }

    /// Sends, and where Telegram does not like the entities, sends the bare text instead.
    fn deliver(&self, mut params: SendMessageParams) -> Result<serde_json::Value, Trouble> {
        match self.api.send(&params) {
            Err(Trouble::Refused(refusal))
                if refusal.code == 400 && !refusal.is_gone() && params.entities.is_some() =>
            {
                log::warn!(
                    endpoint = NAME, chat:? = params.chat_id;
                    "a part was refused with its styles; it goes as plain text"
                );
                params.entities = None;
                self.api.send(&params)
            }
            result => result,
        }
    }

    fn failed(&self, trouble: Trouble) -> Error {
        match trouble {
            Trouble::NotSent(_) if self.cut.load(Ordering::Acquire) => stopped(),
            trouble => trouble.of_sending(),
        }
    }

    fn type_in(&self, to: &Address) -> Result<()> {
        let params = SendChatActionParams::builder()
            .chat_id(chat(to)?)
            .maybe_message_thread_id(thread(to))
            .action(ChatAction::Typing)
            .build();
        if let Err(trouble) = self.api.act(&params) {
            if let Trouble::Refused(refusal) = &trouble
                && refusal.code == 429
            {
                let until = Instant::now().checked_add(refusal.wait().unwrap_or(TYPING_PAUSE));
                self.typing()
                    .hold(until.unwrap_or_else(|| Instant::now() + TYPING_PAUSE));
            }
            log::debug!(
                endpoint = NAME, chat = to.chat.as_str();
                "{}", trouble.of_asking("showing typing")
            );
        }
        Ok(())
    }

    fn typing(&self) -> std::sync::MutexGuard<'_, typing::Typing> {
        self.typing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Endpoint for Telegram {
    fn account(&self) -> String {
        self.account.clone()
    }

    fn receive(&self, cursor: Option<&Cursor>) -> Result<Batch> {
        let place = cursor.and_then(|cursor| Place::read(cursor, &self.account));
        let updates = self.poll(place.and_then(Place::offset))?;
        let last = updates.iter().rev().find_map(updates::number);
        let items = updates.iter().map(|update| self.arrived(update));
        Ok(Batch {
            items: items.collect::<Result<_>>()?,
            cursor: last.map(|last| Place::at(last).cursor(&self.account)),
        })
    }

    fn render(&self, reply: &Outbound) -> Vec<Part> {
        let parts = split::split(&markup::render(&reply.text));
        let mut parts: Vec<_> = parts
            .into_iter()
            .map(|part| part.payload().part())
            .collect();
        if parts.is_empty() {
            parts.push(Payload::bare(&reply.text).part());
        }
        parts
    }

    fn send(&self, to: &Address, part: &Part, id: PartId) -> Result<Receipt> {
        if self.cut.load(Ordering::Acquire) {
            return Err(stopped());
        }
        let params = Self::message(to, Payload::read(part))?;
        if let Some(turnstile) = &self.turnstile {
            turnstile.pass(&to.chat)?;
        }
        let message = self
            .deliver(params)
            .map_err(|trouble| self.failed(trouble))?;
        let number = message
            .get("message_id")
            .and_then(serde_json::Value::as_i64);
        log::debug!(
            endpoint = NAME, chat = to.chat.as_str(), reply = id.reply, part = id.index;
            "a part was sent"
        );
        Ok(Receipt(number.map(|number| number.to_string())))
    }

    fn progress(&self, progress: &Progress) -> Result<()> {
        let chat = &progress.to.chat;
        if progress.step == Step::Over {
            self.typing().over(chat);
            return Ok(());
        }
        let due = self.typing().is_due(chat, Instant::now());
        if due {
            self.type_in(&progress.to)
        } else {
            Ok(())
        }
    }

    fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    fn check(&self) -> Result<String> {
        let me = self
            .api
            .me()
            .map_err(|trouble| trouble.of_asking("asking who the bot is"))?;
        let webhook = self
            .api
            .webhook()
            .map_err(|trouble| trouble.of_asking("asking for a webhook"))?;
        let mut words = format!("@{} ({})", me.username.unwrap_or(me.first_name), me.id);
        if !webhook.url.is_empty() {
            words.push_str("; a webhook is set, and will be removed when Broca polls");
        }
        if self.door.is_shut() {
            words.push_str("; nobody may talk to it yet: set `TELEGRAM_OWNER_ID`");
        }
        Ok(words)
    }

    fn stop_receiving(&self) {
        self.stopped.store(true, Ordering::Release);
        self.api.stop_polls();
    }

    fn cut(&self) {
        self.cut.store(true, Ordering::Release);
        if let Some(turnstile) = &self.turnstile {
            turnstile.close();
        }
        self.api.stop_sends();
    }
}

fn stopped() -> Error {
    Error::new(Code::Stopping, "telegram: the endpoint is stopping")
}

fn chat(to: &Address) -> Result<ChatId> {
    let id = to.chat.parse().map(ChatId::Integer);
    id.map_err(|_| {
        Error::new(
            Code::EndpointRejected,
            format!("telegram: `{}` is not a chat's id", to.chat),
        )
    })
}

fn thread(to: &Address) -> Option<i32> {
    to.thread.as_deref()?.parse().ok()
}
