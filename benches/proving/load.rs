//! Many people at once: throughput, processor time, memory, and an agent that takes its time.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::daemon::Subject;
use crate::gauge;
use crate::latency::{Lane, lane};
use crate::table::Report;

/// People who write at once.
const PEOPLE: usize = 100;
/// Where the bare loop reaches `FAST` messages a second, `WANTED` are wanted; else half.
const FAST: f64 = 3000.0;
const WANTED: f64 = 1500.0;
/// Processor time, by that of the bare loop.
const CPU: f64 = 1.5;
/// People who wait for a slow agent, how long it takes, and the share of what is possible.
const WAITING: usize = 64;
const THINKS: Duration = Duration::from_millis(500);
const SHARE: f64 = 0.95;
/// Memory after many messages, in MiB, and how much its second half may add.
const MEMORY: f64 = 25.0;
const FLAT: f64 = 1.1;
/// Idle threads are gone after this long.
const REST: Duration = Duration::from_secs(7);

/// How much load, and how often.
pub(crate) struct Plan {
    /// Bursts, of which the middle one counts.
    pub(crate) rounds: usize,
    /// Messages of each person in a burst.
    pub(crate) each: usize,
    /// Turns and replies at once.
    pub(crate) concurrency: usize,
}

/// What a subject came to.
#[derive(Default)]
struct Came {
    rates: Vec<f64>,
    cpu: Vec<f64>,
}

impl Came {
    fn burst(&mut self, lane: &mut Lane, plan: &Plan) {
        let before = gauge::cpu(lane.pid());
        let span = lane.ground().burst(PEOPLE, plan.each);
        let used = gauge::cpu(lane.pid()).saturating_sub(before);
        let messages = PEOPLE * plan.each;
        self.rates.push(gauge::rate(messages, span));
        self.cpu.push(gauge::ms(used) / gauge::number(messages));
    }
}

/// Messages a second and CPU a message, in turns with the bare loop.
pub(crate) fn throughput(bin: &Path, plan: &Plan, report: &mut Report) {
    let mut lanes = [Subject::Broca(bin), Subject::Bare].map(|who| lane(who, plan.concurrency));
    for lane in &mut lanes {
        lane.ground().burst(PEOPLE, 2); // every person's first message also makes a conversation
    }
    let mut came = [Came::default(), Came::default()];
    for _ in 0..plan.rounds {
        for (lane, came) in lanes.iter_mut().zip(&mut came) {
            came.burst(lane, plan);
        }
    }
    let [[rate, cpu], [bare_rate, bare_cpu]] =
        came.map(|came| [gauge::median(&came.rates), gauge::median(&came.cpu)]);
    let bar = if bare_rate >= FAST {
        WANTED
    } else {
        bare_rate / 2.0
    };
    report.judged(
        "throughput, 100 people",
        format!("≥ {bar:.0}/s"),
        format!("{bare_rate:.0}/s"),
        format!("{rate:.0}/s"),
        rate >= bar,
    );
    report.judged(
        "CPU a message",
        format!("≤ {:.2} ms", bare_cpu * CPU),
        format!("{bare_cpu:.2} ms"),
        format!("{cpu:.2} ms"),
        cpu <= bare_cpu * CPU,
    );
    report.value("throughput", rate);
    report.value("bare_throughput", bare_rate);
    report.value("cpu_ms", cpu);
    report.value("bare_cpu_ms", bare_cpu);
}

/// 64 people, each with `each` messages for an agent that takes half a second.
pub(crate) fn concurrency(bin: &Path, each: usize, report: &mut Report) {
    let mut broca = lane(Subject::Broca(bin), WAITING);
    broca.ground().burst(WAITING, 1);
    broca.ground().letta.think(THINKS);
    let rate = gauge::rate(WAITING * each, broca.ground().burst(WAITING, each));
    let possible = gauge::rate(WAITING, THINKS);
    report.judged(
        "64 people, agent takes 500 ms",
        format!("≥ {:.1}/s", possible * SHARE),
        format!("{possible:.0}/s possible"),
        format!("{rate:.1}/s"),
        rate >= possible * SHARE,
    );
    report.noted("threads meanwhile", gauge::threads(broca.pid()).to_string());
    report.value("concurrency_rate", rate);
}

/// Memory after `messages`, and after half of them.
pub(crate) fn memory(bin: &Path, messages: usize, concurrency: usize, report: &mut Report) {
    const ROUNDS: usize = 10;
    let mut broca = lane(Subject::Broca(bin), concurrency);
    let each = (messages / PEOPLE / ROUNDS).max(1);
    let mut half = 0.0;
    for round in 1..=ROUNDS {
        broca.ground().burst(PEOPLE, each);
        if round == ROUNDS / 2 {
            thread::sleep(REST);
            half = gauge::memory(broca.pid());
        }
    }
    let busy = gauge::memory(broca.pid());
    thread::sleep(REST);
    let whole = gauge::memory(broca.pid());
    report.judged(
        &format!("memory after {} messages", broca.ground().replies()),
        format!("≤ {MEMORY} MiB, flat"),
        String::new(),
        format!("{whole:.1} MiB (half-way {half:.1})"),
        whole <= MEMORY && whole <= half * FLAT,
    );
    report.noted("memory right after load", format!("{busy:.1} MiB"));
    report.value("memory_after_mib", whole);
    report.value("memory_halfway_mib", half);
    report.value("memory_busy_mib", busy);
}
