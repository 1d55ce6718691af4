//! How often a key may ask: a bucket of tokens each, in bounded memory.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use crate::error::{Code, Error, Result};
use crate::time::Timestamp;

use super::lock;

/// Keys remembered at once; beyond, the one that asked least is forgotten.
const KEYS: usize = 10_000;

/// Lets each key ask `burst` times at once, and then at an even pace.
///
/// A bucket is one number: the moment at which it is full again (the generic cell rate algorithm).
/// One that is full needs no memory.
#[derive(Debug)]
pub struct Limiter {
    interval: i64,
    slack: i64,
    full_at: Mutex<HashMap<String, i64>>,
}

impl Limiter {
    /// `per_minute` requests a minute and key, `burst` of them at once; neither is taken below 1.
    pub fn new(per_minute: u32, burst: u32) -> Self {
        let interval = (60_000 / i64::from(per_minute.max(1))).max(1);
        Self {
            interval,
            slack: interval * i64::from(burst.max(1) - 1),
            full_at: Mutex::default(),
        }
    }

    /// Takes a token of `key`'s. Errors: `request.rate-limited` with the time until there is one.
    pub fn take(&self, key: &str, now: Timestamp) -> Result<()> {
        let mut full_at = lock(&self.full_at);
        let full = full_at.get(key).map_or(now.0, |at| (*at).max(now.0));
        let early = full - now.0 - self.slack;
        if early > 0 {
            let wait = Duration::from_millis(early.unsigned_abs());
            return Err(Error::new(Code::RequestLimited, "too many requests").after(wait));
        }
        if full_at.len() >= KEYS && !full_at.contains_key(key) {
            make_room(&mut full_at, now);
        }
        full_at.insert(key.to_owned(), full + self.interval);
        Ok(())
    }
}

fn make_room(full_at: &mut HashMap<String, i64>, now: Timestamp) {
    full_at.retain(|_, at| *at > now.0);
    if full_at.len() < KEYS {
        return;
    }
    let idlest = full_at.iter().min_by_key(|(_, at)| **at);
    if let Some(key) = idlest.map(|(key, _)| key.clone()) {
        full_at.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_then_an_even_pace() {
        let limiter = Limiter::new(60, 3);
        let ask = |at| limiter.take("a", Timestamp(at));
        assert!((0..3).all(|_| ask(0).is_ok()));
        let error = ask(0).expect_err("the bucket is empty");
        assert_eq!(error.retry_after, Some(Duration::from_secs(1)));
        assert!(ask(999).is_err() && ask(1000).is_ok() && ask(1000).is_err());
        assert!(limiter.take("b", Timestamp(0)).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(1, 1);
        for key in 0..KEYS + 50 {
            limiter.take(&key.to_string(), Timestamp(0)).expect("new");
        }
        assert_eq!(lock(&limiter.full_at).len(), KEYS);
    }

    proptest! {
        #[test]
        fn never_more_than_burst_and_pace(rate in 1..600_u32, burst in 1..20_u32, gaps in prop::collection::vec(0..3000_i64, 1..200)) {
            let limiter = Limiter::new(rate, burst);
            let (mut now, mut passed) = (0, 0_i64);
            for gap in gaps {
                now += gap;
                passed += i64::from(limiter.take("a", Timestamp(now)).is_ok());
            }
            prop_assert!(passed <= i64::from(burst) + now / limiter.interval + 1);
        }
    }
}
