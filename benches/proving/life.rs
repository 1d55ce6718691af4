//! A daemon's life without work: size, start, rest, stop.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::daemon::{Daemon, Place, Subject};
use crate::gauge;
use crate::ground::Ground;
use crate::shared::support::letta::Letta;
use crate::shared::support::telegram::Telegram;
use crate::table::Report;

/// The bars: megabytes, milliseconds, mebibytes.
const SIZE: f64 = 9.0;
const START: f64 = 30.0;
const STOP: f64 = 200.0;
const MEMORY: f64 = 10.0;
/// Whatever a start stirs up has settled by then.
const REST: Duration = Duration::from_secs(6);
/// Nothing here takes this long.
const DEADLINE: Duration = Duration::from_secs(20);

/// Measures all of it, over `times` starts.
pub(crate) fn measure(bin: &Path, times: usize, report: &mut Report) {
    size(bin, report);
    let ground = Ground::watched(Telegram::start(), Letta::start());
    let place = Place::new(Subject::Broca(bin), &ground, 8);
    let (first, daemon) = start(&ground, &place);
    report.noted(
        "start with a new database",
        format!("{:.1} ms", gauge::ms(first)),
    );
    rest(&daemon, report);
    daemon.stop();
    let (mut starts, mut stops) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let (started, daemon) = start(&ground, &place);
        starts.push(started);
        thread::sleep(Duration::from_millis(100));
        stops.push(daemon.stop());
    }
    middle("start to first poll", "start_ms", START, &starts, report);
    middle("clean stop when idle", "stop_ms", STOP, &stops, report);
}

fn size(bin: &Path, report: &mut Report) {
    let bytes = std::fs::metadata(bin).expect("the binary is there").len();
    let size = f64::from(u32::try_from(bytes).expect("below 4 GB")) / 1e6;
    let result = format!("{size:.1} MB");
    report.judged("binary", format!("≤ {SIZE} MB"), "", result, size <= SIZE);
    report.value("size_mb", size);
}

/// Starts it, and gives how long it took until it polled.
fn start(ground: &Ground, place: &Place) -> (Duration, Daemon) {
    let polls = ground.telegram.calls("getUpdates").len();
    let began = Instant::now();
    let daemon = place.start();
    ground
        .telegram
        .wait_calls("getUpdates", polls + 1, DEADLINE);
    (began.elapsed(), daemon)
}

fn rest(daemon: &Daemon, report: &mut Report) {
    thread::sleep(REST);
    let memory = gauge::memory(daemon.pid());
    let result = format!("{memory:.1} MiB");
    report.judged(
        "idle memory",
        format!("≤ {MEMORY} MiB"),
        "",
        result,
        memory <= MEMORY,
    );
    report.value("idle_mib", memory);
    let threads = gauge::threads(daemon.pid());
    report.noted("idle threads", threads.to_string());
    report.value("idle_threads", threads);
    let before = gauge::cpu(daemon.pid());
    thread::sleep(REST);
    let used = gauge::ms(gauge::cpu(daemon.pid()).saturating_sub(before)) / REST.as_secs_f64();
    report.noted("idle CPU", format!("{used:.1} ms a second"));
    report.value("idle_cpu_ms", used);
}

fn middle(name: &str, key: &str, bar: f64, spans: &[Duration], report: &mut Report) {
    let middle = gauge::quantile(spans, 0.5);
    let result = format!("{middle:.1} ms");
    report.judged(name, format!("≤ {bar} ms"), "", result, middle <= bar);
    report.value(key, middle);
}
