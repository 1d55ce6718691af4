//! Random `kill -9` under load, with other trouble where it is wanted.

use std::path::Path;

use crate::shared::support::storm::{Storm, Trouble};
use crate::table::Report;

/// What goes wrong beside the kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum With {
    /// Half of the daemons get SIGTERM instead of the kill.
    Term,
    /// Letta is out of reach at times.
    Letta,
    /// Connections to Telegram and Letta break.
    Cuts,
    /// The disk is full at times; needs the right to mount.
    Disk,
    /// The clock is wrong by up to an hour, otherwise in each life; needs a binary with `kill-points`.
    Clock,
}

impl With {
    const fn trouble(self) -> Trouble {
        match self {
            Self::Term => Trouble::Term,
            Self::Letta => Trouble::Letta,
            Self::Cuts => Trouble::Cuts,
            Self::Disk => Trouble::Disk,
            Self::Clock => Trouble::Clock,
        }
    }
}

/// Kills the binary `times` times under load, and checks that nothing was lost or said in disorder, that
/// each message was one turn, and that what was said twice is counted.
pub(crate) fn run(bin: &Path, times: usize, seed: u64, with: &[With], report: &mut Report) {
    report.noted("seed of the kills", seed.to_string());
    report.value("kills_seed", seed);
    let with: Vec<_> = with.iter().map(|with| with.trouble()).collect();
    let Some(storm) = Storm::new(Some(bin), seed, &with) else {
        report.judged("kills", "possible here", "", "no".to_owned(), false);
        return;
    };
    let verdict = storm.rage(times);
    report.noted("kills", times.to_string());
    report.noted("with", format!("{with:?}"));
    report.noted("messages", verdict.messages.to_string());
    let mut none = |name: &str, count: usize| {
        report.judged(name, "0", "", count.to_string(), count == 0);
        report.value(&format!("kills_{}", name.replace(' ', "_")), count);
    };
    none("messages lost", verdict.lost);
    none("messages without an end", verdict.unfinished);
    none("messages silent", verdict.silent);
    none("turns doubled", verdict.doubled);
    none("turns lost", verdict.turns_lost);
    none("replies out of order", verdict.disorder);
    let (repeats, recorded) = (verdict.repeats, verdict.recorded);
    report.judged(
        "replies said twice",
        "≤ recorded as unknowable",
        format!("{recorded} recorded"),
        repeats.to_string(),
        repeats <= recorded,
    );
    report.value("kills", times);
    report.value("kills_messages", verdict.messages);
    report.value("kills_repeats", repeats);
    report.value("kills_repeats_recorded", recorded);
}
