//! One turn in the hands of a worker: attempt, fate, settlement.

use std::sync::Arc;
use std::time::Duration;

use crate::agent::AgentClient;
use crate::blocking;
use crate::bridge::flow::StopGuard;
use crate::bridge::words;
use crate::config::Mode;
use crate::error::{Code, Error, Result};
use crate::exchange::{AgentIds, Answer, Approval, Attempt, Fate, How, Verdict};
use crate::message::{Progress, Step};
use crate::store::queue::{self, AttemptEnd, AttemptState, Claimed, Ending};
use crate::store::{Conn, agent_ids};
use crate::time::Timestamp;

use super::{Processor, SIDE_CALLS, pause, prompt};

mod conclude;

/// A turn that was begun this often without any outcome takes its worker down with it.
const POISON: i32 = 20;

/// How often the agent is asked to stop, until the turn is over.
const STOP_AGAIN: Duration = Duration::from_millis(500);

/// What the agent said of an attempt, or why it said nothing.
type Heard = Result<Fate>;

/// A worker's turn.
pub(super) struct Work<'a> {
    processor: &'a Processor,
    claimed: Claimed,
    /// What the agent knows of the person once this turn is answered.
    tells: Option<String>,
}

impl<'a> Work<'a> {
    pub(super) const fn new(processor: &'a Processor, claimed: Claimed) -> Self {
        Self {
            processor,
            claimed,
            tells: None,
        }
    }

    /// Works on the turn until it is settled or put back.
    pub(super) async fn run(mut self) -> Result<()> {
        match self.claimed.mode {
            Mode::Echo | Mode::Listen => self.echo().await,
            Mode::Live if self.claimed.barren > POISON => {
                let error = Error::new(
                    Code::TurnPoison,
                    "the turn was begun many times without an outcome",
                );
                let end = self
                    .claimed
                    .open
                    .as_ref()
                    .map(|open| ended(open, AttemptState::Failed, Some(&error)));
                self.fail(end, &error).await
            }
            Mode::Live => self.live().await,
        }
    }

    async fn echo(&self) -> Result<()> {
        let texts: Vec<_> = self
            .claimed
            .said
            .iter()
            .map(|said| said.text.clone())
            .collect();
        self.settle(None, Ending::Replied(vec![texts.join("\n")]))
            .await
    }

