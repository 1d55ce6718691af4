//! When a chat is to be shown typing again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Telegram shows it for five seconds. A little less than four, so that a clock that ticks every four
/// seconds is never just too early.
const EVERY: Duration = Duration::from_millis(3500);
/// Chats remembered before stale ones are forgotten (the word that a turn is over may get lost).
const MANY: usize = 256;

/// When each chat was shown typing last. Pure: the time is given.
#[derive(Debug, Default)]
pub(super) struct Typing {
    shown: HashMap<String, Instant>,
    /// Telegram asked for quiet until then.
    hold: Option<Instant>,
}

impl Typing {
    /// Whether to show it now; if so, it counts as shown.
    pub(super) fn is_due(&mut self, chat: &str, now: Instant) -> bool {
        if self.hold.is_some_and(|until| now < until) {
            return false;
        }
        if self.shown.get(chat).is_some_and(|last| now < *last + EVERY) {
            return false;
        }
        if self.shown.len() >= MANY {
            self.shown.retain(|_, last| now < *last + EVERY);
        }
        self.shown.insert(chat.to_owned(), now);
        true
    }

    /// The chat's turn is over.
    pub(super) fn over(&mut self, chat: &str) {
        self.shown.remove(chat);
    }

    /// No typing anywhere until then.
    pub(super) fn hold(&mut self, until: Instant) {
        self.hold = self.hold.max(Some(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_is_shown_typing_again_before_it_lapses() {
        let (mut typing, now) = (Typing::default(), Instant::now());
        assert!(typing.is_due("a", now));
        assert!(!typing.is_due("a", now + EVERY / 2));
        assert!(typing.is_due("b", now + EVERY / 2));
        assert!(typing.is_due("a", now + EVERY));
        typing.over("a");
        assert!(typing.is_due("a", now + EVERY));
        typing.hold(now + EVERY * 3);
        assert!(!typing.is_due("c", now + EVERY * 2));
    }
}
