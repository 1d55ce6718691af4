//! Whether the server and the agent are what the configuration needs.

use serde::Deserialize;
use serde_json::Value;

use crate::config::Isolation;
use crate::error::{Code, Error, Result};

use super::Letta;
use super::failure::Refusal;
use super::people::{DESCRIPTION, LABEL, label_taken, unsupported};

#[derive(Deserialize, Default)]
#[serde(default)]
struct Health {
    version: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct State {
    name: String,
    model: Option<String>,
    blocks: Vec<Block>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Block {
    label: Option<String>,
    description: Option<String>,
}

/// What `broca check` says of the agent, a line each.
pub(super) fn probe(letta: &Letta) -> Result<Vec<String>> {
    let mut lines = vec![version(letta)?];
    let state = agent(letta)?;
    let model = state
        .model
        .as_deref()
        .unwrap_or("a model that it does not name");
    lines.push(format!("agent `{}` with {model}", state.name));
    conversations(letta)?;
    if letta.isolation == Isolation::Block {
        lines.extend(blocks(&state)?);
    }
    lines.push(background(letta)?);
    Ok(lines)
}

fn version(letta: &Letta) -> Result<String> {
    match letta.api.get::<Health>("/v1/health/")? {
        Ok(health) => Ok(format!("Letta {}", health.version)),
        Err(refusal) if refusal.status == 404 => Err(Error::new(
            Code::AgentUnsupported,
            "there is no Letta REST API at `agent.endpoint`",
        )),
        Err(refusal) => Err(refusal.error()),
    }
}

fn agent(letta: &Letta) -> Result<State> {
    let path = format!("/v1/agents/{}?include=agent.blocks", letta.agent);
    letta
        .api
        .get::<State>(&path)?
        .map_err(|refusal| match refusal.status {
            // An id of the wrong form is refused as a malformed request.
            400 | 404 | 422 => no_agent(letta),
            _ => refusal.error(),
        })
}

/// The failure where there is no such agent.
pub(super) fn no_agent(letta: &Letta) -> Error {
    let words = format!("there is no agent `{}` at Letta", letta.agent);
    Error::new(Code::AgentMissing, words)
}

fn conversations(letta: &Letta) -> Result<()> {
    let path = format!("/v1/conversations/?agent_id={}&limit=1", letta.agent);
    let unsupported = |refusal: Refusal| unsupported(&refusal, "conversations");
    letta
        .api
        .get::<Value>(&path)?
        .map(drop)
        .map_err(unsupported)
}

fn blocks(state: &State) -> Result<Option<String>> {
    let labelled = |block: &&Block| block.label.as_deref() == Some(LABEL);
    match state.blocks.iter().find(labelled) {
        None => Ok(None),
        Some(block) if block.description.as_deref() == Some(DESCRIPTION) => Ok(Some(
            "a person's block is attached: a turn runs, or one was cut off".to_owned(),
        )),
        Some(_) => Err(label_taken()),
    }
}

fn background(letta: &Letta) -> Result<String> {
    Ok(if letta.background.ask(&letta.api)? {
        "background turns: yes; a message is one turn, also across crashes".to_owned()
    } else {
        "background turns: no, for lack of Redis; a turn whose connection breaks cannot be resumed, \
         and its fate may end as `agent.uncertain`"
            .to_owned()
    })
}
