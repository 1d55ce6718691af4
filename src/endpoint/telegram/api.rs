//! The Bot API over HTTP: requests, and what can go wrong with them.

use std::time::Duration;

use frankenstein::methods::{
    DeleteWebhookParams, GetUpdatesParams, SendChatActionParams, SendMessageParams,
};
use frankenstein::types::User;
use frankenstein::updates::WebhookInfo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::Method;

use super::trouble::{Refusal, Trouble};
use crate::http::{Answer, Call, Http, Patience};
use crate::secret::Secret;

/// How long a call other than a poll may take.
const BRIEF: Patience = Patience::brief(Duration::from_secs(20));
/// A sign of typing is worth less patience.
const FLEETING: Patience = Patience::brief(Duration::from_secs(5));
/// What a long poll may take beyond its own time.
const SLACK: Duration = Duration::from_secs(15);
/// Idle connections kept for sending.
const IDLE: usize = 32;

/// A bot's side of the Bot API.
pub(super) struct Api {
    /// `https://api.telegram.org/bot<token>/`
    base: Secret,
    token: Secret,
    polls: Http,
    sends: Http,
}

impl Api {
    /// The API at `url` for the bot of `token`. Reaches no network yet.
    pub(super) fn new(url: &str, token: &Secret) -> Self {
        let base = format!("{}/bot{}/", url.trim_end_matches('/'), token.reveal());
        Self {
            base: Secret::new(base),
            token: token.clone(),
            polls: Http::new(1),
            sends: Http::new(IDLE),
        }
    }

    /// Waits up to `params.timeout` for updates, each left undecoded.
    pub(super) fn updates(&self, params: &GetUpdatesParams) -> Result<Vec<Value>, Trouble> {
        let wait = Duration::from_secs(params.timeout.unwrap_or(0).into()) + SLACK;
        self.call(&self.polls, "getUpdates", params, Patience::brief(wait))
    }

    /// Sends a message; gives what Telegram made of it.
    pub(super) fn send(&self, params: &SendMessageParams) -> Result<Value, Trouble> {
        self.call(&self.sends, "sendMessage", params, BRIEF)
    }

    /// Shows that something goes on in the chat, for five seconds.
    pub(super) fn act(&self, params: &SendChatActionParams) -> Result<Value, Trouble> {
        self.call(&self.sends, "sendChatAction", params, FLEETING)
    }

    /// Who the bot is.
    pub(super) fn me(&self) -> Result<User, Trouble> {
        self.call(&self.sends, "getMe", &(), BRIEF)
    }

    /// Where Telegram pushes updates to, if anywhere.
    pub(super) fn webhook(&self) -> Result<WebhookInfo, Trouble> {
        self.call(&self.polls, "getWebhookInfo", &(), BRIEF)
    }

    /// Makes Telegram hold updates for polling again. Those that wait are kept.
    pub(super) fn delete_webhook(&self) -> Result<Value, Trouble> {
        let params = DeleteWebhookParams {
            drop_pending_updates: Some(false),
        };
        self.call(&self.polls, "deleteWebhook", &params, BRIEF)
    }

    /// Ends the poll under way and what belongs to it, and every later one.
    pub(super) fn stop_polls(&self) {
        self.polls.cut();
    }

    /// Ends all other calls under way, and every later one.
    pub(super) fn stop_sends(&self) {
        self.sends.cut();
    }

    fn call<T: DeserializeOwned>(
        &self,
        http: &Http,
        method: &str,
        params: &impl Serialize,
        patience: Patience,
    ) -> Result<T, Trouble> {
        let json = serde_json::to_string(params)
            .map_err(|error| Trouble::NotSent(format!("the request cannot be made: {error}")))?;
        let call = Call {
            method: Method::POST,
            url: &format!("{}{method}", self.base.reveal()),
            headers: Vec::new(),
            json: Some(if json == "null" { "{}" } else { &json }),
            patience,
        };
        let answer = http
            .send(&call)
            .map_err(|failure| self.lost(failure.into()))?;
        read(answer).map_err(|trouble| self.lost(trouble))
    }

    /// No words about a failure may hold the token, which is part of every address.
    fn lost(&self, trouble: Trouble) -> Trouble {
        trouble.without(self.token.reveal())
    }
}

fn read<T: DeserializeOwned>(answer: Answer) -> Result<T, Trouble> {
    let (status, header) = (answer.status, answer.retry_after);
    let text = answer.text()?;
    let Ok(Value::Object(mut body)) = serde_json::from_str(&text) else {
        return Err(Trouble::unreadable(status, header));
    };
    match body.get("ok").and_then(Value::as_bool) {
        Some(true) => {
            let result = body.remove("result").unwrap_or_default();
            serde_json::from_value(result).map_err(|_| Trouble::unreadable(status, header))
        }
        Some(false) => Err(Trouble::Refused(Refusal::read(status, header, &body))),
        None => Err(Trouble::unreadable(status, header)),
    }
}
