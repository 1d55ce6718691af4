//! Identities, conversations and blocks: what a person has at Letta.

use serde_json::{Value, json};
use ureq::http::Method;

use crate::agent::{AgentIds, Approval, Request, Verdict};
use crate::error::{Code, Error, Result};
use crate::http::Patience;
use crate::message::About;

use super::api::{encode, unreachable};
use super::failure::Refusal;
use super::stream::events;
use super::wire::{Event, Named};
use super::{DEFAULT, Letta, fate, known, probe, request, template};
use crate::config::Isolation;

/// The label of a person's block.
pub(super) const LABEL: &str = "person";
/// What a person's block says of itself to the agent.
pub(super) const DESCRIPTION: &str =
    "What you know of the person you are talking with now. Each person has their own.";

/// Completes `known`. A crash before the ids are stored leaves an empty conversation or block at
/// Letta; an identity is found again.
pub(super) fn prepare(
    letta: &Letta,
    conversation: i64,
    about: &About,
    endpoint: &str,
    known: &AgentIds,
) -> Result<AgentIds> {
    letta.background.refresh(&letta.api)?;
    let mut ids = known.clone();
    if ids.identity.is_none() {
        ids.identity = Some(identity(letta, about, endpoint)?);
    }
    if letta.isolation == Isolation::Shared {
        ids.conversation = Some(DEFAULT.to_owned());
    } else if ids.conversation.as_deref().is_none_or(|id| id == DEFAULT) {
        ids.conversation = Some(begin(letta, conversation, about, endpoint)?);
    }
    if letta.isolation == Isolation::Block && ids.block.is_none() {
        ids.block = Some(block(letta, about, endpoint)?);
    }
    Ok(ids)
}

/// Attaches the person's block to the agent, and has their conversation read it: an attached block
/// is not in the prompt of a conversation that began before.
pub(super) fn enter(letta: &Letta, ids: &AgentIds) -> Result<()> {
    let (Some(block), Some(conversation)) = (&ids.block, &ids.conversation) else {
        return Err(forgotten("the person has no block or conversation yet"));
    };
    let path = format!(
        "/v1/agents/{}/core-memory/blocks/attach/{block}",
        letta.agent
    );
    if let Err(refusal) = letta.api.ask::<Value>(Method::PATCH, &path, None)? {
        return Err(match refusal.status {
            404 => forgotten("the person's block no longer exists at Letta"),
            409 => label_taken(),
            _ => refusal.error(),
        });
    }
    let path = letta.place(conversation).path("recompile");
    match letta.api.post::<Value>(&path, "{}")? {
        Err(refusal) if refusal.status == 404 => {
            Err(forgotten("the conversation no longer exists at Letta"))
        }
        other => other.map(drop).map_err(|refusal| refusal.error()),
    }
}

/// Detaches the person's block; where it is not attached, all is well.
pub(super) fn leave(letta: &Letta, ids: &AgentIds) -> Result<()> {
    let Some(block) = &ids.block else {
        return Ok(());
    };
    let path = format!(
        "/v1/agents/{}/core-memory/blocks/detach/{block}",
        letta.agent
    );
    match letta.api.ask::<Value>(Method::PATCH, &path, None)? {
        Err(refusal) if refusal.status != 404 => Err(refusal.error()),
        _ => Ok(()),
    }
}

/// Denies the approval that a conversation waits for, so that it does not stand in the way. What the
/// agent says to that has no reader. Gives whether there was one.
pub(super) fn deny_pending(letta: &Letta, conversation: &str) -> Result<bool> {
    let place = letta.place(conversation);
    let page = fate::messages(letta, &place, None)?.unwrap_or_default();
    let newest = if place.is_default() {
        page.into_iter().next_back()
    } else {
        page.into_iter().next()
    };
    match newest {
        Some(newest) if newest.message_type == "approval_request_message" => {
            log::warn!("`{conversation}` waits for an approval that nobody will give; denied");
            deny(letta, conversation, newest).map(|()| true)
        }
        _ => Ok(false),
    }
}

