//! The closed sets of states, as the schema's `CHECK`s have them.

use serde::{Deserialize, Serialize};

use crate::config::Mode;
use crate::message::ReplyKind;

macro_rules! states {
    ($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $vdoc:literal])+ $variant:ident $text:literal,)+ }) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[doc = $vdoc])+ $variant,)+ }

        impl $name {
            /// Every state.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// As in the database.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $text,)+ } }

            /// The state of this text.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

states! {
    /// Where a turn is.
    TurnState {
        /// Waits to be claimed.
        Ready "ready",
        /// Is being worked on.
        Running "running",
        /// Was stored in the mode `listen`, and is not to be answered.
        Kept "kept",
        /// Was answered.
        Replied "replied",
        /// The agent chose silence.
        Silent "silent",
        /// Ended with an error, shown to the person.
        Failed "failed",
        /// Was stopped by the person or the operator.
        Stopped "stopped",
        /// Its person was deactivated before it was answered.
        Refused "refused",
    }
}

states! {
    /// Where a reply is.
    ReplyState {
        /// Waits to be sent.
        Ready "ready",
        /// Is being sent.
        Sending "sending",
        /// The chat is out of reach; it waits until the person writes again.
        Parked "parked",
        /// Every part was confirmed, or left by policy.
        Said "said",
        /// The network refused it for good.
        Failed "failed",
        /// The operator dropped it.
        Dropped "dropped",
    }
}

/// A mode as in the database.
pub const fn mode_text(mode: Mode) -> &'static str {
    match mode {
        Mode::Echo => "echo",
        Mode::Listen => "listen",
        Mode::Live => "live",
    }
}

/// A mode from the database.
pub fn mode(text: &str) -> Mode {
    match text {
        "echo" => Mode::Echo,
        "listen" => Mode::Listen,
        _ => Mode::Live,
    }
}

/// A reply's kind as in the database.
pub const fn kind_text(kind: ReplyKind) -> &'static str {
    match kind {
        ReplyKind::Answer => "answer",
        ReplyKind::Notice => "notice",
        ReplyKind::Error => "error",
        ReplyKind::Operator => "operator",
    }
}

/// A reply's kind from the database.
pub fn kind(text: &str) -> ReplyKind {
    match text {
        "answer" => ReplyKind::Answer,
        "error" => ReplyKind::Error,
        "operator" => ReplyKind::Operator,
        _ => ReplyKind::Notice,
    }
}
