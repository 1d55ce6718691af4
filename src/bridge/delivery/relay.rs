//! The relay: shows what turns are doing, as well as an endpoint can, and loses it where it cannot.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::blocking;
use crate::bridge::flow::Flow;
use crate::message::{Progress, Step};
use crate::shutdown::Stop;

/// Networks forget a typing sign after about 5 s; each endpoint keeps to its own pace within that.
const AGAIN: Duration = Duration::from_secs(1);

/// Shows one endpoint what its turns are doing, until told to stop.
pub(in crate::bridge) async fn run(flow: Arc<Flow>, name: &'static str, mut stop: Stop) {
    let mut incoming = flow.progress.subscribe();
    let mut active: HashMap<i64, Arc<Progress>> = HashMap::new();
    let mut tick = tokio::time::interval(AGAIN);
    loop {
        tokio::select! {
            () = stop.told() => return,
            _ = tick.tick(), if !active.is_empty() => {
                for progress in active.values() {
                    show(&flow, name, progress).await;
                }
            }
            first = incoming.recv() => match first {
                Err(RecvError::Closed) => return,
                // An end may be among what was lost; what still runs shows itself again.
                Err(RecvError::Lagged(_)) => active.clear(),
                Ok(first) => {
                    for progress in latest(first, &mut incoming, name) {
                        if progress.step == Step::Over {
                            active.remove(&progress.turn);
                        } else {
                            active.insert(progress.turn, Arc::clone(&progress));
                        }
                        show(&flow, name, &progress).await;
                    }
                }
            }
        }
    }
}

/// What waits, only the latest of each turn.
fn latest(
    first: Arc<Progress>,
    incoming: &mut Receiver<Arc<Progress>>,
    name: &str,
) -> Vec<Arc<Progress>> {
    let mut turns: HashMap<i64, Arc<Progress>> = HashMap::new();
    let mut next = Some(first);
    loop {
        if let Some(progress) = next.take().filter(|progress| progress.to.endpoint == name) {
            turns.insert(progress.turn, progress);
        }
        match incoming.try_recv() {
            Ok(progress) => next = Some(progress),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => {
                return turns.into_values().collect();
            }
        }
    }
}

async fn show(flow: &Flow, name: &'static str, progress: &Arc<Progress>) {
    let Some(endpoint) = flow.hosts.get(name) else {
        return;
    };
    let progress = Arc::clone(progress);
    if let Err(error) = blocking::run(move || endpoint.progress(&progress)).await {
        log::debug!(endpoint = name, code = error.code.as_str(); "progress was not shown: {error}");
    }
}
