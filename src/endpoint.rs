//! The places where people write: one entry of `src/endpoint/` each.
//!
//! An endpoint knows its own network and nothing else: no store, no queue, no other endpoint. It is
//! asked ([`Endpoint::receive`]) and told ([`Endpoint::send`]). Its name is its file, its feature, its
//! configuration table `[endpoint.<name>]`, its value in the database and its field in the log.

use std::sync::Arc;

use crate::config::Section;
use crate::error::Result;
use crate::message::{Address, Batch, Cursor, Outbound, Outcome, Part, PartId, Progress, Receipt};
use crate::server::Server;
use crate::shelf::Shelf;

#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "telegram")]
pub mod telegram;
#[cfg(feature = "webchat")]
pub mod webchat;

/// A place people write from. Every method blocks, and none reaches beyond its own network.
pub trait Endpoint: Send + Sync {
    /// Whose side of the network this is; stands in every [`Address`] from here.
    fn account(&self) -> String;

    /// Waits a while for messages after `cursor`. Safe to abandon and to repeat: nothing counts as
    /// received until it is stored together with the batch's cursor.
    ///
    /// An item that cannot be read is handed out as [`crate::message::Content::Other`] and passed, never
    /// an error.
    fn receive(&self, cursor: Option<&Cursor>) -> Result<Batch>;

    /// What became of each item, in the order of the batch, which had no cursor (one that has is confirmed
    /// by that). A pushed message's HTTP request is answered from this; until then the endpoint hands out
    /// the same items again.
    fn settled(&self, _batch: &Batch, _outcomes: &[Outcome]) {}

    /// Cuts a reply into parts that each fit one `send`. Pure; at least one part.
    fn render(&self, reply: &Outbound) -> Vec<Part>;

    /// Sends a part. `id` names reply and index, so that an endpoint that can shows a part once however
    /// often it comes.
    ///
    /// Errors: `Later` where it certainly was not sent, `Uncertain` where it may have been, `Never` where
    /// the network refused it for good (`endpoint.blocked` where only this chat is out of reach).
    fn send(&self, to: &Address, part: &Part, id: PartId) -> Result<Receipt>;

    /// Shows what a turn is doing, as well as the network can.
    fn progress(&self, _progress: &Progress) -> Result<()> {
        Ok(())
    }

    /// What a stranger is told, at most once a day, where the operator chose the words.
    fn notice(&self) -> Option<&str> {
        None
    }

    /// Whether a part sent twice is shown once.
    fn shows_once(&self) -> bool {
        false
    }

    /// Whether the endpoint works, in one line for `broca check`.
    fn check(&self) -> Result<String>;

    /// Ends `receive` at once, and for good.
    fn stop_receiving(&self) {}

    /// Ends every `send` and `progress` under way at once, and for good.
    fn cut(&self) {}
}

/// What an endpoint is opened with.
pub struct Opening {
    /// Its table `[endpoint.<name>]`, already validated by [`Kind::read`].
    pub section: Section,
    /// Its own storage.
    pub shelf: Arc<dyn Shelf>,
    /// Where it mounts routes, if it has any.
    pub server: Arc<Server>,
}

/// An endpoint that this build can open.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its one name.
    pub name: &'static str,
    /// Whether it runs where the configuration does not say.
    pub default_on: bool,
    /// Reads every key of its table, so that all problems are reported.
    pub read: fn(&mut Section),
    /// Opens it. Reaches no network yet.
    pub open: fn(Opening) -> Result<Arc<dyn Endpoint>>,
}

include!(concat!(env!("OUT_DIR"), "/registry.rs"));

/// The kind of this name in this build.
pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}
