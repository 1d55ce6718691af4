//! The calls that the stand-in answers, as Letta 0.16 does.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::http::{self, Request};
use super::streams;
use super::world::{Block, Conversation, World};

/// Answers a request. An error closes the connection.
pub(crate) fn answer(
    world: &Arc<World>,
    request: &Request,
    output: &mut TcpStream,
) -> io::Result<()> {
    let lean = world.settings().lean;
    let line = || format!("{} {}", request.method, request.path);
    world.data().note(line, lean);
    if let Some((status, body)) = refused(world, request) {
        return http::answer(output, status, &body);
    }
    let path: Vec<&str> = request.path.trim_matches('/').split('/').skip(1).collect();
    match (request.method.as_str(), path.as_slice()) {
        ("POST", ["conversations", id, "messages"]) => streams::turn(world, id, request, output),
        ("POST", ["runs", id, "stream"]) => streams::resume(world, id, request, output),
        (method, path) => {
            let (status, body) = plain(world, method, path, request);
            http::answer(output, status, &body.to_string())
        }
    }
}

fn refused(world: &World, request: &Request) -> Option<(u16, String)> {
    let settings = world.settings();
    let mut refused = settings.refused.iter();
    if let Some((_, status)) = refused.find(|(path, _)| request.path.contains(path)) {
        return Some((
            *status,
            json!({ "detail": "refused by the test" }).to_string(),
        ));
    }
    let key = settings
        .key
        .filter(|_| !request.path.ends_with("/health/"))?;
    let right = request.authorization.as_deref() == Some(&format!("Bearer {key}"));
    (!right).then(|| (401, json!({ "detail": "Unauthorized" }).to_string()))
}

fn plain(world: &World, method: &str, path: &[&str], request: &Request) -> (u16, Value) {
    match (method, path) {
        ("GET", ["health"]) => (200, json!({ "version": "0.16.8", "status": "ok" })),
        ("GET", ["agents", id]) => agent(world, id),
        ("PATCH", ["agents", _, "core-memory", "blocks", how, id]) => block(world, how, id),
        ("POST", ["agents", _, "messages", "cancel"]) => cancel(world, None, &body(request)),
        ("POST", ["blocks"]) => new_block(world, &body(request)),
        ("GET", ["identities"]) => identities(world, request),
        ("POST", ["identities"]) => new_identity(world, &body(request)),
        (method, ["conversations", rest @ ..]) => conversations(world, method, rest, request),
        ("GET", ["runs", rest @ ..]) => runs(world, rest, request),
        _ => not_found("nothing"),
    }
}

fn conversations(world: &World, method: &str, path: &[&str], request: &Request) -> (u16, Value) {
    match (method, path) {
        ("GET", []) => (200, json!([])),
        ("POST", []) if request.parameter("agent_id") != Some(world.agent) => not_found("Agent"),
        ("POST", []) => {
            let id = format!("conv-{}", Uuid::now_v7());
            let mut data = world.data();
            let conversation = Conversation {
                memory: data.memory(),
                ..Conversation::default()
            };
            data.conversations.insert(id.clone(), conversation);
            (200, json!({ "id": id }))
        }
        ("POST", [_, "stream"]) if world.settings().redis => (
            400,
            json!({ "detail": "INVALID_ARGUMENT: No active runs found for this conversation." }),
        ),
        ("POST", [_, "stream"]) => (503, no_redis()),
        ("POST", [id, "recompile"]) => recompile(world, id),
        ("POST", [id, "cancel"]) => cancel(world, Some(id), &json!({})),
        ("GET", [id, "messages"]) => messages(world, id, request),
        _ => not_found("Conversation"),
    }
}

fn recompile(world: &World, id: &str) -> (u16, Value) {
    let mut data = world.data();
    let memory = data.memory();
    let Some(conversation) = data.conversations.get_mut(id) else {
        return not_found("Conversation");
    };
    conversation.memory = memory;
    (200, json!("ok"))
}

