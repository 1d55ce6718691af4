//! The relay: shows what turns are doing, as well as an endpoint can, and loses it where it cannot.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::time::Instant;

use crate::blocking;
use crate::bridge::flow::Flow;
use crate::message::{Progress, Step};
use crate::shutdown::Stop;

/// Networks forget a typing sign after about 5 s; each endpoint keeps to its own pace within that.
const AGAIN: Duration = Duration::from_secs(1);
/// A turn shows nothing this long: where the answer comes at once, signs of work would only cost calls.
const AT_FIRST: Duration = Duration::from_millis(200);
/// The wait where nothing is to be shown.
const IDLE: Duration = Duration::from_hours(1);

/// The turns at work, and what they do.
#[derive(Default)]
struct Active(HashMap<i64, Entry>);

struct Entry {
    progress: Arc<Progress>,
    /// When it is shown next, whether or not it does anything new.
    due: Instant,
    shown: bool,
}

/// Shows one endpoint what its turns are doing, until told to stop.
pub(in crate::bridge) async fn run(flow: Arc<Flow>, name: &'static str, mut stop: Stop) {
    let mut incoming = flow.progress.subscribe();
    let mut active = Active::default();
    loop {
        let shows = tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep_until(active.next_due()) => active.due(Instant::now()),
            first = incoming.recv() => match first {
                Err(RecvError::Closed) => return,
                // An end may be among what was lost; what still runs shows itself again.
                Err(RecvError::Lagged(_)) => {
                    active.0.clear();
                    continue;
                }
                Ok(first) => {
                    let latest = latest(first, &mut incoming, name).into_iter();
                    latest.filter_map(|progress| active.take(progress, Instant::now())).collect()
                }
            }
        };
        for progress in shows {
            show(&flow, name, progress).await;
        }
    }
}

impl Active {
    /// Notes what a turn does. Gives it back where it is to be shown now.
    fn take(&mut self, progress: Arc<Progress>, now: Instant) -> Option<Arc<Progress>> {
        if progress.step == Step::Over {
            return self
                .0
                .remove(&progress.turn)
                .filter(|entry| entry.shown)
                .map(|_| progress);
        }
        let entry = self.0.entry(progress.turn).or_insert_with(|| Entry {
            progress: Arc::clone(&progress),
            due: now + AT_FIRST,
            shown: false,
        });
        entry.progress = Arc::clone(&progress);
        entry.shown.then_some(progress)
    }

    /// What is to be shown by now, again or for the first time.
    fn due(&mut self, now: Instant) -> Vec<Arc<Progress>> {
        let due = self.0.values_mut().filter(|entry| entry.due <= now);
        due.map(|entry| {
            (entry.due, entry.shown) = (now + AGAIN, true);
            Arc::clone(&entry.progress)
        })
        .collect()
    }

    fn next_due(&self) -> Instant {
        let due = self.0.values().map(|entry| entry.due).min();
        due.unwrap_or_else(|| Instant::now() + IDLE)
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

async fn show(flow: &Flow, name: &'static str, progress: Arc<Progress>) {
    let Some(endpoint) = flow.hosts.get(name) else {
        return;
    };
    if let Err(error) = blocking::run(move || endpoint.progress(&progress)).await {
        log::debug!(endpoint = name, code = error.code.as_str(); "progress was not shown: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Address;

    fn progress(step: Step) -> Arc<Progress> {
        let to = Address {
            endpoint: "webchat".to_owned(),
            account: String::new(),
            chat: "1".to_owned(),
            thread: None,
        };
        Arc::new(Progress { to, turn: 7, step })
    }

    #[test]
    fn a_quick_turn_shows_nothing() {
        let (mut active, now) = (Active::default(), Instant::now());
        assert!(active.take(progress(Step::Thinking), now).is_none());
        assert!(active.due(now + AT_FIRST / 2).is_empty());
        assert!(active.take(progress(Step::Over), now).is_none());
        assert!(active.0.is_empty());
    }

    #[test]
    fn a_long_turn_is_shown_again_and_again_and_its_news_at_once() {
        let (mut active, now) = (Active::default(), Instant::now());
        active.take(progress(Step::Thinking), now);
        assert_eq!(active.due(now + AT_FIRST).len(), 1);
        let text = progress(Step::Text("so far".into()));
        assert!(active.take(text, now + AT_FIRST).is_some());
        assert!(active.due(now + AT_FIRST + AGAIN / 2).is_empty());
        assert_eq!(active.due(now + AT_FIRST + AGAIN).len(), 1);
        assert!(active.take(progress(Step::Over), now).is_some());
    }
}
