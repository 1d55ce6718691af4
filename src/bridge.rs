//! The bridge: opens the doors, starts the stages, stops them in flow order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, broadcast, watch};
use tokio::task::JoinHandle;

use crate::agent::AgentClient;
use crate::blocking;
use crate::config::Config;
use crate::endpoint::Kind;
use crate::error::{Code, Error, Result};
use crate::logging;
use crate::server::Server;
use crate::shutdown::{self, Stopper};
use crate::store::state::mode_text;
use crate::store::{Hold, Store, agent_ids, queue};
use crate::time::Timestamp;

pub mod control;
mod delivery;
mod dispatch;
mod flow;
mod hosts;
mod intake;
mod processor;
pub mod reload;
mod words;

pub use flow::{Condition, Flow};

/// Progress that waits to be shown; more is lost.
const PROGRESS: usize = 1024;
/// How often a lock that can be lost is looked at.
const LOCK_CHECK: Duration = Duration::from_secs(2);

/// A running bridge.
pub struct Bridge {
    flow: Arc<Flow>,
    hosts: hosts::Hosting,
    agent: watch::Sender<Option<Arc<dyn AgentClient>>>,
    config: watch::Sender<Arc<Config>>,
    server: Arc<Server>,
    stages: Stages,
    hold: Arc<Mutex<Hold>>,
}

/// The running stages, each with what stops it.
struct Stages {
    processor: (Stopper, JoinHandle<()>),
    /// Told once running turns must be released.
    released: Stopper,
    delivery: (Stopper, JoinHandle<()>),
    /// Those that only look: pause, lifeline, relays.
    aside: Stopper,
}

