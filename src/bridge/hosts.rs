//! The open endpoints: each with its intake and its relay, opened, reopened and closed one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinHandle;

use crate::config::Config;
use crate::endpoint::{Kind, Opening};
use crate::server::Server;
use crate::shutdown::{self, Stopper};
use crate::store::shelf::StoreShelf;

use super::delivery::relay;
use super::flow::Flow;
use super::intake::Intake;

/// The endpoints of this bridge.
pub(super) struct Hosting {
    flow: Arc<Flow>,
    server: Arc<Server>,
    kinds: Vec<&'static Kind>,
    open: BTreeMap<&'static str, Host>,
}

/// An open endpoint's tasks.
struct Host {
    stopper: Stopper,
    intake: JoinHandle<()>,
}

impl Hosting {
    pub(super) fn new(flow: Arc<Flow>, server: Arc<Server>, kinds: &[&'static Kind]) -> Self {
        Self {
            flow,
            server,
            kinds: kinds.to_vec(),
            open: BTreeMap::new(),
        }
    }

    /// Opens every endpoint that the configuration enables.
    pub(super) fn open_all(&mut self, config: &Config) {
        for kind in self.kinds.clone() {
            self.open(kind, config);
        }
    }

    /// Opens anew those whose table changed, closes those switched off.
    pub(super) fn reopen_changed(&mut self, old: &Config, new: &Config) {
        for kind in self.kinds.clone() {
            if old.endpoint(kind.name) != new.endpoint(kind.name) {
                self.close(kind.name);
                self.open(kind, new);
            }
        }
    }

    /// Ends receiving everywhere, and waits for it.
    pub(super) async fn stop_receiving(&mut self) {
        let hosts = self.flow.hosts.all();
        for (name, host) in &self.open {
            host.stopper.stop();
            if let Some(endpoint) = hosts.get(name) {
                endpoint.stop_receiving();
            }
        }
        for host in std::mem::take(&mut self.open).into_values() {
            let _ = host.intake.await;
        }
    }

    fn open(&mut self, kind: &'static Kind, config: &Config) {
        let Some(section) = config
            .endpoint(kind.name)
            .filter(|one| one.enabled(kind.default_on))
        else {
            return;
        };
        let opening = Opening {
            section: section.clone(),
            shelf: Arc::new(StoreShelf::new(self.flow.store.clone(), kind.name)),
            server: Arc::clone(&self.server),
        };
        let endpoint = match (kind.open)(opening) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                self.flow.health.note(kind.name, Some(&error));
                log::error!(endpoint = kind.name, code = error.code.as_str();
                    "{} cannot be opened: {}; hint: {}", kind.name, error.message(), error.advice());
                return;
            }
        };
        self.flow.hosts.set(kind.name, Some(Arc::clone(&endpoint)));
        let (stopper, stop) = shutdown::channel();
        let intake = Intake {
            flow: Arc::clone(&self.flow),
            name: kind.name,
            endpoint,
        };
        tokio::spawn(relay::run(Arc::clone(&self.flow), kind.name, stop.clone()));
        let intake = tokio::spawn(intake.run(stop));
        self.open.insert(kind.name, Host { stopper, intake });
        self.flow.wake();
    }

    fn close(&mut self, name: &'static str) {
        if let Some(host) = self.open.remove(name) {
            host.stopper.stop();
        }
        if let Some(endpoint) = self.flow.hosts.get(name) {
            endpoint.stop_receiving();
        }
        self.flow.hosts.set(name, None);
        self.flow.health.forget(name);
    }
}
