//! The one error, and the table of all that can go wrong.
//!
//! Which type where: [`Error`] everywhere inside; `anyhow` only in `main` and `cli`. A code names what
//! the reader must do, not where it happened; the message says where. Adapters translate at their own
//! border, and nobody matches on the words of a message.
//!
//! Style: lower-case, no full stop, literals in backticks; the hint is an imperative.

use std::fmt;
use std::time::Duration;

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Nothing happened on the other side; later it may go well.
    Later,
    /// It will fail in the same way again.
    Never,
    /// The other side may already have acted: find out before anything is sent again.
    Uncertain,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident $text:literal $retry:ident $hint:literal;)+) => {
        /// What went wrong. The text form is stable: log field, database value, `--json`, README table.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The stable text, such as `agent.timed-out`.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $text,)+ } }

            /// What the code means, for the README's table.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+),)+ }
            }

            /// Whether trying again can help.
            pub const fn retry(self) -> Retry { match self { $(Self::$name => Retry::$retry,)+ } }

            /// What to do about it.
            pub const fn hint(self) -> &'static str { match self { $(Self::$name => $hint,)+ } }
        }
    };
}

codes! {
    /// A setting is wrong: unknown key, wrong type, or out of range.
    ConfigInvalid "config.invalid" Never "correct the named setting; `broca.toml.example` shows every key";
    /// A setting or file that is needed is missing or cannot be read.
    ConfigMissing "config.missing" Never "give the named setting, or run `broca init`";
    /// A placeholder from the examples stands where a real value is needed.
    ConfigPlaceholder "config.placeholder" Never "replace the placeholder with your own value";
    /// An environment variable overrides the setting.
    ConfigOverridden "config.overridden" Never "change or unset the named variable";
    /// The command line is wrong.
    Usage "usage" Never "see `broca --help`";

    /// The database cannot be reached or opened.
    StoreUnreachable "store.unreachable" Later "check `database.url`, that the folder is writable, and that the server is up";
    /// The database failed while in use.
    StoreFailed "store.failed" Later "look at the disk's free space and at the database's log";
    /// The database was made by a newer Broca.
    StoreNewer "store.schema-newer" Never "use the newer binary, or `broca db rollback` with it";
    /// Another Broca holds this instance.
    StoreHeld "store.held" Never "stop the named process, or use another folder";
    /// No row of that id.
    NotFound "not-found" Never "list what there is with `broca <things> list`";
    /// The row is not in a state that allows this.
    WrongState "wrong-state" Never "look at it with `show` first";

    /// The endpoint is not in this build.
    EndpointNotBuilt "endpoint.not-built" Never "rebuild with the feature of the endpoint's name";
    /// The network refused the endpoint's token.
    EndpointUnauthorized "endpoint.unauthorized" Later "set the endpoint's token to a valid one";
    /// Another program receives for the same account.
    EndpointConflict "endpoint.conflict" Later "stop the other program that uses this token";
    /// The network asks for a slower pace.
    EndpointRateLimited "endpoint.rate-limited" Later "wait; Broca sends again by itself";
    /// The network cannot be reached.
    EndpointUnreachable "endpoint.unreachable" Later "check the network and the endpoint's address";
    /// The network refused what was sent.
    EndpointRejected "endpoint.rejected" Never "look at the reply's text and the network's words";
    /// The person blocked this side, or the chat is gone.
    EndpointBlocked "endpoint.blocked" Never "nothing; replies wait until the person writes again";
    /// The confirmation of a sent part was lost.
    EndpointUncertain "endpoint.uncertain" Uncertain "see `outbox.uncertain`";
    /// What the network sent cannot be read.
    EndpointMalformed "endpoint.malformed" Later "if it stays, report it with the log line";

    /// No agent is configured.
    AgentNotConfigured "agent.not-configured" Never "set `AGENT_ID` and `AGENT_ENDPOINT`, or run `broca init`";
    /// Letta cannot be reached, or is not ready.
    AgentUnreachable "agent.unreachable" Later "check `agent.endpoint`, and that Letta is up";
    /// Letta refused the key.
    AgentUnauthorized "agent.unauthorized" Later "set `AGENT_API_KEY` to a valid key";
    /// Letta or its model provider wants payment.
    AgentNoCredit "agent.no-credit" Later "add credit at Letta or at the model's provider";
    /// The agent does not exist.
    AgentMissing "agent.missing" Later "check `AGENT_ID`";
    /// The conversation, identity or block that is stored here no longer exists at Letta.
    AgentForgotten "agent.forgotten" Later "nothing; Broca makes it anew and sends again by itself";
    /// The agent is busy with another request of this conversation.
    AgentBusy "agent.busy" Later "wait; Broca sends again by itself";
    /// The agent's model asks for a slower pace.
    AgentRateLimited "agent.rate-limited" Later "wait, or raise the limit at the model's provider";
    /// The agent failed to answer.
    AgentFailed "agent.failed" Later "look at the run in Letta, and at its model's settings";
    /// The agent failed after it had already used tools.
    AgentFailedMidway "agent.failed-midway" Never "look at what its tools did, then `broca queue retry`";
    /// Letta refused the message.
    AgentRejected "agent.rejected" Never "look at the message with `broca queue show`";
    /// The agent answered with nothing at all.
    AgentEmptyAnswer "agent.empty-answer" Never "look at the model behind the agent";
    /// The agent did not answer in time and was stopped.
    AgentTimedOut "agent.timed-out" Never "raise `agent.turn_timeout`, or look at the run in Letta";
    /// The connection to Letta broke while the agent may be at work.
    AgentDropped "agent.dropped" Uncertain "wait; Broca finds out what became of it";
    /// What became of the message at Letta cannot be known.
    AgentUncertain "agent.uncertain" Never "look at the agent's messages, then `broca queue retry` if it is not there";
    /// What Letta sent cannot be read.
    AgentMalformed "agent.malformed" Uncertain "check that `agent.endpoint` is a Letta server";
    /// This Letta lacks something the configuration needs.
    AgentUnsupported "agent.unsupported" Never "see the documentation on Letta's versions and Redis";

    /// A turn was begun many times without an outcome.
    TurnPoison "turn.poison" Never "look at the log around its attempts, then `broca queue retry`";
    /// A message could not be answered within `queue.give_up_after`.
    TurnExpired "turn.expired" Never "see why in `broca status`, then `broca queue retry`";
    /// The person or the operator stopped the turn.
    TurnStopped "turn.stopped" Never "write again";
    /// A message has no end that anyone saw, past the time for it.
    TurnSilent "turn.silent" Never "see which in `broca status`, and what became of it with `broca trace ID`";

    /// The person may not talk to this agent.
    AccessRefused "access.refused" Never "ask the operator for access";
    /// The operator deactivated the person.
    AccessInactive "access.inactive" Never "ask the operator; `broca users activate` undoes it";

    /// The HTTP request is malformed.
    RequestMalformed "request.malformed" Never "correct the request";
    /// The HTTP request or the message is too large.
    RequestTooLarge "request.too-large" Never "send less at once";
    /// Too many requests.
    RequestLimited "request.rate-limited" Later "wait, then send again";
    /// The session's token is missing or wrong.
    RequestUnauthorized "request.unauthorized" Never "start a new session";
    /// The request comes from a host or site that is not allowed.
    RequestForbidden "request.forbidden" Never "open the page at its own address, or add the site to `origins`";

    /// Broca is stopping.
    Stopping "stopping" Later "try again when it is up";
    /// A file or socket could not be used.
    Io "io" Later "check the path and its permissions";
    /// A bug: a part of Broca panicked.
    InternalPanic "internal.panic" Later "report it with the log around it";
}

