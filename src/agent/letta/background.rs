//! Whether the server runs turns in the background, which it does with Redis only: then it knows a
//! repeated request again, and a dropped stream can be resumed.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use crate::error::Result;
use crate::time::Timestamp;

use super::api::Api;

/// How often a server without Redis is asked whether it has one by now.
const AGAIN: Duration = Duration::from_mins(1);

/// An id of the form that Letta checks, version 4, which names nothing.
fn nothing() -> Uuid {
    let version = 0xf_u128 << 76;
    Uuid::from_u128(Uuid::now_v7().as_u128() & !version | (4 << 76))
}

/// What is known of it. Until something says otherwise, it is there.
#[derive(Debug)]
pub(super) struct Background {
    there: AtomicBool,
    asked: AtomicI64,
}

impl Background {
    pub(super) const fn new() -> Self {
        Self {
            there: AtomicBool::new(true),
            asked: AtomicI64::new(0),
        }
    }

    /// What is known.
    pub(super) fn is_there(&self) -> bool {
        self.there.load(Ordering::Relaxed)
    }

    /// Asks the server, without a turn: the stream of a conversation that does not exist is refused
    /// with 503 before anything is looked for where there is no Redis, else with 400 or 404.
    pub(super) fn ask(&self, api: &Api) -> Result<bool> {
        let path = format!("/v1/conversations/conv-{}/stream", nothing());
        let there = match api.post::<Value>(&path, "{}")? {
            Ok(_) => true,
            Err(refusal) if refusal.status < 500 && !matches!(refusal.status, 401 | 403) => true,
            Err(refusal) if refusal.status == 503 => false,
            Err(refusal) => return Err(refusal.error()),
        };
        self.there.store(there, Ordering::Relaxed);
        self.asked.store(Timestamp::now().0, Ordering::Relaxed);
        Ok(there)
    }

    /// Asks a server that had none whether it has it by now, if that was a while ago.
    pub(super) fn refresh(&self, api: &Api) -> Result<()> {
        let asked = Timestamp(self.asked.load(Ordering::Relaxed));
        if !self.is_there() && Timestamp::now().since(asked) > AGAIN {
            self.ask(api)?;
        }
        Ok(())
    }
}
