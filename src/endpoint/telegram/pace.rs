//! Telegram's pace: when the next message may leave.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Between two messages to one chat.
const CHAT: Duration = Duration::from_secs(1);
/// Between any two messages: 30 a second.
const ALL: Duration = Duration::from_millis(34);
/// Chats remembered before those that may send at once are forgotten.
const MANY: usize = 256;

/// When what was promised last leaves. Pure: the time is given.
#[derive(Debug, Default)]
pub(super) struct Pace {
    chats: HashMap<String, Instant>,
    all: Option<Instant>,
    forget_at: usize,
}

impl Pace {
    /// When a message to `chat` may leave as far as the chat is concerned; the time is taken. Other
    /// chats are not kept waiting by it: [`Self::slot`] is asked when that time has come.
    ///
    /// Errors: how far off it is, where that is more than `most`; nothing is taken then.
    pub(super) fn chat_slot(
        &mut self,
        chat: &str,
        now: Instant,
        most: Duration,
    ) -> Result<Instant, Duration> {
        if self.chats.len() > self.forget_at.max(MANY) {
            self.chats.retain(|_, next| *next > now);
            self.forget_at = self.chats.len() * 2;
        }
        let slot = self
            .chats
            .get(chat)
            .copied()
            .map_or(now, |next| next.max(now));
        within(slot, now, most)?;
        self.chats.insert(chat.to_owned(), slot + CHAT);
        Ok(slot)
    }

    /// As [`Self::chat_slot`], as far as all chats together are concerned.
    pub(super) fn slot(&mut self, now: Instant, most: Duration) -> Result<Instant, Duration> {
        let slot = self.all.map_or(now, |next| next.max(now));
        within(slot, now, most)?;
        self.all = Some(slot + ALL);
        Ok(slot)
    }
}

fn within(slot: Instant, now: Instant, most: Duration) -> Result<(), Duration> {
    let wait = slot - now;
    if wait > most { Err(wait) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(5);

    fn chat(pace: &mut Pace, chat: &str, now: Instant) -> Instant {
        pace.chat_slot(chat, now, MOST).expect("near enough")
    }

    #[test]
    fn one_chat_waits_and_others_do_not() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let slots: Vec<_> = (0..3).map(|_| chat(&mut pace, "a", now) - now).collect();
        assert_eq!(slots, [Duration::ZERO, CHAT, CHAT * 2]);
        assert_eq!(chat(&mut pace, "b", now), now);
        assert_eq!(chat(&mut pace, "a", now + CHAT * 9), now + CHAT * 9);
    }

    #[test]
    fn what_is_too_far_off_takes_no_time() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        while pace.chat_slot("a", now, MOST).is_ok() {}
        assert_eq!(pace.chat_slot("a", now, MOST), Err(CHAT * 6));
        assert_eq!(pace.chat_slot("a", now, CHAT * 6), Ok(now + CHAT * 6));
    }

    #[test]
    fn all_together_stay_below_thirty_a_second() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let last = (0..31)
            .map(|_| pace.slot(now, MOST).expect("near"))
            .last()
            .expect("some");
        assert!(last - now >= Duration::from_secs(1));
        assert_eq!(pace.slot(now + CHAT * 9, MOST), Ok(now + CHAT * 9));
    }

    #[test]
    fn idle_chats_are_forgotten() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for number in 0..10 * MANY {
            let later = now + CHAT * u32::try_from(number).expect("small");
            chat(&mut pace, &number.to_string(), later);
        }
        assert!(pace.chats.len() <= MANY + 1);
    }
}