impl Code {
    /// The code of this text, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// Whether the whole agent is out of reach, so that the queue waits instead of failing turns.
    pub const fn pauses_queue(self) -> bool {
        matches!(
            self,
            Self::AgentUnreachable
                | Self::AgentUnauthorized
                | Self::AgentNoCredit
                | Self::AgentMissing
        )
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure: a code, what and where, and what to do.
#[derive(Debug)]
pub struct Error {
    /// What kind of failure.
    pub code: Code,
    message: String,
    hint: Option<String>,
    /// When the other side asked to be left alone until.
    pub retry_after: Option<Duration>,
}

/// What can fail in Broca.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of this code; `message` says what and where.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: None,
            retry_after: None,
        }
    }

    /// With a better hint than the table's.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the time that the other side asked for.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// What and where.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do.
    pub fn advice(&self) -> &str {
        self.hint.as_deref().unwrap_or(self.code.hint())
    }

    /// Whether trying again can help.
    pub const fn retry(&self) -> Retry {
        self.code.retry()
    }

    /// The process's exit code for this failure.
    pub const fn exit_code(&self) -> u8 {
        match self.code {
            Code::ConfigInvalid
            | Code::ConfigMissing
            | Code::ConfigPlaceholder
            | Code::ConfigOverridden
            | Code::EndpointNotBuilt
            | Code::Usage => 2,
            _ => 1,
        }
    }

    /// The same failure once more, for a second reader.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            code: self.code,
            message: self.message.clone(),
            hint: self.hint.clone(),
            retry_after: self.retry_after,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        for code in Code::ALL {
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
    }

    #[test]
    fn a_hint_of_its_own_comes_before_the_tables() {
        let plain = Error::new(Code::Io, "x");
        assert_eq!(plain.advice(), Code::Io.hint());
        assert_eq!(plain.hint("do y").advice(), "do y");
    }
}