fn deny(letta: &Letta, conversation: &str, mut asked: Event) -> Result<()> {
    let calls = asked.calls().into_iter();
    let approval = Approval {
        calls: calls.filter_map(|call| call.tool_call_id).collect(),
        tools: Vec::new(),
        said: Vec::new(),
    };
    let before = Request {
        conversation: conversation.to_owned(),
        body: String::new(),
        otids: Vec::new(),
        tells: String::new(),
    };
    let verdict = Verdict::Deny("nobody answered the request in time".to_owned());
    let request = request::decide(&letta.form(), &approval, &verdict, &before);
    let patience = Patience {
        whole: Some(letta.turn_timeout),
        silence: letta.pace.silence,
    };
    let path = letta.place(conversation).path("messages");
    let answer = letta
        .api
        .open(Method::POST, &path, Some(&request.body), patience);
    events(answer.map_err(|failure| unreachable(&failure))?).drain();
    Ok(())
}

/// The failure where the agent has a block of the persons' label itself.
pub(super) fn label_taken() -> Error {
    let words = format!("the agent has a block labelled `{LABEL}` of its own");
    Error::new(Code::AgentUnsupported, words)
        .hint("detach or relabel that block, or choose another `agent.isolation`")
}

fn forgotten(words: &str) -> Error {
    Error::new(Code::AgentForgotten, words)
}

fn identity(letta: &Letta, about: &About, endpoint: &str) -> Result<String> {
    let key = format!("broca:{endpoint}:{}", about.user_id);
    if let Some(id) = find_identity(letta, &key)? {
        return Ok(id);
    }
    let body = json!({
        "identifier_key": key,
        "name": template::name(about),
        "identity_type": "user",
    });
    match letta
        .api
        .post::<Named>("/v1/identities/", &body.to_string())?
    {
        Ok(made) => Ok(made.id),
        // Somebody made it in between.
        Err(refusal) if refusal.status == 409 => {
            find_identity(letta, &key)?.ok_or_else(|| refusal.error())
        }
        Err(refusal) => Err(unsupported(&refusal, "identities")),
    }
}

fn find_identity(letta: &Letta, key: &str) -> Result<Option<String>> {
    let path = format!("/v1/identities/?identifier_key={}", encode(key));
    let found = match letta.api.get::<Vec<Named>>(&path)? {
        Ok(found) => found,
        Err(refusal) => return Err(unsupported(&refusal, "identities")),
    };
    let mut found = found.into_iter();
    let same = found.find(|identity| identity.identifier_key.as_deref() == Some(key));
    Ok(same.map(|identity| identity.id))
}

fn begin(letta: &Letta, conversation: i64, about: &About, endpoint: &str) -> Result<String> {
    let platform = template::platform(endpoint);
    let name = template::name(about);
    let body = json!({ "summary": format!("Broca {conversation}: {platform}, {name}") });
    let path = format!("/v1/conversations/?agent_id={}", letta.agent);
    match letta.api.post::<Named>(&path, &body.to_string())? {
        Ok(made) => Ok(made.id),
        // The agent's id is refused with 422 where its form is wrong.
        Err(refusal) if matches!(refusal.status, 404 | 422) => Err(absent(letta, &refusal)),
        Err(refusal) => Err(refusal.error()),
    }
}

fn block(letta: &Letta, about: &About, endpoint: &str) -> Result<String> {
    let value = known::describe_one(about, endpoint);
    let body = json!({ "label": LABEL, "value": value, "description": DESCRIPTION });
    match letta.api.post::<Named>("/v1/blocks/", &body.to_string())? {
        Ok(made) => Ok(made.id),
        Err(refusal) => Err(refusal.error()),
    }
}

/// Tells a missing agent from a server that knows no conversations.
fn absent(letta: &Letta, refusal: &Refusal) -> Error {
    match letta
        .api
        .get::<Value>(&format!("/v1/agents/{}", letta.agent))
    {
        Ok(Ok(_)) => unsupported(refusal, "conversations"),
        Ok(Err(refusal)) if matches!(refusal.status, 404 | 422) => probe::no_agent(letta),
        Ok(Err(refusal)) => refusal.error(),
        Err(error) => error,
    }
}

/// The failure where the server knows nothing of `what`.
pub(super) fn unsupported(refusal: &Refusal, what: &str) -> Error {
    match refusal.status {
        404 | 405 => Error::new(Code::AgentUnsupported, format!("this Letta has no {what}"))
            .hint("use Letta 0.16 or newer"),
        _ => refusal.error(),
    }
}
