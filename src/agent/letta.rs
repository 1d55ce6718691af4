//! Letta's REST API, as release 0.16 has it.
//!
//! A turn of a prepared conversation is one request: a background stream that Letta knows again by the
//! otids in it. All else here is for when that goes wrong.

use std::time::Duration;

use crate::agent::{AgentClient, AgentIds, Approval, Attempt, Fate, How, Prompt, Request, Verdict};
use crate::config::{self, Isolation};
use crate::error::{Code, Error, Result};
use crate::message::{About, Step};

use api::Api;
use background::Background;
use place::Place;
use request::Form;
use template::Template;

mod api;
mod background;
mod converse;
mod failure;
mod fate;
mod gather;
mod known;
mod people;
mod place;
mod probe;
mod request;
mod stream;
mod template;
mod wire;

/// Connections kept open at most; as many turns may run at once without a new one each.
const IDLE: usize = 64;
/// The name under which a conversation at Letta is shared by all.
const DEFAULT: &str = "default";

/// How long Letta's silences may last before they mean something.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A stream without any sign of life for this long is dropped. Letta pings every 20 s, and at times
    /// stalls for 60 s.
    pub silence: Duration,
    /// After the server was gone, a stream that only pings for this long belongs to a dead run.
    pub dead: Duration,
    /// How long to wait before each attempt to resume a dropped stream.
    pub resume: [Duration; 3],
    /// How long after sending a request that cannot be known again its fate stays open.
    pub settle: Duration,
    /// How often such a fate is looked up.
    pub watch: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(75),
            dead: Duration::from_mins(1),
            resume: [
                Duration::from_millis(100),
                Duration::from_secs(1),
                Duration::from_secs(3),
            ],
            settle: Duration::from_mins(2),
            watch: Duration::from_secs(2),
        }
    }
}

/// An agent on a Letta server.
pub struct Letta {
    api: Api,
    agent: String,
    isolation: Isolation,
    turn_timeout: Duration,
    template: Template,
    background: Background,
    pace: Pace,
}

impl Letta {
    /// The agent of the configuration. Reaches no network yet.
    pub fn open(config: &config::Agent) -> Result<Self> {
        let agent = config
            .id
            .clone()
            .ok_or_else(|| Error::new(Code::AgentNotConfigured, "`agent.id` is not set"))?;
        Ok(Self {
            api: Api::new(&config.endpoint, config.key.clone(), IDLE),
            agent,
            isolation: config.isolation,
            turn_timeout: config.turn_timeout,
            template: Template::new(&config.template),
            background: Background::new(),
            pace: Pace::default(),
        })
    }

    /// The same agent, with other patience.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Where a request of `conversation` goes.
    fn place<'a>(&'a self, conversation: &'a str) -> Place<'a> {
        Place {
            conversation,
            agent: &self.agent,
        }
    }

    fn form(&self) -> Form<'_> {
        Form {
            template: &self.template,
            agent: (self.isolation == Isolation::Shared).then_some(self.agent.as_str()),
            background: self.background.is_there(),
        }
    }
}

impl AgentClient for Letta {
    fn prepare(
        &self,
        conversation: i64,
        about: &About,
        endpoint: &str,
        known: &AgentIds,
    ) -> Result<AgentIds> {
        people::prepare(self, conversation, about, endpoint, known)
    }

    fn is_prepared(&self, ids: &AgentIds) -> bool {
        let shared = self.isolation == Isolation::Shared;
        let conversation = ids.conversation.as_deref();
        conversation.is_some_and(|id| (id == DEFAULT) == shared)
            && ids.identity.is_some()
            && (ids.block.is_some() || !self.enters())
    }

    fn compose(&self, prompt: &Prompt, ids: &AgentIds) -> Request {
        request::compose(&self.form(), prompt, ids)
    }

    fn decide(&self, approval: &Approval, verdict: &Verdict, before: &Request) -> Request {
        request::decide(&self.form(), approval, verdict, before)
    }

    fn enter(&self, ids: &AgentIds) -> Result<()> {
        if self.enters() {
            people::enter(self, ids)
        } else {
            Ok(())
        }
    }

    fn leave(&self, ids: &AgentIds) -> Result<()> {
        people::leave(self, ids)
    }

    fn enters(&self) -> bool {
        self.isolation == Isolation::Block
    }

    fn converse(
        &self,
        attempt: &Attempt,
        how: How,
        progress: &mut dyn FnMut(Step),
    ) -> Result<Fate> {
        converse::converse(self, attempt, how, progress)
    }

    fn look_up(&self, attempt: &Attempt) -> Result<Fate> {
        fate::look_up(self, attempt)
    }

    fn cancel(&self, attempt: &Attempt) -> Result<()> {
        fate::cancel(self, attempt, None)
    }

    fn probe(&self) -> Result<Vec<String>> {
        probe::probe(self)
    }

    fn cut(&self) {
        self.api.cut();
    }
}