fn runs(world: &World, path: &[&str], request: &Request) -> (u16, Value) {
    let data = world.data();
    if path.is_empty() {
        let wanted = request.parameter("conversation_id");
        let runs = data.order.iter().rev().map(|id| &data.runs[id]);
        let runs = runs.filter(|run| wanted.is_none_or(|id| id == run.conversation));
        return (200, runs.map(|run| run.record()).collect());
    }
    let Some(run) = data.runs.get(path[0]) else {
        return not_found("Run");
    };
    match &path[1..] {
        [] => (200, run.record()),
        ["steps"] => {
            let steps = run
                .state()
                .steps
                .iter()
                .map(|status| json!({ "status": status }))
                .collect();
            (200, steps)
        }
        ["messages"] => {
            let messages = data
                .conversations
                .get(&run.conversation)
                .map(|each| &each.messages);
            let messages = messages.into_iter().flatten();
            let of_run = messages.filter(|message| message["run_id"] == run.id);
            (200, of_run.cloned().collect())
        }
        _ => not_found("Run"),
    }
}

fn messages(world: &World, id: &str, request: &Request) -> (u16, Value) {
    let data = world.data();
    let Some(conversation) = data.conversations.get(id) else {
        return not_found("Conversation");
    };
    let limit = request
        .parameter("limit")
        .and_then(|limit| limit.parse().ok())
        .unwrap_or(100);
    let before = request.parameter("before");
    let mut newest_first: Vec<Value> = conversation.messages.iter().rev().cloned().collect();
    if let Some(before) = before {
        let at = newest_first
            .iter()
            .position(|message| message["id"] == before);
        newest_first.drain(..=at.unwrap_or(0));
    }
    newest_first.truncate(limit);
    // The default conversation's pages come oldest first.
    if id == "default" {
        newest_first.reverse();
    }
    (200, json!(newest_first))
}

fn cancel(world: &World, conversation: Option<&str>, body: &Value) -> (u16, Value) {
    let run = body["run_ids"][0].as_str();
    match world.cancel(conversation, run) {
        0 => (
            409,
            json!({ "detail": "CONFLICT: No active runs to cancel" }),
        ),
        _ => (200, json!({})),
    }
}

fn agent(world: &World, id: &str) -> (u16, Value) {
    if id != world.agent {
        return not_found("Agent");
    }
    let data = world.data();
    let blocks = data.attached.iter().map(|id| {
        let block = &data.blocks[id];
        json!({ "id": id, "label": block.label, "description": block.description })
    });
    let blocks: Vec<Value> = blocks.collect();
    (
        200,
        json!({ "id": id, "name": "stand-in", "model": "fake/model", "blocks": blocks }),
    )
}

fn block(world: &World, how: &str, id: &str) -> (u16, Value) {
    let mut data = world.data();
    let Some(label) = data.blocks.get(id).map(|block| block.label.clone()) else {
        return not_found("Block");
    };
    if how == "detach" {
        return if data.attached.remove(id) {
            (200, json!({}))
        } else {
            not_found("Block")
        };
    }
    let taken = data
        .attached
        .iter()
        .any(|other| other != id && data.blocks[other].label == label);
    if taken {
        return (
            409,
            json!({ "detail": "A unique constraint was violated for Agent." }),
        );
    }
    data.attached.insert(id.to_owned());
    (200, json!({}))
}

fn new_block(world: &World, body: &Value) -> (u16, Value) {
    let id = format!("block-{}", Uuid::now_v7());
    let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
    let block = Block {
        label: text("label"),
        description: text("description"),
        value: text("value"),
    };
    world.data().blocks.insert(id.clone(), block);
    (200, json!({ "id": id }))
}

fn identities(world: &World, request: &Request) -> (u16, Value) {
    let key = request
        .parameter("identifier_key")
        .unwrap_or_default()
        .replace("%3A", ":");
    let data = world.data();
    let found = data.identities.get(&key);
    let found = found.map(|id| json!({ "id": id, "identifier_key": key }));
    (200, found.into_iter().collect())
}

fn new_identity(world: &World, body: &Value) -> (u16, Value) {
    let key = body["identifier_key"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let id = format!("identity-{}", Uuid::now_v7());
    if world.data().identities.insert(key, id.clone()).is_some() {
        return (
            409,
            json!({ "detail": "A unique constraint was violated for Identity." }),
        );
    }
    (200, json!({ "id": id }))
}

pub(super) fn body(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap_or_default()
}

pub(super) fn no_redis() -> Value {
    json!({ "detail": "INTERNAL_SERVER_ERROR: Background streaming requires Redis to be running." })
}

pub(super) fn not_found(what: &str) -> (u16, Value) {
    (404, json!({ "detail": format!("{what} not found") }))
}
