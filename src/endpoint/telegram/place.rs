//! Where the bot stands in its stream of updates.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::Cursor;
use crate::time::Timestamp;

/// After a week without updates Telegram begins to number at random, perhaps below the last one. An
/// offset above would hide those, so none is given then: what was received is long confirmed.
const EPOCH: Duration = Duration::from_hours(6 * 24);

/// The last update received, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    last: i64,
    at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Written {
    bot: String,
    update: i64,
    at: Timestamp,
}

impl Place {
    /// Just behind this update, now.
    pub(super) fn at(last: i64) -> Self {
        Self {
            last,
            at: Timestamp::now(),
        }
    }

    /// From a stored cursor; `None` where it is of another bot, or unreadable.
    pub(super) fn read(cursor: &Cursor, account: &str) -> Option<Self> {
        let written: Written = serde_json::from_str(&cursor.0).ok()?;
        let Written { bot, update, at } = written;
        (bot == account).then_some(Self { last: update, at })
    }

    /// To be stored.
    pub(super) fn cursor(self, account: &str) -> Cursor {
        let bot = account.to_owned();
        let written = Written {
            bot,
            update: self.last,
            at: self.at,
        };
        Cursor(serde_json::to_string(&written).expect("a plain struct serialises"))
    }

    /// What the next poll asks for.
    pub(super) fn offset(self) -> Option<i64> {
        let recent = Timestamp::now().since(self.at) < EPOCH;
        recent.then(|| self.last.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_for_its_own_bot_only() {
        let cursor = Place::at(7).cursor("42");
        let place = Place::read(&cursor, "42").expect("its own");
        assert_eq!(place.offset(), Some(8));
        assert_eq!(Place::read(&cursor, "43"), None);
        assert_eq!(Place::read(&Cursor("?".into()), "42"), None);
    }

    #[test]
    fn after_a_week_the_numbers_begin_anew() {
        let at = Timestamp::now().minus(Duration::from_hours(7 * 24));
        assert_eq!(Place { last: 7, at }.offset(), None);
    }
}
