//! The lifeline: nobody waits in silence. Waiting people are told that their message is kept, and what
//! could not be answered in time is given up with a word.

use std::sync::Arc;
use std::time::Duration;

use crate::bridge::flow::Flow;
use crate::bridge::words;
use crate::error::{Code, Result};
use crate::shutdown::Stop;
use crate::store::{queue, shelf};
use crate::time::Timestamp;

/// Expired values taken off the shelves at once.
const SWEEP: i64 = 500;

/// Looks after those who wait, until told to stop.
pub(in crate::bridge) async fn run(flow: Arc<Flow>, mut stop: Stop) {
    loop {
        let every = (flow.config().queue.notice_after / 4)
            .clamp(Duration::from_millis(100), Duration::from_secs(5));
        tokio::select! {
            () = stop.told() => return,
            () = tokio::time::sleep(every) => {}
        }
        if let Err(error) = look(&flow).await {
            log::error!(code = error.code.as_str(); "those who wait cannot be told: {error}");
        }
    }
}

async fn look(flow: &Flow) -> Result<()> {
    let config = flow.config();
    let pause = flow.health.agent_pause();
    let (after, give_up) = (config.queue.notice_after, config.queue.give_up_after);
    let (told, expired) = flow
        .store
        .write(move |conn| {
            let now = Timestamp::now();
            let why = |last: Option<&str>| words::expired(last.or_else(|| pause.map(Code::as_str)));
            let expired = queue::expire(conn, give_up, &why, now)?;
            let told = queue::notice(conn, after, pause.is_some(), &words::kept(pause), now)?;
            shelf::sweep(conn, now, SWEEP)?;
            Ok((told, expired))
        })
        .await?;
    for turn in &expired {
        log::warn!(turn = turn, code = Code::TurnExpired.as_str(); "the turn was given up");
    }
    if told > 0 || !expired.is_empty() {
        log::info!(told = told; "{told} waiting conversations were told that messages are kept");
        flow.wake();
    }
    Ok(())
}
