//! What became of a request that was perhaps sent.
//!
//! A user message is stored once its first step went well, with its otid and run, for good. Until
//! then, and after a failure, nothing is stored; but within three hours the same bytes, sent again,
//! attach to the run that they started, whatever became of it. So a request that is not found is
//! absent where that holds, and unknown where it does not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::agent::{Attempt, Fate};
use crate::error::{Code, Error, Result};
use crate::time::Timestamp;

use super::Letta;
use super::api::dropped;
use super::failure::{ModelTrouble, Refusal};
use super::gather::{Gathered, Verdict};
use super::place::Place;
use super::request::Sent;
use super::wire::{Event, Run, Step, each};

/// For so long Letta knows a request again: three hours, less a margin for clocks.
const KNOWN_AGAIN: Duration = Duration::from_mins(165);
/// The pages of a conversation that are searched, newest first.
const PAGES: usize = 5;
/// The messages of a page.
const PAGE: usize = 100;
/// How far Letta's clock may be behind ours.
const SKEW: Duration = Duration::from_secs(10);

/// What became of `attempt`.
pub(super) fn look_up(letta: &Letta, attempt: &Attempt) -> Result<Fate> {
    let sent = Sent::of(&attempt.request);
    match find(letta, attempt, &sent)? {
        Found::Run(run) => fate_of(letta, &run),
        Found::WithoutRun => Ok(uncertain()),
        Found::Not => not_found(letta, attempt, &sent),
    }
}

/// What became of a run.
pub(super) fn fate_of(letta: &Letta, id: &str) -> Result<Fate> {
    let Some(run) = run(letta, id)? else {
        return Ok(uncertain());
    };
    match run.status.as_str() {
        "completed" => completed(letta, &run),
        "failed" => trouble(letta, Some(id), &ModelTrouble::of_metadata(&run.metadata)),
        "cancelled" => Ok(Fate::Cancelled),
        _ if run.is_active() => Ok(Fate::Running),
        _ => Ok(Fate::Unknown),
    }
}

/// A run's record, if Letta has it.
pub(super) fn run(letta: &Letta, id: &str) -> Result<Option<Run>> {
    match letta.api.get(&format!("/v1/runs/{id}"))? {
        Ok(run) => Ok(Some(run)),
        Err(refusal) if refusal.status == 404 => Ok(None),
        Err(refusal) => Err(refusal.error()),
    }
}

/// The fate of a failed run: to be repeated only if it had completed no step, since tools may have acted.
pub(super) fn trouble(letta: &Letta, run: Option<&str>, trouble: &ModelTrouble) -> Result<Fate> {
    let midway = match run {
        Some(run) => has_completed_step(letta, run)?,
        None => false,
    };
    Ok(Fate::Failed(trouble.error(midway)))
}

/// Whether a run has completed a step.
pub(super) fn has_completed_step(letta: &Letta, run: &str) -> Result<bool> {
    let steps: Vec<Value> = match letta
        .api
        .get(&format!("/v1/runs/{run}/steps?limit={PAGE}"))?
    {
        Ok(steps) => steps,
        Err(refusal) => return Err(refusal.error()),
    };
    let steps: Vec<Step> = each(steps);
    Ok(steps
        .iter()
        .any(|step| step.status.as_deref() == Some("success")))
}

/// Stops an attempt's run. Nothing to stop is fine.
pub(super) fn cancel(letta: &Letta, attempt: &Attempt, run: Option<&str>) -> Result<()> {
    let place = letta.place(&attempt.request.conversation);
    if !place.is_default() {
        return cancel_at(letta, &place.path("cancel"), "{}");
    }
    // Cancelling the default conversation would end the runs of all others too.
    let runs = match run {
        Some(run) => vec![run.to_owned()],
        None => active(letta, attempt)?,
    };
    if runs.is_empty() {
        return Ok(());
    }
    let path = format!("/v1/agents/{}/messages/cancel", letta.agent);
    cancel_at(letta, &path, &json!({ "run_ids": runs }).to_string())
}

fn cancel_at(letta: &Letta, path: &str, body: &str) -> Result<()> {
    match letta.api.post::<Value>(path, body)? {
        Err(refusal) if !matches!(refusal.status, 404 | 409) => Err(refusal.error()),
        _ => Ok(()),
    }
}

fn active(letta: &Letta, attempt: &Attempt) -> Result<Vec<String>> {
    let runs = runs_since(letta, attempt)?;
    let active = runs.into_iter().filter(Run::is_active);
    Ok(active.map(|run| run.id).collect())
}

/// The newest messages of a conversation, newest or oldest first as Letta likes; `before` an id.
/// `None` where the conversation is gone.
pub(super) fn messages(
    letta: &Letta,
    place: &Place<'_>,
    before: Option<&str>,
) -> Result<Option<Vec<Event>>> {
    let mut path = format!("{}order=desc&limit={PAGE}", place.query("messages"));
    if let Some(before) = before {
        path.push_str("&before=");
        path.push_str(before);
    }
    match letta.api.get::<Vec<Value>>(&path)? {
        Ok(page) => Ok(Some(each(page))),
        Err(refusal) if refusal.status == 404 => Ok(None),
        Err(refusal) => Err(refusal.error()),
    }
}

enum Found {
    Run(String),
    WithoutRun,
    Not,
}

