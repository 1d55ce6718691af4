//! How a stage that works off a table does it: claims what it can, works on it side by side, and looks
//! again when there may be more.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::error::Result;
use crate::shutdown::Stop;
use crate::time::Timestamp;

/// Looks for work at least this often, whatever was or was not signalled.
const AT_LEAST_EVERY: Duration = Duration::from_secs(30);
/// The wait where nothing can be claimed because of an error.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// A stage whose work waits in a table.
pub(super) trait Stage: Send + Sync + 'static {
    /// What it works off, as the log calls it.
    const WORK: &'static str;
    /// A piece of work that was claimed.
    type Claimed: Send + 'static;

    /// Told when there may be something to claim. Whoever ends a piece of work tells it where another
    /// waited for that end.
    fn wake(&self) -> &Notify;

    /// How many pieces are worked on at once.
    fn most(&self) -> usize;

    /// Claims up to `most` pieces. Gives also when the next one that waits for its time is due.
    fn claim(
        &self,
        most: usize,
    ) -> impl Future<Output = Result<(Vec<Self::Claimed>, Option<Timestamp>)>> + Send;

    /// Works on a piece until it is settled or put back.
    fn work(&self, claimed: Self::Claimed) -> impl Future<Output = ()> + Send;
}

/// When to look again.
struct Next {
    at: tokio::time::Instant,
    /// Whether there may be more than could be taken on.
    full: bool,
}

/// Claims and works until `stop`, then until what is under way has ended.
pub(super) async fn run<S: Stage>(stage: S, mut stop: Stop) {
    let stage = Arc::new(stage);
    let mut workers = JoinSet::new();
    while !stop.is_told() {
        let next = begin(&stage, &mut workers).await;
        loop {
            tokio::select! {
                () = stop.told() => break,
                () = stage.wake().notified() => break,
                () = tokio::time::sleep_until(next.at) => break,
                Some(_) = workers.join_next() => if next.full { break },
            }
        }
        while workers.try_join_next().is_some() {}
    }
    while workers.join_next().await.is_some() {}
}

/// Starts what can run now.
async fn begin<S: Stage>(stage: &Arc<S>, workers: &mut JoinSet<()>) -> Next {
    let next = |wait: Duration, full| Next {
        at: tokio::time::Instant::now() + wait,
        full,
    };
    loop {
        let most = stage.most().saturating_sub(workers.len());
        if most == 0 {
            return next(AT_LEAST_EVERY, true);
        }
        match stage.claim(most).await {
            Ok((claimed, due)) => {
                let more = claimed.len() == most;
                for claimed in claimed {
                    let stage = Arc::clone(stage);
                    workers.spawn(async move { stage.work(claimed).await });
                }
                if !more {
                    let wait = due.map(|due| due.since(Timestamp::now()));
                    let wait = wait.map_or(AT_LEAST_EVERY, |wait| wait.min(AT_LEAST_EVERY));
                    return next(wait, false);
                }
            }
            Err(error) => {
                log::error!(code = error.code.as_str(); "no {} can be claimed: {error}", S::WORK);
                return next(AFTER_ERROR, false);
            }
        }
    }
}
