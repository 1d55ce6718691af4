//! What passes between the bridge, the store and the agent: requests, attempts, answers, fates.

use crate::error::Error;
use crate::message::Said;
use crate::time::Timestamp;

/// Ids at the agent that belong to a conversation or person here. Stored before the first send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AgentIds {
    /// The conversation there (`conv-…`, or `default` in the mode `shared`).
    pub conversation: Option<String>,
    /// The person's identity there.
    pub identity: Option<String>,
    /// The person's memory block there (mode `block`).
    pub block: Option<String>,
}

/// One turn's content, ready to be put into a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The endpoint's name, for the agent's view of the person (`Telegram ID: …`).
    pub endpoint: String,
    /// The messages, oldest first; never empty.
    pub said: Vec<Said>,
    /// What the agent was last told of the person in this conversation, as [`Request::tells`] gave it.
    pub told: Option<String>,
}

/// An exact request, stored before it leaves, and sent again byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The conversation at the agent that it goes to.
    pub conversation: String,
    /// The JSON body.
    pub body: String,
    /// The idempotency ids of all messages in it; the last is the person's.
    pub otids: Vec<String>,
    /// What the agent knows of the person once it has answered this.
    pub tells: String,
}

/// One sending of a turn, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its id here.
    pub id: i64,
    /// Its turn here.
    pub turn: i64,
    /// What is or was sent.
    pub request: Request,
    /// When it was stored, just before it was first sent.
    pub at: Timestamp,
}

/// Whether an attempt may already be known to the agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// It is sent for the first time.
    Start,
    /// It was perhaps sent before: the same bytes again, attaching to what runs.
    Resume,
}

/// What the agent had to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Its texts, in order; none is empty.
    Said(Vec<String>),
    /// It acted (a tool call) and chose to say nothing.
    Silent,
    /// It waits for a person's decision on a tool. The turn goes on with `AgentClient::decide`.
    Approval(Approval),
}

/// A tool call that waits for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The calls' ids.
    pub calls: Vec<String>,
    /// The tools' names.
    pub tools: Vec<String>,
    /// What the agent had said before it asked.
    pub said: Vec<String>,
}

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Approve,
    /// Do not, for this reason.
    Deny(String),
}

/// What became of an attempt at the agent.
#[derive(Debug)]
pub enum Fate {
    /// It is not there, and sending the same bytes again is safe.
    Absent,
    /// It is being worked on.
    Running,
    /// It was answered.
    Answered(Answer),
    /// It failed there; nothing of it runs on. `Later`: a new attempt may go well. `Never`: it must not
    /// be tried again by itself (tools may have acted; time ran out; what became of it cannot be known).
    Failed(Error),
    /// It was cancelled; nothing of it runs on.
    Cancelled,
    /// Not known yet: neither send nor give up, ask again.
    Unknown,
}
