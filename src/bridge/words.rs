//! What Broca itself says to people.

use crate::config::Mode;
use crate::error::{Code, Error};

/// The answer to `/start`.
pub(super) const START: &str =
    "Hello! Write to me, and the agent answers. `/help` shows what else I understand.";

/// The answer to `/help`.
pub(super) const HELP: &str = "Write to me, and the agent answers.\n\n\
    - `/status`: how things are, and what waits in this chat\n\
    - `/stop`: stops the answer under way\n\
    - `/help`: this list";

/// The end of a turn that its person stopped.
pub(super) const STOPPED: &str = "Stopped.";

/// What the agent is told when it asks for leave to use a tool.
pub(super) const DENIED: &str = "nobody can approve tools in this channel; answer without it";

/// Someone wrote who may not.
pub(super) fn stranger(id: &str) -> String {
    format!("This agent is private. Your id here is `{id}`; its operator can let you in.")
}

/// A waiting person is told that the message is kept.
pub(super) fn kept(code: Option<Code>) -> String {
    let code = code.map_or(String::new(), |code| format!(" ({code})"));
    format!(
        "The agent cannot be reached right now{code}. Your message is kept and will be answered as soon as \
         it is back."
    )
}

/// A turn ended with an error.
pub(super) fn failed(error: &Error) -> String {
    let what = match error.code {
        Code::AgentTimedOut => "The agent took too long and was stopped.",
        Code::AgentEmptyAnswer => "The agent gave an empty answer.",
        Code::AgentRejected => "The agent could not take this message.",
        Code::AgentUncertain => {
            "The connection to the agent broke, and whether it read your message cannot be found out."
        }
        Code::AgentFailedMidway => "The agent failed in the midst of its work.",
        _ => "The agent could not answer this message.",
    };
    format!(
        "{what} Please try again, or tell the operator this code: `{}`.",
        error.code
    )
}

/// A turn waited for too long.
pub(super) fn expired(last_code: Option<&str>) -> String {
    let last = last_code.map_or(String::new(), |code| format!(", `{code}`"));
    format!(
        "Your message could not be answered in time and has been given up. Please send it again, or tell \
         the operator this code: `{}`{last}.",
        Code::TurnExpired
    )
}

/// The start of the answer to `/status`.
pub(super) fn status(mode: Mode, pause: Option<Code>) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let state = match (mode, pause) {
        (Mode::Echo, _) => "Messages come back as they are (echo).".to_owned(),
        (Mode::Listen, _) => "Messages are stored and not answered (listen).".to_owned(),
        (Mode::Live, None) => "The agent answers.".to_owned(),
        (Mode::Live, Some(code)) => {
            format!("The agent cannot be reached (`{code}`); messages are kept until it is back.")
        }
    };
    format!("Broca {version}. {state}")
}