fn find(letta: &Letta, attempt: &Attempt, sent: &Sent) -> Result<Found> {
    let place = letta.place(&attempt.request.conversation);
    let decides = sent.decides();
    let mut before = None;
    for _ in 0..PAGES {
        let Some(page) = messages(letta, &place, before.as_deref())? else {
            break;
        };
        if let Some(found) = page.iter().find(|event| is_of(event, attempt, &decides)) {
            return Ok(found.run_id.clone().map_or(Found::WithoutRun, Found::Run));
        }
        // The default conversation's pages come oldest first, all others' newest first.
        let oldest = if place.is_default() {
            page.first()
        } else {
            page.last()
        };
        match oldest {
            Some(oldest) if page.len() >= PAGE => before = Some(oldest.id.clone()),
            _ => break,
        }
    }
    Ok(Found::Not)
}

/// Whether a stored message came with the attempt: by its otid, or as a decision on the same calls,
/// which Letta stores without one.
fn is_of(event: &Event, attempt: &Attempt, decides: &[&str]) -> bool {
    let otid = event.otid.as_ref();
    if otid.is_some_and(|otid| attempt.request.otids.contains(otid)) {
        return true;
    }
    let approvals = event.approvals.iter().flatten();
    let mut calls = approvals.filter_map(|decided| decided.tool_call_id.as_deref());
    calls.any(|call| decides.contains(&call))
}

fn not_found(letta: &Letta, attempt: &Attempt, sent: &Sent) -> Result<Fate> {
    let age = Timestamp::now().since(attempt.at);
    if sent.background && age < KNOWN_AGAIN {
        return Ok(Fate::Absent);
    }
    let runs = runs_since(letta, attempt)?;
    let active = runs.iter().any(Run::is_active);
    match runs.as_slice() {
        _ if active => Ok(Fate::Running),
        _ if age < letta.pace.settle => Ok(Fate::Unknown),
        // The conversation's only run since then, of which nothing is stored.
        [run] if matches!(run.status.as_str(), "failed" | "cancelled") => fate_of(letta, &run.id),
        _ => Ok(uncertain()),
    }
}

/// The runs of the attempt's conversation that began after it was stored.
fn runs_since(letta: &Letta, attempt: &Attempt) -> Result<Vec<Run>> {
    let place = letta.place(&attempt.request.conversation);
    let path = if place.is_default() {
        format!("/v1/runs/?agent_id={}&limit={PAGE}", place.agent)
    } else {
        format!(
            "/v1/runs/?conversation_id={}&limit={PAGE}",
            place.conversation
        )
    };
    let runs = match letta.api.get::<Vec<Value>>(&path)? {
        Ok(runs) => runs,
        Err(refusal) if refusal.status == 404 => Vec::new(),
        Err(refusal) => return Err(refusal.error()),
    };
    // Both are RFC 3339 in UTC, whose text sorts as time does.
    let since = attempt.at.minus(SKEW).to_string();
    let since = since.trim_end_matches('Z');
    let mut runs: Vec<Run> = each(runs);
    runs.retain(|run| run.created_at.as_deref().is_some_and(|at| at >= since));
    runs.retain(|run| !place.is_default() || run.conversation_id.is_none());
    Ok(runs)
}

fn completed(letta: &Letta, run: &Run) -> Result<Fate> {
    let path = format!("/v1/runs/{}/messages?order=asc&limit=500", run.id);
    let messages: Vec<Value> = match letta.api.get(&path)? {
        Ok(messages) => messages,
        Err(refusal) => return Err(refusal.error()),
    };
    let mut gathered = Gathered::default();
    for message in each::<Event>(messages) {
        gathered.take(message);
    }
    gathered.stopped(run.stop_reason.as_deref());
    match gathered.verdict() {
        Verdict::Fate(fate) => Ok(fate),
        Verdict::Trouble(what) => trouble(letta, Some(&run.id), &what),
    }
}

/// What a refused request means for the attempt: the agent's own word, or why there is none.
pub(super) fn refused(letta: &Letta, attempt: &Attempt, refusal: &Refusal) -> Result<Fate> {
    if let Some(what) = refusal.model_trouble() {
        return Ok(Fate::Failed(what.error(false)));
    }
    let conversation = &attempt.request.conversation;
    match refusal.status {
        404 => Err(missing(letta, conversation, refusal)),
        409 if refusal.is_pending_approval() => {
            super::people::deny_pending(letta, conversation)?;
            Err(refusal.error())
        }
        503 if Sent::of(&attempt.request).background => without_redis(letta, refusal),
        _ => Err(refusal.error_of_turn()),
    }
}

/// Tells a missing agent from a conversation that was deleted at Letta.
fn missing(letta: &Letta, conversation: &str, refusal: &Refusal) -> Error {
    if letta.place(conversation).is_default() {
        return refusal.error();
    }
    match letta
        .api
        .get::<Value>(&format!("/v1/agents/{}", letta.agent))
    {
        Ok(Ok(_)) => Error::new(
            Code::AgentForgotten,
            format!("the conversation `{conversation}` no longer exists at Letta"),
        ),
        Ok(Err(refusal)) => refusal.error(),
        Err(error) => error,
    }
}

/// A server without Redis refuses background turns before they begin. The next attempt is composed
/// without that, so that this one has failed rather than waits.
fn without_redis(letta: &Letta, refusal: &Refusal) -> Result<Fate> {
    match letta.background.ask(&letta.api) {
        Ok(false) => Ok(Fate::Failed(Error::new(
            Code::AgentFailed,
            "this Letta has no Redis and refused a background turn; the next attempt does without",
        ))),
        Ok(true) => Err(refusal.error_of_turn()),
        Err(error) => Err(dropped(error.message())),
    }
}

fn uncertain() -> Fate {
    Fate::Failed(Error::new(
        Code::AgentUncertain,
        "what became of the message at Letta cannot be known",
    ))
}
