//! What becomes of a turn once it is known, or not known, what became of its attempt.

use std::time::Duration;

use crate::bridge::words;
use crate::error::{Code, Error, Result, Retry};
use crate::exchange::{Answer, Attempt, Fate, How};
use crate::retry::backoff;
use crate::store::queue::{self, AttemptEnd, AttemptState, Ending, PutBack};
use crate::store::{Conn, agent_ids};
use crate::time::Timestamp;

use super::{Heard, Work, ended, no_message, pause};

/// The first wait after a failure.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The wait before a fate is looked up again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Work<'_> {
    /// Settles the turn or puts it back, by what was heard.
    pub(super) async fn conclude(&self, attempt: &Attempt, how: How, heard: Heard) -> Result<()> {
        let end = |how| Some(ended(attempt, how, None));
        match heard {
            Ok(Fate::Answered(Answer::Said(texts))) => {
                self.settle(end(AttemptState::Answered), Ending::Replied(texts))
                    .await
            }
            Ok(Fate::Answered(Answer::Silent)) => {
                self.settle(end(AttemptState::Answered), Ending::Silent)
                    .await
            }
            Ok(Fate::Cancelled) => {
                let ending = Ending::Stopped(words::STOPPED.to_owned());
                self.settle(end(AttemptState::Cancelled), ending).await
            }
            Ok(Fate::Failed(error)) => self.agent_failed(attempt, &error).await,
            Ok(
                Fate::Absent | Fate::Running | Fate::Unknown | Fate::Answered(Answer::Approval(_)),
            ) => {
                let error = Error::new(
                    Code::AgentDropped,
                    "what became of the message is not known yet",
                );
                self.unknown(&error).await
            }
            Err(error) => self.unheard(attempt, how, &error).await,
        }
    }

    /// The agent said that the attempt failed.
    async fn agent_failed(&self, attempt: &Attempt, error: &Error) -> Result<()> {
        let end = Some(ended(attempt, AttemptState::Failed, Some(error)));
        let flow = &self.processor.flow;
        if error.code.pauses_queue() {
            pause::begin(flow, error);
            return self.again(end, false, error).await;
        }
        if error.code == Code::AgentBusy {
            return self.again(end, false, error).await;
        }
        let budget = i32::try_from(flow.config().queue.max_attempts).unwrap_or(i32::MAX);
        if error.retry() == Retry::Later && self.claimed.failures + 1 < budget {
            return self.again(end, true, error).await;
        }
        self.fail(end, error).await
    }

    /// The agent did not say what became of the attempt. What failed on the way to an attempt that was
    /// perhaps sent before says nothing about that sending.
    async fn unheard(&self, attempt: &Attempt, how: How, error: &Error) -> Result<()> {
        if error.code.pauses_queue() && !self.processor.released.is_told() {
            pause::begin(&self.processor.flow, error);
        }
        let end = Some(ended(attempt, AttemptState::Failed, Some(error)));
        match error.retry() {
            Retry::Never => self.fail(end, error).await,
            Retry::Later if error.code == Code::AgentForgotten => self.forget(end, error).await,
            Retry::Later if how == How::Start => self.again(end, false, error).await,
            Retry::Later | Retry::Uncertain => self.unknown(error).await,
        }
    }

    /// Nothing could be sent, since the agent's ids could not be made or its memory not be attached.
    pub(super) async fn unprepared(&self, error: &Error) -> Result<()> {
        if error.code.pauses_queue() {
            pause::begin(&self.processor.flow, error);
        }
        match error.retry() {
            _ if error.code == Code::AgentForgotten => self.forget(None, error).await,
            _ if self.claimed.open.is_some() => self.unknown(error).await,
            Retry::Never => self.fail(None, error).await,
            _ => self.again(None, false, error).await,
        }
    }

    /// What is stored of the agent's side is gone there: it is made anew on the next try.
    async fn forget(&self, end: Option<AttemptEnd>, error: &Error) -> Result<()> {
        let (agent, conversation) = (self.processor.flow.agent_id(), self.claimed.conversation);
        let person = self.claimed.said.first().ok_or_else(no_message)?.by.person;
        let drop = move |conn: &mut Conn| agent_ids::forget(conn, &agent, conversation, person);
        self.processor.flow.store.write(drop).await?;
        self.again(end, false, error).await
    }

    /// Tried again later; nothing of it runs at the agent, unless an attempt is left open.
    async fn again(&self, end: Option<AttemptEnd>, counts: bool, error: &Error) -> Result<()> {
        let wait = error.retry_after.unwrap_or_else(|| self.wait());
        let held = end.is_none() && self.claimed.open.is_some();
        self.put_back(end, counts, held, wait, Some(error)).await
    }

    /// Looked up again soon; it may be at work at the agent, so its lane stays taken.
    async fn unknown(&self, error: &Error) -> Result<()> {
        let wait = if self.processor.released.is_told() {
            Duration::ZERO
        } else {
            self.wait().min(LOOK_AGAIN)
        };
        self.put_back(None, false, true, wait, Some(error)).await
    }

    /// Longer with each claim.
    fn wait(&self) -> Duration {
        let tries = u32::try_from(self.claimed.claim).unwrap_or(u32::MAX);
        backoff(tries, FIRST_WAIT, self.claimed.turn.unsigned_abs())
    }

    async fn put_back(
        &self,
        ended: Option<AttemptEnd>,
        counts: bool,
        held: bool,
        wait: Duration,
        error: Option<&Error>,
    ) -> Result<()> {
        let words = error.map(|error| (error.code, error.message().to_owned()));
        if let Some(error) = error {
            log::info!(turn = self.claimed.turn, conversation = self.claimed.conversation,
                endpoint = self.claimed.to.endpoint.as_str(), attempt = self.claimed.claim,
                code = error.code.as_str(); "the turn waits: {}", error.message());
        }
        let (claimed, now) = (self.claimed.clone(), Timestamp::now());
        let back = PutBack {
            due: now.plus(wait),
            ended,
            counts,
            held,
            error: words,
        };
        let write = move |conn: &mut Conn| queue::put_back(conn, &claimed, &back, now);
        self.processor.flow.store.write(write).await?;
        self.processor.flow.queue.notify_one();
        Ok(())
    }

    pub(super) async fn fail(&self, end: Option<AttemptEnd>, error: &Error) -> Result<()> {
        log::warn!(turn = self.claimed.turn, conversation = self.claimed.conversation,
            endpoint = self.claimed.to.endpoint.as_str(), attempt = self.claimed.claim,
            code = error.code.as_str(); "the turn failed: {}; hint: {}", error.message(), error.advice());
        let ending = Ending::Failed(error.code, error.message().to_owned(), words::failed(error));
        self.settle(end, ending).await
    }

    pub(super) async fn settle(&self, end: Option<AttemptEnd>, ending: Ending) -> Result<()> {
        let claimed = self.claimed.clone();
        let flow = &self.processor.flow;
        let (agent, agent_wide) = (flow.agent_id(), flow.agent_wide());
        let answered = matches!(ending, Ending::Replied(_) | Ending::Silent);
        let news = self.tells.clone().filter(|_| answered);
        let news = news.filter(|tells| claimed.told.as_ref() != Some(tells));
        let write = move |conn: &mut Conn| {
            let mine = queue::settle(conn, &claimed, end.as_ref(), &ending, Timestamp::now())?;
            if let Some(tells) = news.as_ref().filter(|_| mine) {
                agent_ids::told(conn, &agent, claimed.conversation, tells)?;
            }
            Ok((mine, queue::is_waited_for(conn, &claimed, agent_wide)?))
        };
        let (mine, waited_for) = flow.insist(write).await?;
        flow.outbox.notify_one();
        if waited_for {
            flow.queue.notify_one();
        }
        let took = Timestamp::now().since(self.claimed.created_at).as_millis();
        log::info!(turn = self.claimed.turn, conversation = self.claimed.conversation,
            endpoint = self.claimed.to.endpoint.as_str(), attempt = self.claimed.claim;
            "the turn is settled after {took} ms{}", if mine { "" } else { ", by another worker" });
        Ok(())
    }
}
