//! Numbers that look random and come again from the same seed.

use std::time::Duration;

use super::broca::note;

/// `SplitMix64`.
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice whose throws all follow from `seed`.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next throw, below `most`.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    /// Whether something happens that happens once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Dice of their own, for another thread.
    pub(crate) fn further(&mut self) -> Self {
        Self(self.below(u64::MAX))
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

/// The seed that `BROCA_TEST_SEED` names, else a new one. Printed, so that a run can be repeated.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("BROCA_TEST_SEED").ok();
    let given = given.and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(fresh_seed);
    note(&format!("BROCA_TEST_SEED={seed}"));
    seed
}

/// A seed that was hardly used before.
pub(crate) fn fresh_seed() -> u64 {
    let random = uuid::Uuid::now_v7().as_u128();
    u64::try_from(random & 0xffff_ffff).expect("32 bits fit")
}