impl Bridge {
    /// Opens the doors and starts the stages, for the endpoints among `kinds`.
    ///
    /// `hold` proves that no other daemon has the database; what an earlier one left unfinished is taken
    /// over first.
    pub async fn start(
        config: Arc<Config>,
        store: Store,
        hold: Hold,
        server: Arc<Server>,
        kinds: &[&'static Kind],
    ) -> Result<Self> {
        let (config_sender, config_receiver) = watch::channel(Arc::clone(&config));
        let flow = Arc::new(flow(store, config_receiver));
        take_over(&flow).await?;
        let agent = open_agent(&config)?;
        undo_attachments(&flow, agent.clone()).await;
        let (agent_sender, agents) = watch::channel(agent);
        let stages = Stages::start(&flow, &agents);
        let mut hosts = hosts::Hosting::new(Arc::clone(&flow), Arc::clone(&server), kinds);
        hosts.open_all(&config);
        control::mount(&server, &flow);
        tell_about(&server, &config);
        log::info!(mode = mode_text(config.mode), boot = flow.boot.as_str();
            "broca {} runs", env!("CARGO_PKG_VERSION"));
        Ok(Self {
            flow,
            hosts,
            agent: agent_sender,
            config: config_sender,
            server,
            stages,
            hold: Arc::new(Mutex::new(hold)),
        })
    }

    /// What the control routes and tests look at.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// Takes a changed configuration into use, wherever it can be while running.
    pub fn reconfigure(&mut self, new: &Arc<Config>) {
        let old = self.flow.config();
        if old == *new {
            return;
        }
        for key in new.needs_restart(&old) {
            log::warn!("`{key}` changed; it takes effect at the next start");
        }
        let new = &Arc::new(Config::clone(new).as_started(&old));
        logging::apply(&new.log);
        if old.agent != new.agent {
            match open_agent(new) {
                Ok(agent) => {
                    self.agent.send_replace(agent);
                }
                Err(error) => {
                    log::error!(code = error.code.as_str(); "the agent stays as it was: {error}");
                }
            }
        }
        self.config.send_replace(Arc::clone(new));
        self.hosts.reopen_changed(&old, new);
        tell_about(&self.server, new);
        log::info!(mode = mode_text(new.mode); "the configuration was read again");
        self.flow.wake();
    }

    /// Returns when the lock on the database is lost, which only a server can lose.
    pub async fn lock_lost(&self) -> Error {
        loop {
            tokio::time::sleep(LOCK_CHECK).await;
            let hold = Arc::clone(&self.hold);
            let held = blocking::run(move || {
                Ok(hold
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .is_held())
            });
            if !held.await.unwrap_or(true) {
                return Error::new(Code::StoreUnreachable, "the lock on the database was lost");
            }
        }
    }

    /// Stops in flow order: nothing new is received, running turns get the grace and are then released,
    /// what is due is sent while the grace lasts.
    pub async fn stop(mut self) {
        let grace = self.flow.config().shutdown.grace;
        let end = tokio::time::Instant::now() + grace;
        self.hosts.stop_receiving().await;
        let Stages {
            processor,
            released,
            delivery,
            aside,
        } = self.stages;
        processor.0.stop();
        let agent = self.agent.borrow().clone();
        finish(processor.1, end, || {
            log::warn!("turns still at work are released");
            released.stop();
            if let Some(agent) = &agent {
                agent.cut();
            }
        })
        .await;
        drained(&self.flow, end).await;
        delivery.0.stop();
        let hosts = self.flow.hosts.all();
        finish(delivery.1, end, || {
            for host in hosts.values() {
                host.cut();
            }
        })
        .await;
        aside.stop();
        log::info!("broca has stopped");
    }
}

impl Stages {
    fn start(flow: &Arc<Flow>, agents: &processor::Agents) -> Self {
        let (processor_stopper, processor_stop) = shutdown::channel();
        let (delivery_stopper, delivery_stop) = shutdown::channel();
        let (released, release) = shutdown::channel();
        let (aside, aside_stop) = shutdown::channel();
        let processor = processor::Processor {
            flow: Arc::clone(flow),
            agents: agents.clone(),
            released: release,
        };
        let delivery = delivery::Delivery {
            flow: Arc::clone(flow),
        };
        tokio::spawn(processor::pause::watch(
            Arc::clone(flow),
            agents.clone(),
            aside_stop.clone(),
        ));
        tokio::spawn(processor::lifeline::run(Arc::clone(flow), aside_stop));
        Self {
            processor: (
                processor_stopper,
                tokio::spawn(dispatch::run(processor, processor_stop)),
            ),
            released,
            delivery: (
                delivery_stopper,
                tokio::spawn(dispatch::run(delivery, delivery_stop)),
            ),
            aside,
        }
    }
}

fn flow(store: Store, config: watch::Receiver<Arc<Config>>) -> Flow {
    Flow {
        store,
        config,
        boot: uuid::Uuid::now_v7().to_string(),
        queue: Notify::new(),
        outbox: Notify::new(),
        progress: broadcast::channel(PROGRESS).0,
        hosts: flow::Hosts::default(),
        health: flow::Health::default(),
        stops: flow::Stops::default(),
    }
}

/// Makes what an earlier daemon left unfinished claimable.
async fn take_over(flow: &Flow) -> Result<()> {
    let wide = flow.agent_wide();
    let left = flow
        .store
        .write(move |conn| queue::take_over(conn, wide, Timestamp::now()))
        .await?;
    if left > 0 {
        log::info!("{left} turns of the last run are taken up again");
    }
    Ok(())
}

/// Takes away the memory blocks that an earlier daemon left attached.
async fn undo_attachments(flow: &Flow, agent: Option<Arc<dyn AgentClient>>) {
    let (Some(agent), id) = (agent, flow.agent_id()) else {
        return;
    };
    let key = id.clone();
    let Ok(left) = flow
        .store
        .read(move |conn| agent_ids::attached(conn, &key))
        .await
    else {
        return;
    };
    for ids in left {
        let (client, block, key) = (
            Arc::clone(&agent),
            ids.block.clone().unwrap_or_default(),
            id.clone(),
        );
        match blocking::run(move || client.leave(&ids)).await {
            Ok(()) => {
                let _ = flow
                    .store
                    .write(move |conn| agent_ids::detached(conn, &key, &block))
                    .await;
            }
            Err(error) => {
                log::warn!(code = error.code.as_str(); "a memory block stays attached: {error}");
            }
        }
    }
}

fn open_agent(config: &Config) -> Result<Option<Arc<dyn AgentClient>>> {
    if config.agent.id.is_none() {
        return Ok(None);
    }
    let letta = crate::agent::letta::Letta::open(&config.agent)?;
    Ok(Some(Arc::new(letta)))
}

/// Waits for a stage until `end`, then does `cut`, and waits a moment more.
async fn finish(mut stage: JoinHandle<()>, end: tokio::time::Instant, cut: impl FnOnce()) {
    if tokio::time::timeout_at(end, &mut stage).await.is_ok() {
        return;
    }
    cut();
    let _ = tokio::time::timeout(Duration::from_secs(2), stage).await;
}

/// Returns when nothing is due to be sent, or at `end`.
async fn drained(flow: &Flow, end: tokio::time::Instant) {
    let empty = async {
        loop {
            let due = flow
                .store
                .read(|conn| crate::store::outbox::due(conn, Timestamp::now()))
                .await;
            if due.unwrap_or(0) == 0 {
                return;
            }
            flow.outbox.notify_one();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let _ = tokio::time::timeout_at(end, empty).await;
}

/// What the web page may know.
fn tell_about(server: &Server, config: &Config) {
    server.set_about(serde_json::json!({
        "name": "Broca",
        "version": env!("CARGO_PKG_VERSION"),
        "mode": mode_text(config.mode),
        "agent": config.agent.id.is_some(),
    }));
}
