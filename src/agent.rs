//! The agent behind the bridge.

use crate::error::Result;
use crate::message::{About, Step};

pub use crate::exchange::{
    AgentIds, Answer, Approval, Attempt, Fate, How, Prompt, Request, Verdict,
};

pub mod letta;

/// The agent behind the bridge. Every method but the pure ones blocks for as long as it takes.
pub trait AgentClient: Send + Sync {
    /// Completes the ids of a conversation and person. Each id found or made is the same whenever this
    /// is asked again, as far as the agent can tell; what it makes must be stored before the first send.
    fn prepare(
        &self,
        conversation: i64,
        about: &About,
        endpoint: &str,
        known: &AgentIds,
    ) -> Result<AgentIds>;

    /// Whether these ids suffice for [`Self::compose`]. Pure.
    fn is_prepared(&self, ids: &AgentIds) -> bool;

    /// The exact request for a turn. Pure but for fresh otids.
    fn compose(&self, prompt: &Prompt, ids: &AgentIds) -> Request;

    /// The exact request for a verdict. Pure but for fresh otids.
    fn decide(&self, approval: &Approval, verdict: &Verdict, before: &Request) -> Request;

    /// Puts the person's memory before the agent (mode `block`); the caller has stored that it will.
    fn enter(&self, _ids: &AgentIds) -> Result<()> {
        Ok(())
    }

    /// Undoes [`Self::enter`]. Safe to repeat.
    fn leave(&self, _ids: &AgentIds) -> Result<()> {
        Ok(())
    }

    /// Whether [`Self::enter`] does anything, so that it must be stored first.
    fn enters(&self) -> bool {
        false
    }

    /// Sends an attempt and waits for its end.
    ///
    /// `Ok` is the agent's own word on the attempt ([`Fate::Answered`], [`Fate::Failed`], [`Fate::Cancelled`]).
    /// `Err` is the lack of one: `Later` where it certainly was not admitted, so that the same bytes may
    /// be sent again (unreachable, refused key, busy); `Uncertain` where it may run; `Never` where it was
    /// refused for good (400, 422). After [`How::Resume`] an `Err` says nothing of what was sent before:
    /// the attempt stays open, and is looked up again.
    fn converse(&self, attempt: &Attempt, how: How, progress: &mut dyn FnMut(Step))
    -> Result<Fate>;

    /// What became of an attempt that was perhaps sent.
    fn look_up(&self, attempt: &Attempt) -> Result<Fate>;

    /// Asks the agent to stop working on an attempt. Look up afterwards: it can lose the race.
    fn cancel(&self, attempt: &Attempt) -> Result<()>;

    /// Whether the agent can be reached and is what the configuration needs, in a few words for
    /// `broca check`: version, what it can do, which promise is weaker for what it cannot.
    fn probe(&self) -> Result<Vec<String>>;

    /// Ends every call under way at once, and for good.
    fn cut(&self) {}
}
