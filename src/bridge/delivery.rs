//! Delivery: claims replies, sends them part by part, resumes at the part reached.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::blocking;
use crate::error::{Code, Error, Result, Retry};
use crate::message::{Outbound, Part, PartId, Receipt};
use crate::retry::backoff;
use crate::store::Conn;
use crate::store::outbox::{self, Claimed, Scope};
use crate::store::state::ReplyState;
use crate::time::Timestamp;

use super::dispatch::Stage;
use super::flow::Flow;

pub(super) mod relay;

/// The first wait after a part could not be sent.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// The stage that has replies sent.
pub(super) struct Delivery {
    pub(super) flow: Arc<Flow>,
}

impl Stage for Delivery {
    const WORK: &'static str = "reply";
    type Claimed = Claimed;

    fn wake(&self) -> &Notify {
        &self.flow.outbox
    }

    fn most(&self) -> usize {
        self.flow.config().outbox.max_concurrent
    }

    async fn claim(&self, most: usize) -> Result<(Vec<Claimed>, Option<Timestamp>)> {
        let hosts = self.flow.hosts.all();
        let uncertain = self.flow.config().outbox.uncertain;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let work = move |conn: &mut Conn| {
            let render = |out: &Outbound| -> Vec<Part> {
                let endpoint = hosts.get(out.to.endpoint.as_str());
                // A reply that breaks its renderer must not hold up all others.
                let parts =
                    endpoint.map(|host| catch_unwind(AssertUnwindSafe(|| host.render(out))));
                parts.and_then(std::result::Result::ok).unwrap_or_default()
            };
            let scope = Scope {
                endpoints: hosts.keys().map(|name| (*name).to_owned()).collect(),
                render: &render,
                shows_once: &|name| hosts.get(name).is_some_and(|host| host.shows_once()),
                uncertain,
                now: Timestamp::now(),
            };
            let claimed = outbox::claim(conn, most, &scope)?;
            // What waits for its time must not wait for the replies that are sent now.
            let due = outbox::next_due(conn, scope.now)?;
            Ok((claimed, due))
        };
        self.flow.store.write(work).await
    }

    async fn work(&self, claimed: Claimed) {
        let (id, endpoint) = (claimed.reply, claimed.to.endpoint.clone());
        let stale = claimed.clone();
        if let Err(error) = self.deliver(claimed).await {
            log::error!(reply = id, endpoint = endpoint.as_str(), code = error.code.as_str();
                "the reply could not be settled: {error}");
            self.rescue(stale).await;
            self.flow.outbox.notify_one();
        }
    }
}

impl Delivery {
    /// Gives back a reply whose settling failed, until the database takes it. Its part stays marked as
    /// being sent, and the next claim decides what becomes of it.
    async fn rescue(&self, claimed: Claimed) {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let claimed = claimed.clone();
            let work = move |conn: &mut Conn| {
                outbox::put_back(conn, &claimed, false, true, Timestamp::now(), None)
            };
            if self.flow.store.write(work).await.is_ok() {
                return;
            }
        }
    }

    /// Sends the parts that are left, each confirmed before the next.
    async fn deliver(&self, mut claimed: Claimed) -> Result<()> {
        if claimed.next.is_none() {
            return self.end(claimed).await;
        }
        while let Some((index, part)) = claimed.next.clone() {
            match self.send(&claimed, index, part).await {
                Ok(receipt) => {
                    claimed = self.confirm(claimed, receipt).await?;
                }
                Err(error) => return self.unsent(claimed, error).await,
            }
        }
        log::debug!(reply = claimed.reply, conversation = claimed.conversation,
            endpoint = claimed.to.endpoint.as_str(); "the reply is said");
        Ok(())
    }

    /// Notes that the part arrived. Gives the reply with its next part.
    async fn confirm(&self, claimed: Claimed, receipt: Receipt) -> Result<Claimed> {
        let now = Timestamp::now();
        let said = move |conn: &mut Conn| {
            let claimed = outbox::said(conn, claimed.clone(), &receipt, now)?;
            let waited_for = claimed.next.is_none() && outbox::is_waited_for(conn, &claimed)?;
            Ok((claimed, waited_for))
        };
        let (claimed, waited_for) = self.flow.insist(said).await?;
        if waited_for {
            self.flow.outbox.notify_one();
        }
        Ok(claimed)
    }

    /// A reply of which nothing is left to send: each part was said, or may have been and is left.
    async fn end(&self, claimed: Claimed) -> Result<()> {
        let now = Timestamp::now();
        let end =
            move |conn: &mut Conn| outbox::finish(conn, &claimed, ReplyState::Said, None, now);
        self.flow.store.write(end).await?;
        self.flow.outbox.notify_one();
        Ok(())
    }

    async fn send(&self, claimed: &Claimed, index: u32, part: Part) -> Result<Receipt> {
        let Some(endpoint) = self.flow.hosts.get(&claimed.to.endpoint) else {
            return Err(Error::new(
                Code::EndpointUnreachable,
                "the endpoint is closed",
            ));
        };
        let (to, id) = (
            claimed.to.clone(),
            PartId {
                reply: claimed.reply,
                index,
            },
        );
        blocking::run(move || endpoint.send(&to, &part, id)).await
    }

    /// The part did not go out, or nobody knows whether it did.
    async fn unsent(&self, claimed: Claimed, error: Error) -> Result<()> {
        let code = error.code;
        log::warn!(reply = claimed.reply, conversation = claimed.conversation,
            endpoint = claimed.to.endpoint.as_str(), code = code.as_str();
            "the reply was not sent: {}", error.message());
        let now = Timestamp::now();
        let tries = u32::try_from(claimed.failures).unwrap_or(0) + 1;
        let salt = claimed.reply.unsigned_abs();
        let wait = error
            .retry_after
            .unwrap_or_else(|| backoff(tries, FIRST_WAIT, salt));
        let (retry, message) = (error.retry(), error.message().to_owned());
        let write = move |conn: &mut Conn| {
            let words = (code, message.as_str());
            match retry {
                Retry::Never if code == Code::EndpointBlocked => {
                    outbox::park_claimed(conn, &claimed, words, now)
                }
                Retry::Never => {
                    outbox::finish(conn, &claimed, ReplyState::Failed, Some(words), now)
                }
                Retry::Later => {
                    let counts = code != Code::EndpointRateLimited;
                    outbox::put_back(conn, &claimed, true, counts, now.plus(wait), Some(words))
                }
                Retry::Uncertain => {
                    outbox::put_back(conn, &claimed, false, true, now.plus(wait), Some(words))
                }
            }
        };
        self.flow.insist(write).await?;
        self.flow.outbox.notify_one();
        Ok(())
    }
}
