//! The Bot API over HTTP: requests, and what can go wrong with them.

use std::time::Duration;

use frankenstein::methods::{
    DeleteWebhookParams, GetUpdatesParams, SendChatActionParams, SendMessageParams,
};
use frankenstein::types::User;
use frankenstein::updates::WebhookInfo;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
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
        let answer = self.ask(&self.polls, "getUpdates", params, Patience::brief(wait))?;
        read(answer, updates_in).map_err(|trouble| self.lost(trouble))
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
        let answer = self.ask(http, method, params, patience)?;
        read(answer, |text| serde_json::from_str(text).ok()).map_err(|trouble| self.lost(trouble))
    }

    fn ask(
        &self,
        http: &Http,
        method: &str,
        params: &impl Serialize,
        patience: Patience,
    ) -> Result<Answer, Trouble> {
        let json = serde_json::to_string(params)
            .map_err(|error| Trouble::NotSent(format!("the request cannot be made: {error}")))?;
        let call = Call {
            method: Method::POST,
            url: &format!("{}{method}", self.base.reveal()),
            headers: Vec::new(),
            json: Some(if json == "null" { "{}" } else { &json }),
            patience,
        };
        http.send(&call)
            .map_err(|failure| self.lost(failure.into()))
    }

    /// No words about a failure may hold the token, which is part of every address.
    fn lost(&self, trouble: Trouble) -> Trouble {
        trouble.without(self.token.reveal())
    }
}

/// What every answer has; its parts are left as they are, so that one that is odd spoils no other.
#[derive(Deserialize)]
struct Whole<'a> {
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

fn read<T>(answer: Answer, result: impl Fn(&str) -> Option<T>) -> Result<T, Trouble> {
    let (status, header) = (answer.status, answer.retry_after);
    let text = answer.text()?;
    let unreadable = || Trouble::unreadable(status, header);
    let whole: Whole<'_> = serde_json::from_str(&text).map_err(|_| unreadable())?;
    if whole.ok {
        let found = whole.result.map_or("null", RawValue::get);
        return result(found).ok_or_else(unreadable);
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(body)) => Err(Trouble::Refused(Refusal::read(status, header, &body))),
        _ => Err(unreadable()),
    }
}

/// Each update by itself. What is no value that can be held (a number too large, half a character, too deep) becomes
/// its number and its text.
fn updates_in(result: &str) -> Option<Vec<Value>> {
    #[derive(Deserialize)]
    struct Numbered {
        update_id: i64,
    }
    let all: Vec<&RawValue> = serde_json::from_str(result).ok()?;
    let updates = all.into_iter().map(RawValue::get).map(|text| {
        serde_json::from_str(text).unwrap_or_else(|_| {
            let numbered = serde_json::from_str::<Numbered>(text);
            let number = numbered.ok().map(|one| one.update_id);
            json!({ "update_id": number, "unreadable": text })
        })
    });
    Some(updates.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_that_no_value_can_hold_keeps_its_number_and_spoils_no_other() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for odd in ["1e999", r#""\ud800""#, deep.as_str()] {
            let text = format!(
                r#"[{{"update_id":1,"message":{{}}}},{{"news":{odd},"update_id":2}},{{"update_id":3}}]"#
            );
            let updates = updates_in(&text).expect("they are read");
            let numbers: Vec<_> = updates
                .iter()
                .map(|one| one["update_id"].as_i64())
                .collect();
            assert_eq!(numbers, [Some(1), Some(2), Some(3)], "{odd}");
            let raw = updates[1]["unreadable"].as_str();
            assert!(raw.is_some_and(|raw| raw.contains(odd)), "{updates:?}");
        }
    }
}
