//! Intake: `endpoint.receive` → what each message asks for → one transaction → `endpoint.settled`.

use std::sync::Arc;
use std::time::Duration;

use crate::blocking;
use crate::endpoint::Endpoint;
use crate::error::{Code, Error, Result};
use crate::message::{Batch, Cursor, Outcome};
use crate::retry::backoff;
use crate::shutdown::Stop;
use crate::store::accept::{self, Accepted, Entry, Rules};
use crate::time::Timestamp;

use super::flow::Flow;

mod wish;

/// Receives from one endpoint until told to stop.
pub(super) struct Intake {
    pub(super) flow: Arc<Flow>,
    pub(super) name: &'static str,
    pub(super) endpoint: Arc<dyn Endpoint>,
}

impl Intake {
    /// Runs until `stop`. What was received but not stored is received again.
    pub(super) async fn run(self, mut stop: Stop) {
        let account = self.endpoint.account();
        let mut cursor = None;
        let mut failures = 0;
        loop {
            let step = tokio::select! {
                () = stop.told() => break,
                step = self.step(&account, &mut cursor) => step,
            };
            if stop.is_told() {
                break;
            }
            failures = if step.is_ok() { 0 } else { failures + 1 };
            self.note(step.as_ref().err());
            if let Err(error) = step {
                let wait = error.retry_after.unwrap_or_else(|| pause(&error, failures));
                tokio::select! {
                    () = stop.told() => break,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
        self.endpoint.stop_receiving();
    }

    /// One batch, from the network into the tables.
    async fn step(&self, account: &str, known: &mut Option<Cursor>) -> Result<()> {
        if known.is_none() {
            let (name, account) = (self.name, account.to_owned());
            *known = self
                .flow
                .store
                .read(move |conn| accept::cursor(conn, name, &account))
                .await?;
        }
        let (endpoint, from) = (Arc::clone(&self.endpoint), known.clone());
        let batch = blocking::run(move || endpoint.receive(from.as_ref())).await?;
        if batch.items.is_empty() && batch.cursor.is_none() {
            return Ok(());
        }
        let accepted = self.store(account, &batch).await;
        let outcomes = match &accepted {
            Ok(accepted) => accepted.outcomes.iter().map(again).collect(),
            Err(error) => batch
                .items
                .iter()
                .map(|_| Outcome::Failed(error.again()))
                .collect(),
        };
        let reached = batch.cursor.clone();
        if reached.is_none() {
            self.settle(batch, outcomes).await?;
        }
        let accepted = accepted?;
        if reached.is_some() {
            *known = reached;
        }
        for turn in accepted.to_stop {
            self.flow.stops.stop(turn);
        }
        self.flow.queue.notify_one();
        if accepted.replies {
            self.flow.outbox.notify_one();
        }
        Ok(())
    }

    async fn store(&self, account: &str, batch: &Batch) -> Result<Accepted> {
        let mode = self.flow.config().mode;
        let pause = self.flow.health.agent_pause();
        let entries: Vec<Entry> = batch
            .items
            .iter()
            .map(|inbound| Entry {
                inbound: inbound.clone(),
                wish: wish::of(inbound, self.endpoint.notice(), mode, pause),
            })
            .collect();
        let rules = Rules {
            mode,
            agent_wide: self.flow.agent_wide(),
            now: Timestamp::now(),
        };
        let (name, account, cursor) = (self.name, account.to_owned(), batch.cursor.clone());
        let work = move |conn: &mut _| {
            accept::accept(conn, name, &account, &entries, cursor.as_ref(), &rules)
        };
        self.flow.store.write(work).await
    }

    async fn settle(&self, batch: Batch, outcomes: Vec<Outcome>) -> Result<()> {
        let endpoint = Arc::clone(&self.endpoint);
        blocking::run(move || {
            endpoint.settled(&batch, &outcomes);
            Ok(())
        })
        .await
    }

    fn note(&self, error: Option<&Error>) {
        if !self.flow.health.note(self.name, error) {
            return;
        }
        match error {
            None => log::info!(endpoint = self.name; "{} receives", self.name),
            Some(error) => {
                let code = error.code.as_str();
                log::warn!(endpoint = self.name, code = code; "{} cannot receive: {}; hint: {}",
                    self.name, error.message(), error.advice());
            }
        }
    }
}

fn again(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::New => Outcome::New,
        Outcome::Seen => Outcome::Seen,
        Outcome::Refused(error) => Outcome::Refused(error.again()),
        Outcome::Failed(error) => Outcome::Failed(error.again()),
    }
}

/// A refused token needs the operator; all else may heal by itself within seconds.
fn pause(error: &Error, failures: u32) -> Duration {
    let longest = match error.code {
        Code::EndpointUnauthorized => Duration::from_mins(1),
        _ => Duration::from_secs(30),
    };
    backoff(failures, Duration::from_millis(500), u64::from(failures)).min(longest)
}
