//! Killed at random under load, alone and with other trouble. `BROCA_TEST_SEED` repeats a run, as far as
//! the machine's own timing allows.

use crate::support::dice;
use crate::support::storm::{Storm, Trouble};

fn storm(times: usize, with: &[Trouble]) {
    if let Some(storm) = Storm::new(None, dice::seed(), with) {
        let verdict = storm.rage(times);
        assert!(verdict.is_good(), "{verdict:?}");
        assert!(verdict.messages > times, "hardly anybody wrote");
    }
}

#[test]
fn killed_a_hundred_times() {
    storm(100, &[]);
}

#[test]
fn killed_or_asked_to_stop() {
    storm(15, &[Trouble::Term]);
}

#[test]
fn killed_while_letta_comes_and_goes() {
    storm(25, &[Trouble::Letta]);
}

#[test]
fn killed_while_connections_break() {
    storm(25, &[Trouble::Cuts]);
}

#[test]
fn killed_while_the_disk_is_full_at_times() {
    storm(25, &[Trouble::Disk]);
}

#[test]
fn killed_with_a_clock_that_is_always_wrong() {
    storm(25, &[Trouble::Clock]);
}

#[test]
fn killed_with_all_of_it_at_once() {
    storm(
        40,
        &[
            Trouble::Term,
            Trouble::Letta,
            Trouble::Cuts,
            Trouble::Disk,
            #[cfg(feature = "kill-points")]
            Trouble::Clock,
        ],
    );
}
