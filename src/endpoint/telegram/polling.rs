//! Asks Telegram for updates, and makes messages of them.

use std::sync::atomic::Ordering;

use frankenstein::methods::GetUpdatesParams;
use frankenstein::types::AllowedUpdate;

use super::trouble::Trouble;
use super::{NAME, Telegram, stopped, updates};
use crate::error::{Code, Error, Result};
use crate::message::{Inbound, Standing};

/// How long a poll waits for an update, in seconds. Telegram waits 50 at most.
const POLL: u32 = 30;

impl Telegram {
    /// The updates behind `offset`, waiting for the first.
    pub(super) fn poll(&self, offset: Option<i64>) -> Result<Vec<serde_json::Value>> {
        let params = GetUpdatesParams::builder()
            .maybe_offset(offset)
            .limit(100)
            .timeout(POLL)
            .allowed_updates(vec![
                AllowedUpdate::Message,
                AllowedUpdate::EditedMessage,
                AllowedUpdate::MyChatMember,
            ])
            .build();
        self.api.updates(&params).map_err(|trouble| {
            if self.stopped.load(Ordering::Acquire) {
                return stopped();
            }
            match &trouble {
                Trouble::Refused(refusal) if refusal.code == 409 => self.conflict(trouble),
                _ => trouble.of_asking("polling"),
            }
        })
    }

    /// Another program polls, or a webhook is set. A webhook of an earlier setup would keep the bot deaf
    /// for ever, so it is taken away; what waits at Telegram stays.
    fn conflict(&self, trouble: Trouble) -> Error {
        let error = trouble.of_asking("polling");
        let set = self
            .api
            .webhook()
            .is_ok_and(|webhook| !webhook.url.is_empty());
        if !set {
            return error;
        }
        log::warn!(
            endpoint = NAME, account = self.account.as_str();
            "a webhook was set for this bot; it is removed"
        );
        if let Err(trouble) = self.api.delete_webhook() {
            return trouble.of_asking("removing the webhook");
        }
        Error::new(
            Code::EndpointConflict,
            "telegram: a webhook was set for this bot; it is removed",
        )
        .hint("stop the program that sets a webhook for this token, if it comes again")
    }

    /// An update as a message, with its sender's standing.
    pub(super) fn arrived(&self, update: &serde_json::Value) -> Result<Inbound> {
        let mut arrival = updates::understand(update, &self.account);
        let standing = self.door.judge(&arrival.inbound.from)?;
        if standing == Standing::Welcome {
            arrival.inbound.join = self.joining.of(&arrival);
        } else {
            arrival.inbound.raw = None;
        }
        arrival.inbound.standing = standing;
        let inbound = &arrival.inbound;
        log::debug!(
            endpoint = NAME, update = updates::number(update).unwrap_or_default(),
            chat = inbound.address.chat.as_str(), user = inbound.from.id.as_str();
            "an update came ({:?})", inbound.standing
        );
        Ok(arrival.inbound)
    }
}