    async fn live(&mut self) -> Result<()> {
        let Some(agent) = self.processor.agents.borrow().clone() else {
            let error = Error::new(Code::AgentNotConfigured, "no agent is configured");
            return self.fail(None, &error).await;
        };
        let flow = &self.processor.flow;
        let stop = flow.stops.enter(self.claimed.turn);
        if self.claimed.stop_asked {
            stop.signal.notify_one();
            if self.claimed.open.is_none() {
                return self
                    .settle(None, Ending::Stopped(words::STOPPED.to_owned()))
                    .await;
            }
        }
        let started = match self.start(&agent).await {
            Ok(Some(started)) => started,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.leave_own(&agent).await;
                return self.unprepared(&error).await;
            }
        };
        self.show(Step::Thinking);
        let done = self.follow(&agent, started, &stop).await;
        self.show(Step::Over);
        done
    }

    /// The attempt to make, and whether it may have been made before. `None` where the claim was lost.
    async fn start(&mut self, agent: &Arc<dyn AgentClient>) -> Result<Option<(Attempt, How)>> {
        // It stays noted: where the way to it fails, it may be at work all the same.
        if let Some(open) = self.claimed.open.clone() {
            if agent.enters() {
                self.enter(agent).await?;
            }
            return Ok(Some((open, How::Resume)));
        }
        if let Some(begun) = self.claimed.begun.take() {
            return Ok(Some((begun, How::Start)));
        }
        self.prepare(agent).await?;
        if agent.enters() {
            self.enter(agent).await?;
        }
        let request = agent.compose(&prompt(&self.claimed), &self.claimed.ids);
        let (turn, claim) = (self.claimed.turn, self.claimed.claim);
        let begin =
            move |conn: &mut Conn| queue::begin(conn, turn, claim, &request, Timestamp::now());
        let begun = self.processor.flow.store.write(begin).await?;
        Ok(begun.map(|attempt| (attempt, How::Start)))
    }

    /// Completes and stores the ids at the agent.
    async fn prepare(&mut self, agent: &Arc<dyn AgentClient>) -> Result<()> {
        if agent.is_prepared(&self.claimed.ids) {
            return Ok(());
        }
        let client = Arc::clone(agent);
        let (claimed, endpoint) = (self.claimed.clone(), self.claimed.to.endpoint.clone());
        let ids = blocking::run(move || {
            let about = &claimed.said.first().ok_or_else(no_message)?.by;
            client.prepare(claimed.conversation, about, &endpoint, &claimed.ids)
        })
        .await?;
        self.claimed.ids = ids.clone();
        let (agent_id, conversation) = (self.processor.flow.agent_id(), self.claimed.conversation);
        let person = self.claimed.said.first().ok_or_else(no_message)?.by.person;
        let store = &self.processor.flow.store;
        store
            .write(move |conn| agent_ids::store(conn, &agent_id, conversation, person, &ids))
            .await
    }

    /// Puts the person's memory before the agent, having noted that it will, and having taken away what
    /// an earlier turn may have left there.
    async fn enter(&self, agent: &Arc<dyn AgentClient>) -> Result<()> {
        let flow = &self.processor.flow;
        let id = flow.agent_id();
        for left in flow
            .store
            .read(move |conn| agent_ids::attached(conn, &id))
            .await?
        {
            self.leave(agent, left).await?;
        }
        let (id, ids) = (flow.agent_id(), self.claimed.ids.clone());
        flow.store
            .write(move |conn| agent_ids::attaching(conn, &id, &ids, Timestamp::now()))
            .await?;
        let (client, ids) = (Arc::clone(agent), self.claimed.ids.clone());
        blocking::run(move || client.enter(&ids)).await
    }

    /// Takes a person's memory away from the agent again.
    async fn leave(&self, agent: &Arc<dyn AgentClient>, ids: AgentIds) -> Result<()> {
        let Some(block) = ids.block.clone() else {
            return Ok(());
        };
        let client = Arc::clone(agent);
        blocking::run(move || client.leave(&ids)).await?;
        let id = self.processor.flow.agent_id();
        self.processor
            .flow
            .store
            .write(move |conn| agent_ids::detached(conn, &id, &block))
            .await
    }

    /// The same at the end of a turn. Where it fails, the next turn or start does it.
    async fn leave_own(&self, agent: &Arc<dyn AgentClient>) {
        if !agent.enters() {
            return;
        }
        if let Err(error) = self.leave(agent, self.claimed.ids.clone()).await {
            log::warn!(turn = self.claimed.turn, code = error.code.as_str();
                "the person's memory stays attached for now: {error}");
        }
    }

    /// Follows attempts to the turn's end: an approval leads to a further attempt.
    async fn follow(
        &mut self,
        agent: &Arc<dyn AgentClient>,
        (mut attempt, mut how): (Attempt, How),
        stop: &StopGuard<'_>,
    ) -> Result<()> {
        loop {
            self.tells = Some(attempt.request.tells.clone());
            let heard = self.hear(agent, &attempt, how, stop).await;
            let Ok(Fate::Answered(Answer::Approval(approval))) = heard else {
                self.leave_own(agent).await;
                return self.conclude(&attempt, how, heard).await;
            };
            match self.deny(agent, &attempt, &approval).await? {
                Some(next) => (attempt, how) = (next, How::Start),
                None => return Ok(()),
            }
        }
    }

    /// Hears what becomes of the attempt: looks up first where it may have been sent before.
    async fn hear(
        &self,
        agent: &Arc<dyn AgentClient>,
        attempt: &Attempt,
        how: How,
        stop: &StopGuard<'_>,
    ) -> Heard {
        if how == How::Start {
            return self.converse(agent, attempt, how, stop).await;
        }
        if self.claimed.stop_asked {
            self.cancel(agent, attempt).await?;
        }
        let (client, wanted) = (Arc::clone(agent), attempt.clone());
        match blocking::run(move || client.look_up(&wanted)).await? {
            Fate::Absent if self.claimed.stop_asked => Ok(Fate::Cancelled),
            Fate::Absent | Fate::Running => self.converse(agent, attempt, how, stop).await,
            fate => Ok(fate),
        }
    }

    /// Sends the attempt and waits; a stop asked for meanwhile cancels it at the agent.
    async fn converse(
        &self,
        agent: &Arc<dyn AgentClient>,
        attempt: &Attempt,
        how: How,
        stop: &StopGuard<'_>,
    ) -> Heard {
        let (client, sent) = (Arc::clone(agent), attempt.clone());
        let (progress, to, turn) = (
            self.processor.flow.progress.clone(),
            self.claimed.to.clone(),
            self.claimed.turn,
        );
        let mut call = std::pin::pin!(blocking::run(move || {
            client.converse(&sent, how, &mut |step| {
                let _ = progress.send(Arc::new(Progress {
                    to: to.clone(),
                    turn,
                    step,
                }));
            })
        }));
        let mut stopping = false;
        loop {
            tokio::select! {
                heard = &mut call => return heard,
                () = stop.signal.notified() => stopping = true,
                () = tokio::time::sleep(STOP_AGAIN), if stopping => {}
            }
            // A request that is still on its way, or not admitted yet, leaves nothing to cancel.
            if let Err(error) = self.cancel(agent, attempt).await {
                log::warn!(turn = self.claimed.turn, code = error.code.as_str();
                    "the turn could not be stopped: {error}");
            }
        }
    }

    async fn cancel(&self, agent: &Arc<dyn AgentClient>, attempt: &Attempt) -> Result<()> {
        let _permit = SIDE_CALLS.acquire().await.expect("it is never closed");
        let (client, attempt) = (Arc::clone(agent), attempt.clone());
        blocking::run(move || client.cancel(&attempt)).await
    }

    /// Denies a tool that nobody here can approve, so that the conversation never waits in silence.
    async fn deny(
        &self,
        agent: &Arc<dyn AgentClient>,
        attempt: &Attempt,
        approval: &Approval,
    ) -> Result<Option<Attempt>> {
        log::warn!(turn = self.claimed.turn, endpoint = self.claimed.to.endpoint.as_str();
            "the agent asks for leave to use {}; it is denied", approval.tools.join(", "));
        let verdict = Verdict::Deny(words::DENIED.to_owned());
        let request = agent.decide(approval, &verdict, &attempt.request);
        let ended = ended(attempt, AttemptState::Answered, None);
        let (claimed, said) = (self.claimed.clone(), approval.said.clone());
        let note = move |conn: &mut Conn| {
            queue::next_attempt(conn, &claimed, &ended, &said, &request, Timestamp::now())
        };
        let next = self.processor.flow.store.write(note).await?;
        self.processor.flow.outbox.notify_one();
        Ok(next)
    }

    fn show(&self, step: Step) {
        let (to, turn) = (self.claimed.to.clone(), self.claimed.turn);
        let _ = self
            .processor
            .flow
            .progress
            .send(Arc::new(Progress { to, turn, step }));
    }
}

fn ended(attempt: &Attempt, how: AttemptState, error: Option<&Error>) -> AttemptEnd {
    let error = error.map(|error| (error.code, error.message().to_owned()));
    AttemptEnd {
        id: attempt.id,
        how,
        error,
    }
}

fn no_message() -> Error {
    Error::new(Code::StoreFailed, "a turn without a message")
}
