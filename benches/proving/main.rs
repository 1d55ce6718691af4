//! The proving ground: runs the release binary between stand-ins for Telegram and Letta, measures it
//! beside a bare loop of the same calls and commits, and kills it. See `docs/proving.md`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

mod bare;
mod daemon;
mod gauge;
mod ground;
mod history;
mod kills;
mod latency;
mod life;
mod load;
mod table;

#[path = "../../tests"]
mod shared {
    #[expect(dead_code, clippy::print_stderr, reason = "the tests use the rest")]
    pub(crate) mod support;
}

use shared::support::dice::fresh_seed;
use table::Report;

/// Measures Broca between stand-ins for Telegram and Letta.
#[derive(Debug, Parser)]
struct Args {
    /// The binary to measure; by default that of the profile `dist`, else the one built for this run.
    #[arg(long)]
    bin: Option<PathBuf>,
    /// A rough look in about twenty seconds.
    #[arg(long)]
    quick: bool,
    /// Messages before memory is measured.
    #[arg(long)]
    messages: Option<usize>,
    /// Settled rows of the long history.
    #[arg(long)]
    rows: Option<usize>,
    /// Turns and replies at once under load.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// How often to kill it.
    #[arg(long, default_value_t = 100)]
    times: usize,
    /// Where the dice of the kills begin; a fresh one where it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// What goes wrong beside the kills; may be given several times.
    #[arg(long)]
    with: Vec<kills::With>,
    /// What `cargo bench` passes to each of its programs.
    #[arg(long, hide = true)]
    bench: bool,
    /// What to do; all but `kills` where nothing is named.
    what: Vec<What>,
}

/// A thing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Binary size, start, idle memory and stop.
    Life,
    /// What is added to an instant agent's answer.
    Latency,
    /// Messages a second and CPU a message with an instant agent.
    Throughput,
    /// 64 people with an agent that takes its time.
    Concurrency,
    /// Memory after many messages.
    Memory,
    /// Latency with many settled rows behind.
    History,
    /// Random `kill -9` under load.
    Kills,
}

const MEASURES: &[What] = &[
    What::Life,
    What::Latency,
    What::Throughput,
    What::Concurrency,
    What::Memory,
    What::History,
];

fn main() -> ExitCode {
    if let Some(plan) = bare::Plan::given() {
        bare::run(&plan);
    }
    let args = Args::parse();
    let bin = args.bin.clone().unwrap_or_else(default_bin);
    let what = match args.what.as_slice() {
        [] => MEASURES,
        some => some,
    };
    let mut report = Report::new(&bin);
    for what in what {
        measure(*what, &args, &bin, &mut report);
    }
    report.print();
    if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn measure(what: What, args: &Args, bin: &Path, report: &mut Report) {
    let size = |whole: usize, quick: usize| if args.quick { quick } else { whole };
    match what {
        What::Life => life::measure(bin, size(20, 5), report),
        What::Latency => latency::measure(bin, size(1000, 200), report),
        What::Throughput => {
            let plan = load::Plan {
                rounds: size(5, 2),
                each: size(50, 10),
                concurrency: args.concurrency,
            };
            load::throughput(bin, &plan, report);
        }
        What::Concurrency => load::concurrency(bin, size(20, 4), report),
        What::Memory => {
            let messages = args.messages.unwrap_or(size(100_000, 2000));
            load::memory(bin, messages, args.concurrency, report);
        }
        What::History => {
            let rows = args.rows.unwrap_or(size(1_000_000, 20_000));
            history::measure(bin, rows, size(400, 100), report);
        }
        What::Kills => {
            let seed = args.seed.unwrap_or_else(fresh_seed);
            kills::run(bin, args.times, seed, &args.with, report);
        }
    }
}

/// The shipped form of the binary where it was built, else the one of this very build.
fn default_bin() -> PathBuf {
    let built = Path::new(env!("CARGO_BIN_EXE_broca"));
    let profiles = built.parent().and_then(Path::parent);
    let shipped = profiles.map(|folder| folder.join("dist/broca"));
    shipped
        .filter(|path| path.exists())
        .unwrap_or_else(|| built.to_owned())
}
