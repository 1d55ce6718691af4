//! Places at which a test makes the process die, and a clock that a test sets. Only the feature
//! `kill-points`, which is never on by default, puts anything behind them.

/// The process may die here: before or after (`when`) what `place` names.
///
/// With the feature `kill-points`, each passing appends `place when number` to the file that
/// `BROCA_KILL_LOG` names, and the passing whose number `BROCA_KILL_AT` names is the last thing that the
/// process does. Numbers count all passings of the process, from 1.
#[cfg(not(feature = "kill-points"))]
#[inline]
pub fn point(_place: &dyn std::fmt::Display, _when: &str) {}

#[cfg(feature = "kill-points")]
pub use on::{clock_offset, point};

#[cfg(feature = "kill-points")]
mod on {
    use std::io::Write as _;
    use std::sync::Mutex;

    static PASSED: Mutex<u64> = Mutex::new(0);

    /// See above.
    pub fn point(place: &dyn std::fmt::Display, when: &str) {
        // Held while dying, so that nothing passes another point meanwhile.
        let mut passed = PASSED
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *passed += 1;
        if let Some(log) = std::env::var_os("BROCA_KILL_LOG") {
            let file = std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .open(log);
            let _ = file.and_then(|mut file| writeln!(file, "{place} {when} {passed}"));
        }
        if std::env::var("BROCA_KILL_AT").is_ok_and(|at| at == passed.to_string()) {
            std::process::abort();
        }
    }

    /// By how many milliseconds the system's clock is set wrong: what stands in the file that
    /// `BROCA_KILL_CLOCK` names, at this moment.
    pub fn clock_offset() -> i64 {
        let offset = || {
            let file = std::env::var_os("BROCA_KILL_CLOCK")?;
            std::fs::read_to_string(file).ok()?.trim().parse().ok()
        };
        offset().unwrap_or(0)
    }
}
