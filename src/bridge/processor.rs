//! The processor: claims turns, lets the agent answer them, settles them with their replies.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, watch};

use crate::agent::AgentClient;
use crate::config::Mode;
use crate::error::Result;
use crate::exchange::{Prompt, Request};
use crate::shutdown::Stop;
use crate::store::queue::{self, Claimed, Scope};
use crate::time::Timestamp;

use super::dispatch::Stage;
use super::flow::Flow;

pub(super) mod lifeline;
pub(super) mod pause;
mod turn;

/// The agent of the moment, if one is configured.
pub(super) type Agents = watch::Receiver<Option<Arc<dyn AgentClient>>>;

/// The stage that has turns answered.
pub(super) struct Processor {
    pub(super) flow: Arc<Flow>,
    pub(super) agents: Agents,
    /// Told when turns at work are to be given back.
    pub(super) released: Stop,
}

impl Stage for Processor {
    const WORK: &'static str = "turn";
    type Claimed = Claimed;

    fn wake(&self) -> &Notify {
        &self.flow.queue
    }

    fn most(&self) -> usize {
        self.flow.config().queue.max_concurrent
    }

    async fn claim(&self, most: usize) -> Result<(Vec<Claimed>, Option<Timestamp>)> {
        let scope = Scope {
            endpoints: self.flow.hosts.names(),
            live: self.flow.health.agent_pause().is_none(),
            boot: self.flow.boot.clone(),
            agent: self.flow.agent_id(),
            now: Timestamp::now(),
        };
        let agent = self.agents.borrow().clone();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let work = move |conn: &mut _| {
            let compose = |claimed: &Claimed| compose(agent.as_deref(), claimed);
            let claimed = queue::claim(conn, most, &scope, &compose)?;
            // What waits for its time must not wait for the turns that begin now.
            let due = queue::next_due(conn, scope.now)?;
            Ok((claimed, due))
        };
        self.flow.store.write(work).await
    }

    async fn work(&self, claimed: Claimed) {
        let (id, claim) = (claimed.turn, claimed.claim);
        let endpoint = claimed.to.endpoint.clone();
        if let Err(error) = turn::Work::new(self, claimed).run().await {
            // The turn stays claimed under this daemon; it is claimable again after a restart.
            let code = error.code.as_str();
            log::error!(turn = id, attempt = claim, endpoint = endpoint.as_str(), code = code;
                "the turn could not be settled: {error}");
            self.rescue(id, claim).await;
            self.flow.wake();
        }
    }
}

impl Processor {
    /// Tries to give back a turn whose settling failed, until the database takes it.
    async fn rescue(&self, turn: i64, claim: i64) {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let work = move |conn: &mut _| queue::release(conn, turn, claim, Timestamp::now());
            if self.flow.store.write(work).await.is_ok() {
                return;
            }
        }
    }
}

/// The request of a turn whose ids are all known; it is then begun within its claim.
fn compose(agent: Option<&dyn AgentClient>, claimed: &Claimed) -> Option<Request> {
    let agent = agent.filter(|agent| {
        claimed.mode == Mode::Live
            && !claimed.stop_asked
            && !agent.enters()
            && agent.is_prepared(&claimed.ids)
    })?;
    Some(agent.compose(&prompt(claimed), &claimed.ids))
}

fn prompt(claimed: &Claimed) -> Prompt {
    Prompt {
        endpoint: claimed.to.endpoint.clone(),
        said: claimed.said.clone(),
        told: claimed.told.clone(),
    }
}

/// A guard against too many threads: calls to the agent that are not turns.
pub(super) static SIDE_CALLS: Semaphore = Semaphore::const_new(4);
