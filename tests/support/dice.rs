//! Randomness that can be repeated: `BROCA_TEST_SEED` is the seed of a run.

use std::time::Duration;

use super::broca::note;

/// Numbers that look random and are the same for the same seed (`splitmix64`).
pub(crate) struct Dice(u64);

impl Dice {
    /// The seed of the environment, or a new one, which is printed.
    pub(crate) fn new() -> Self {
        let given = std::env::var("BROCA_TEST_SEED").ok();
        let given = given.and_then(|text| text.parse().ok());
        let now = broca::time::Timestamp::now().0.unsigned_abs();
        let seed = given.unwrap_or(now ^ (u64::from(std::process::id()) << 32));
        note(&format!("BROCA_TEST_SEED={seed}"));
        Self(seed)
    }

    /// Dice of their own, for another thread.
    pub(crate) fn further(&mut self) -> Self {
        Self(self.below(u64::MAX))
    }

    /// The next number, below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    /// A span of fewer milliseconds than `limit`.
    pub(crate) fn millis(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit))
    }

    /// Brings `all` into an order that looks random.
    pub(crate) fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            let limit = u64::try_from(last + 1).expect("few");
            all.swap(last, usize::try_from(self.below(limit)).expect("few"));
        }
    }
}
