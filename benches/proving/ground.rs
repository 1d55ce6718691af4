//! Stand-ins for Telegram and Letta, and what is sent between them.

use std::time::{Duration, Instant};

use crate::shared::support::letta::Letta;
use crate::shared::support::telegram::Telegram;

/// Nothing here takes this long.
const DEADLINE: Duration = Duration::from_mins(2);
/// The first person's id.
const FIRST: i64 = 1001;

/// A pair of stand-ins.
pub(crate) struct Ground {
    pub(crate) telegram: Telegram,
    pub(crate) letta: Letta,
    replies: usize,
}

impl Ground {
    /// Stand-ins that keep counts only, so that they bear load.
    pub(crate) fn lean() -> Self {
        let ground = Self::watched(Telegram::start(), Letta::start());
        ground.telegram.forget_calls();
        ground.letta.lean();
        ground
    }

    /// These stand-ins, which also log every call.
    pub(crate) const fn watched(telegram: Telegram, letta: Letta) -> Self {
        Self {
            telegram,
            letta,
            replies: 0,
        }
    }

    /// How many replies have been waited for so far.
    pub(crate) fn replies(&self) -> usize {
        self.replies
    }

    /// Pushes one message, waits for its reply, and gives what lay between the two.
    pub(crate) fn exchange(&mut self, person: usize, text: &str) -> Duration {
        let pushed = Instant::now();
        self.push(person, text);
        self.wait(1) - pushed
    }

    /// Pushes `each` messages for each of `people`, waits for all replies, and gives how long it took.
    pub(crate) fn burst(&mut self, people: usize, each: usize) -> Duration {
        let pushed = Instant::now();
        for number in 0..each {
            for person in 0..people {
                self.push(person, &format!("message {number} of person {person}"));
            }
        }
        self.wait(people * each) - pushed
    }

    /// One message by the person of this number.
    fn push(&self, person: usize, text: &str) {
        self.telegram.push(id(person), text);
    }

    /// When the last of `more` replies came.
    fn wait(&mut self, more: usize) -> Instant {
        self.replies += more;
        self.telegram.wait_nth(self.replies, DEADLINE).at
    }
}

/// A person's id at Telegram.
fn id(person: usize) -> i64 {
    FIRST + i64::try_from(person).expect("people are few")
}
