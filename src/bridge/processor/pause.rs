//! The pause: while the agent is out of reach the queue waits, and a slow probe goes on.

use std::sync::Arc;
use std::time::Duration;

use crate::blocking;
use crate::bridge::flow::{AGENT, Flow};
use crate::error::{Code, Error};
use crate::retry::backoff;
use crate::shutdown::Stop;

use super::Agents;

/// The longest wait between two probes.
const SLOWEST: Duration = Duration::from_secs(30);

/// Notes that the agent is out of reach, so that no turn is claimed for it.
pub(super) fn begin(flow: &Flow, error: &Error) {
    if flow.health.note(AGENT, Some(error)) {
        log::warn!(code = error.code.as_str();
            "the queue waits for the agent: {}; hint: {}", error.message(), error.advice());
    }
}

/// Probes the agent at the start and whenever another is configured, and while it is out of reach until
/// it is back, again and again.
pub(in crate::bridge) async fn watch(flow: Arc<Flow>, mut agents: Agents, mut stop: Stop) {
    let mut failures = 0;
    probe(&flow, &agents).await;
    while !stop.is_told() {
        let paused = flow.health.agent_pause().is_some();
        failures = if paused { failures + 1 } else { 0 };
        let wait = if paused {
            backoff(failures, Duration::from_millis(500), 0).min(SLOWEST)
        } else {
            Duration::from_millis(500)
        };
        tokio::select! {
            () = stop.told() => return,
            changed = agents.changed() => match changed {
                Ok(()) => probe(&flow, &agents).await,
                Err(_) => return,
            },
            () = tokio::time::sleep(wait) => {}
        }
        if flow.health.agent_pause().is_some() {
            probe(&flow, &agents).await;
        }
    }
}

async fn probe(flow: &Flow, agents: &Agents) {
    let Some(agent) = agents.borrow().clone() else {
        return;
    };
    match blocking::run(move || agent.probe()).await {
        Ok(found) => {
            if flow.health.note(AGENT, None) {
                log::info!("the agent can be reached: {}", found.join("; "));
            }
            flow.wake();
        }
        Err(error) if error.code.pauses_queue() || error.code == Code::AgentDropped => {
            begin(flow, &error);
        }
        Err(error) => {
            flow.health.note(AGENT, None);
            log::warn!(code = error.code.as_str(); "the agent can be reached, but: {error}");
            flow.wake();
        }
    }
}
