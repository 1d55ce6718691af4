//! Lets messages out at Telegram's pace.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::pace::Pace;
use crate::error::{Code, Error, Result};

/// The longest that a message waits here; what has to wait longer comes again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pace, and a way to end all waiting.
#[derive(Default)]
pub(super) struct Turnstile {
    state: Mutex<State>,
    closed: Condvar,
}

#[derive(Default)]
struct State {
    pace: Pace,
    closed: bool,
}

impl Turnstile {
    /// Waits until a message to `chat` may leave.
    ///
    /// Errors: `endpoint.rate-limited` where that is too far off, `stopping` once closed.
    pub(super) fn pass(&self, chat: &str) -> Result<()> {
        self.wait(|pace, now| pace.chat_slot(chat, now, PATIENCE))?;
        self.wait(|pace, now| pace.slot(now, PATIENCE))
    }

    /// Ends all waiting, for good.
    pub(super) fn close(&self) {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.closed.notify_all();
    }

    fn wait(
        &self,
        slot: impl FnOnce(&mut Pace, Instant) -> Result<Instant, Duration>,
    ) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slot(&mut state.pace, Instant::now()).map_err(|wait| {
            let words = "telegram: the next message may not leave yet";
            Error::new(Code::EndpointRateLimited, words).after(wait)
        })?;
        let left = slot.saturating_duration_since(Instant::now());
        let waited = self
            .closed
            .wait_timeout_while(state, left, |state| !state.closed);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(Error::new(Code::Stopping, "telegram: sending was stopped"));
        }
        Ok(())
    }
}
