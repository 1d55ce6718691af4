//! What stands between a message and its reply where the agent answers at once.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::daemon::{Daemon, Place, Subject};
use crate::gauge;
use crate::ground::Ground;
use crate::table::Report;

/// What may be added to the bare loop, in milliseconds, and where it is quick the most in all.
const ADDED: f64 = 1.0;
const MOST: f64 = 3.0;
const QUICK: f64 = 1.5;
/// Between two messages, so that each meets a subject at rest.
const PAUSE: Duration = Duration::from_millis(4);
/// Exchanges before counting.
const WARM_UP: usize = 20;

/// A subject at work between its own stand-ins.
pub(crate) struct Lane {
    ground: Ground,
    daemon: Daemon,
    /// Where it lives; gone with it.
    _place: Place,
}

impl Lane {
    /// Starts the subject of a place.
    pub(crate) fn start(ground: Ground, place: Place) -> Self {
        let daemon = place.start();
        Self {
            ground,
            daemon,
            _place: place,
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.daemon.pid()
    }

    /// The ground that it stands on.
    pub(crate) fn ground(&mut self) -> &mut Ground {
        &mut self.ground
    }
}

/// A lane with stand-ins of its own.
pub(crate) fn lane(subject: Subject<'_>, concurrency: usize) -> Lane {
    let ground = Ground::lean();
    let place = Place::new(subject, &ground, concurrency);
    Lane::start(ground, place)
}

/// Exchanges `count` messages in each lane, in turns, since a machine's mood changes.
pub(crate) fn interleaved(lanes: &mut [&mut Lane], count: usize) -> Vec<Vec<Duration>> {
    let mut spans = vec![Vec::with_capacity(count); lanes.len()];
    for number in 0..WARM_UP + count {
        for (lane, spans) in lanes.iter_mut().zip(&mut spans) {
            let span = lane.ground.exchange(0, &format!("message {number}"));
            if number >= WARM_UP {
                spans.push(span);
            }
            thread::sleep(PAUSE);
        }
    }
    spans
}

/// Measures Broca beside the bare loop.
pub(crate) fn measure(bin: &Path, count: usize, report: &mut Report) {
    let mut broca = lane(Subject::Broca(bin), 8);
    let mut bare = lane(Subject::Bare, 8);
    let (pid, before) = (broca.pid(), gauge::cpu(broca.pid()));
    let spans = interleaved(&mut [&mut broca, &mut bare], count);
    let cpu = gauge::ms(gauge::cpu(pid).saturating_sub(before)) / gauge::number(count + WARM_UP);
    let [broca, bare] = spans.as_slice() else {
        unreachable!("as many as there are lanes")
    };
    judge(broca, bare, report);
    report.noted("CPU of a single message", format!("{cpu:.2} ms"));
    report.value("cpu_single_ms", cpu);
}

fn judge(broca: &[Duration], bare: &[Duration], report: &mut Report) {
    let [half, most] = [0.5, 0.95].map(|share| gauge::quantile(broca, share));
    let [bare_half, bare_most] = [0.5, 0.95].map(|share| gauge::quantile(bare, share));
    let bar = if bare_half <= QUICK {
        MOST
    } else {
        bare_half + ADDED
    };
    report.judged(
        "added latency, p50",
        format!("≤ {bar:.2} ms"),
        format!("{bare_half:.2} ms"),
        format!("{half:.2} ms"),
        half <= bar,
    );
    report.noted(
        "added latency, p95",
        format!("{most:.2} ms (bare loop {bare_most:.2} ms)"),
    );
    report.value("latency_p50_ms", half);
    report.value("latency_p95_ms", most);
    report.value("bare_latency_p50_ms", bare_half);
    report.value("bare_latency_p95_ms", bare_most);
}
