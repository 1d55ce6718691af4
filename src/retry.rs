//! When to try again: pure functions of what happened.

use std::time::Duration;

/// The longest wait that [`backoff`] ever asks for.
pub const LONGEST: Duration = Duration::from_mins(5);

/// How long to wait after the `failures`-th failure in a row (from 1): doubling from `first`, at most
/// [`LONGEST`], spread by up to a quarter so that what failed together does not return together.
///
/// `salt` chooses the place within the spread; the same arguments give the same wait.
pub fn backoff(failures: u32, first: Duration, salt: u64) -> Duration {
    let doubled = first
        .saturating_mul(1_u32 << failures.saturating_sub(1).min(20))
        .min(LONGEST);
    let spread = u64::try_from(doubled.as_millis() / 4).unwrap_or(0);
    let shift = if spread == 0 {
        0
    } else {
        scramble(salt ^ u64::from(failures)) % spread
    };
    doubled.saturating_sub(Duration::from_millis(shift))
}

/// `splitmix64`: neighbouring salts give unrelated numbers.
const fn scramble(salt: u64) -> u64 {
    let mut z = salt.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stays_within_three_quarters_and_the_whole(failures in 1..60_u32, first in 1..5_000_u64, salt: u64) {
            let first = Duration::from_millis(first);
            let wait = backoff(failures, first, salt);
            let whole = first.saturating_mul(1 << (failures - 1).min(20)).min(LONGEST);
            prop_assert!(wait <= whole && wait >= whole * 3 / 4);
        }
    }

    #[test]
    fn grows() {
        let waits: Vec<_> = (1..6)
            .map(|n| backoff(n, Duration::from_secs(1), 7))
            .collect();
        assert!(waits.is_sorted(), "{waits:?}");
    }
}
