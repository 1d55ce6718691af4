//! What the stages share: the store, the configuration of the moment, wake-ups, health, progress.
//!
//! The stages meet only in the store's tables. All else here may be lost without harm.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};

use crate::config::{Config, Isolation};
use crate::endpoint::Endpoint;
use crate::error::{Code, Error, Result};
use crate::message::Progress;
use crate::store::{Conn, Store};
use crate::time::Timestamp;

/// How often a write that must not be lost is tried.
const INSIST: u32 = 30;
/// The wait between two of those tries.
const INSIST_WAIT: Duration = Duration::from_secs(1);

/// What every stage is given.
pub struct Flow {
    /// The database.
    pub store: Store,
    /// The configuration of the moment.
    pub config: watch::Receiver<Arc<Config>>,
    /// This daemon's start.
    pub boot: String,
    /// There may be a turn to claim.
    pub queue: Notify,
    /// There may be a reply to send.
    pub outbox: Notify,
    /// What turns are doing; lossy.
    pub progress: broadcast::Sender<Arc<Progress>>,
    /// The open endpoints.
    pub hosts: Hosts,
    /// How everything is.
    pub health: Health,
    /// Turns at work, and how to stop them.
    pub stops: Stops,
}

impl Flow {
    /// The configuration of the moment.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.borrow())
    }

    /// The agent's id of the moment, under which its ids are kept.
    pub fn agent_id(&self) -> String {
        self.config().agent.id.clone().unwrap_or_default()
    }

    /// Whether live turns share one lane.
    pub fn agent_wide(&self) -> bool {
        self.config().agent.isolation != Isolation::Conversation
    }

    /// Writes what must not be lost, trying for a while where the database does not take it.
    pub async fn insist<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Conn) -> Result<T> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let mut tries = 1;
        loop {
            let work = Arc::clone(&work);
            match self.store.write(move |conn| work(conn)).await {
                Err(error) if tries < INSIST => {
                    log::warn!(code = error.code.as_str(); "a write is tried again: {error}");
                    tries += 1;
                    tokio::time::sleep(INSIST_WAIT).await;
                }
                done => return done,
            }
        }
    }

    /// Something changed from outside: everyone looks again.
    pub fn wake(&self) {
        self.queue.notify_one();
        self.outbox.notify_one();
    }
}

/// The open endpoints, by name.
#[derive(Default)]
pub struct Hosts(RwLock<HashMap<&'static str, Arc<dyn Endpoint>>>);

impl Hosts {
    /// All of them now.
    pub fn all(&self) -> HashMap<&'static str, Arc<dyn Endpoint>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Their names now.
    pub fn names(&self) -> Vec<String> {
        let hosts = self.0.read().unwrap_or_else(PoisonError::into_inner);
        hosts.keys().map(|name| (*name).to_owned()).collect()
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<Arc<dyn Endpoint>> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Puts one in, or takes it out.
    pub fn set(&self, name: &'static str, endpoint: Option<Arc<dyn Endpoint>>) {
        let mut hosts = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match endpoint {
            Some(endpoint) => hosts.insert(name, endpoint),
            None => hosts.remove(name),
        };
    }
}

/// How one part of Broca is.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Condition {
    /// Since when it has been so.
    pub since: Timestamp,
    /// What is wrong; `None` where it is well.
    pub code: Option<&'static str>,
    /// The words of what is wrong.
    pub message: Option<String>,
}

/// The conditions of the agent and the endpoints, by name.
#[derive(Default)]
pub struct Health(Mutex<BTreeMap<String, Condition>>);

impl Health {
    /// Notes how `part` is. Gives whether that is news.
    pub fn note(&self, part: &str, error: Option<&Error>) -> bool {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let code = error.map(|error| error.code.as_str());
        if parts.get(part).is_some_and(|old| old.code == code) {
            return false;
        }
        let message = error.map(|error| error.message().to_owned());
        parts.insert(
            part.to_owned(),
            Condition {
                since: Timestamp::now(),
                code,
                message,
            },
        );
        true
    }

    /// Takes out a part that is no more.
    pub fn forget(&self, part: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(part);
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<String, Condition> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Whether everything is well.
    pub fn is_well(&self) -> bool {
        self.all()
            .values()
            .all(|condition| condition.code.is_none())
    }

    /// Whether the agent is out of reach, and why.
    pub fn agent_pause(&self) -> Option<Code> {
        self.all()
            .get(AGENT)
            .and_then(|condition| Code::parse(condition.code?))
    }
}

/// The agent's name among the conditions.
pub(super) const AGENT: &str = "agent";

/// How to stop the turns at work.
#[derive(Default)]
pub struct Stops(Mutex<HashMap<i64, Arc<Notify>>>);

impl Stops {
    /// A turn is at work from now until the guard is dropped.
    pub fn enter(&self, turn: i64) -> StopGuard<'_> {
        let signal = Arc::new(Notify::new());
        let mut stops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stops.insert(turn, Arc::clone(&signal));
        StopGuard {
            stops: self,
            turn,
            signal,
        }
    }

    /// Stops a turn that is at work here; else nothing.
    pub fn stop(&self, turn: i64) {
        let stops = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signal) = stops.get(&turn) {
            signal.notify_one();
        }
    }
}

/// A turn at work.
pub struct StopGuard<'a> {
    stops: &'a Stops,
    turn: i64,
    /// Told when the turn is to stop.
    pub signal: Arc<Notify>,
}

impl Drop for StopGuard<'_> {
    fn drop(&mut self) {
        self.stops
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.turn);
    }
}
