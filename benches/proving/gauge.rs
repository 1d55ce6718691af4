//! What Linux tells of a process, and sums over spans of time.

use std::time::Duration;

/// A tick of `/proc/PID/stat`: Linux counts a hundred a second on every machine that Broca runs on.
const TICK: Duration = Duration::from_millis(10);

/// Processor time that the process has used, in all its threads.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    let fields = stat.rsplit(')').next().expect("there is always one");
    // After the name come the state and ten more; then user and system ticks.
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// Resident memory in MiB.
pub(crate) fn memory(pid: u32) -> f64 {
    f64::from(status(pid, "VmRSS:")) / 1024.0
}

/// How many threads it has.
pub(crate) fn threads(pid: u32) -> u32 {
    status(pid, "Threads:")
}

fn status(pid: u32, field: &str) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .expect("Linux says so")
}

/// A duration in milliseconds.
pub(crate) fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// The value below which `share` (0 to 1) of the spans lie, in milliseconds.
pub(crate) fn quantile(spans: &[Duration], share: f64) -> f64 {
    let mut sorted: Vec<f64> = spans.iter().copied().map(ms).collect();
    at_share(&mut sorted, share)
}

/// The middle one of some figures.
pub(crate) fn median(figures: &[f64]) -> f64 {
    at_share(&mut figures.to_vec(), 0.5)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place in a list that fits in memory"
)]
fn at_share(figures: &mut [f64], share: f64) -> f64 {
    assert!(!figures.is_empty(), "nothing was measured");
    figures.sort_by(f64::total_cmp);
    figures[((figures.len() - 1) as f64 * share).round() as usize]
}

/// `count` in each second of `span`.
pub(crate) fn rate(count: usize, span: Duration) -> f64 {
    number(count) / span.as_secs_f64()
}

/// A count as a figure to reckon with.
pub(crate) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("no count here is that large"))
}
