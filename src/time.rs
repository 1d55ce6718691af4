//! The only clock: unix milliseconds that never run backwards within a process, nor stand still.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment, in unix milliseconds (UTC).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
static CLOCK: Clock = Clock(AtomicI64::new(i64::MIN));

/// How far the system's clock was ahead of the time since the start at most, in microseconds.
struct Clock(AtomicI64);

impl Clock {
    /// The present, out of what the system's clock says and the time since the start.
    fn read(&self, wall: i64, passed: i64) -> i64 {
        let lead = wall.saturating_sub(passed);
        let lead = self.0.fetch_max(lead, Ordering::Relaxed).max(lead);
        lead.saturating_add(passed)
    }
}

impl Timestamp {
    /// The present. Where the system's clock is set back, time goes on from where it was until the
    /// process ends: what waits for a moment must not wait until that clock has caught up.
    pub fn now() -> Self {
        let start = *START;
        // In this order, or a pause between the two would count as a leap for ever.
        let wall = wall();
        let passed = i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX);
        Self(CLOCK.read(wall, passed) / 1000)
    }

    /// This moment and `span` more.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// This moment, `span` earlier.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// How long ago `earlier` was; zero where it is in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// RFC 3339 in UTC with milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = UNIX_EPOCH + Duration::from_millis(u64::try_from(self.0).unwrap_or(0));
        humantime::format_rfc3339_millis(moment).fmt(f)
    }
}

/// What the system's clock says, in microseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that keeps it from running backwards"
)]
fn wall() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall = since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    });
    #[cfg(feature = "kill-points")]
    let wall = wall.saturating_add(crate::kill::clock_offset().saturating_mul(1000));
    wall
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_rfc_3339() {
        assert_eq!(
            Timestamp(1_700_000_000_123).to_string(),
            "2023-11-14T22:13:20.123Z"
        );
    }

    #[test]
    fn never_runs_backwards() {
        let moments: Vec<_> = (0..1000).map(|_| Timestamp::now()).collect();
        assert!(moments.is_sorted());
    }

    #[test]
    fn a_clock_that_is_set_back_goes_on_from_where_it_was() {
        let clock = Clock(AtomicI64::new(i64::MIN));
        let seen = [
            (500, 0),
            (510, 10),
            (110, 20),
            (120, 30),
            (900, 40),
            (910, 50),
        ];
        let seen = seen.map(|(wall, passed)| clock.read(wall, passed));
        assert_eq!(seen, [500, 510, 520, 530, 900, 910]);
    }

    #[test]
    fn since_a_later_moment_is_nothing() {
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert_eq!(Timestamp(9).since(Timestamp(5)), Duration::from_millis(4));
    }
}
