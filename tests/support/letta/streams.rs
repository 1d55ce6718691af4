//! The streams of the stand-in: turns as they run, and what can go wrong with them.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{self, Request, Stream};
use super::routes::{body, no_redis, not_found};
use super::run::Run;
use super::world::{Admission, World};
use super::{Fault, Turn};

/// Admits a turn and streams it, unless a fault says otherwise.
pub(super) fn turn(
    world: &Arc<World>,
    conversation: &str,
    request: &Request,
    output: &mut TcpStream,
) -> io::Result<()> {
    let fault = world.settings().faults.pop_front();
    match fault {
        Some(Fault::Status(status, body)) => return http::answer(output, status, body),
        Some(Fault::ResetBefore) => return closed(output),
        _ => {}
    }
    let body = body(request);
    let background = body["background"] == true;
    if background && !world.settings().redis {
        return http::answer(output, 503, &no_redis().to_string());
    }
    match world.admit(read_turn(conversation, &body), background, fault.as_ref()) {
        Admission::NoConversation => {
            http::answer(output, 404, &not_found("Conversation").1.to_string())
        }
        Admission::Busy(run) => {
            let body = json!({ "detail": "CONFLICT: Another request", "run_id": run });
            http::answer(output, 409, &body.to_string())
        }
        Admission::Run(run) => match fault {
            Some(Fault::ResetAfter) => closed(output),
            Some(Fault::Silence) => silence(&run),
            Some(Fault::Dumb) => dumb(world, &run, output),
            Some(Fault::CutAfter(events)) => follow(world, &run, 0, Some(events), output),
            _ => follow(world, &run, 0, None, output),
        },
    }
}

fn read_turn(conversation: &str, body: &Value) -> Turn {
    let none = Vec::new();
    let messages = body["messages"].as_array().unwrap_or(&none);
    let of = |role: &str| -> Vec<String> {
        let wanted = messages.iter().filter(|message| message["role"] == role);
        wanted
            .filter_map(|message| message["content"].as_str().map(str::to_owned))
            .collect()
    };
    let otids = messages
        .iter()
        .filter_map(|message| message["otid"].as_str().map(str::to_owned));
    let approvals = messages
        .iter()
        .filter_map(|message| message["approvals"].as_array())
        .flatten();
    let decisions = approvals.map(|each| {
        let call = each["tool_call_id"].as_str().unwrap_or_default();
        (call.to_owned(), each["approve"] == true)
    });
    Turn {
        otids: otids.collect(),
        conversation: conversation.to_owned(),
        texts: of("user"),
        told: of("system"),
        sender: messages
            .last()
            .and_then(|last| last["sender_id"].as_str().map(str::to_owned)),
        decisions: decisions.collect(),
        memory: Vec::new(),
    }
}

/// Streams a run from where the client says.
pub(super) fn resume(
    world: &Arc<World>,
    id: &str,
    request: &Request,
    output: &mut TcpStream,
) -> io::Result<()> {
    let Some(run) = world.data().runs.get(id).cloned() else {
        return http::answer(output, 404, &not_found("Run").1.to_string());
    };
    let after = body(request)["starting_after"].as_u64().unwrap_or(0);
    follow(
        world,
        &run,
        usize::try_from(after).unwrap_or(usize::MAX),
        None,
        output,
    )
}

/// Streams a run's events from `next` on until it ends, or for `most` events.
fn follow(
    world: &World,
    run: &Run,
    mut next: usize,
    most: Option<usize>,
    output: &mut TcpStream,
) -> io::Result<()> {
    let ping = world.settings().ping;
    let mut stream = Stream::begin(output);
    let (mut sent, mut state) = (0, run.state());
    let mut quiet = Instant::now();
    loop {
        while let Some(event) = state.events.get(next) {
            if most.is_some_and(|most| sent >= most) {
                drop(state);
                stream.flush()?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            stream.hold(event);
            (next, sent) = (next + 1, sent + 1);
        }
        let over = state.status != "running";
        drop(state);
        if over {
            return stream.end();
        }
        if quiet.elapsed() >= ping {
            let date = broca::time::Timestamp::now().to_string();
            let event = json!({
                "message_type": "ping", "run_id": run.id, "seq_id": next, "date": date,
            });
            stream.hold(&format!("data: {event}\n\n"));
            quiet = Instant::now();
        }
        stream.flush()?;
        state = run.state();
        if state.events.len() <= next && state.status == "running" {
            state = run.wait(
                state,
                ping.saturating_sub(quiet.elapsed())
                    .max(Duration::from_millis(1)),
            );
        }
    }
}

/// Only pings, for a while.
fn dumb(world: &World, run: &Run, output: &mut TcpStream) -> io::Result<()> {
    let ping = world.settings().ping;
    let mut stream = Stream::begin(output);
    for _ in 0..100 {
        let event = json!({ "message_type": "ping", "run_id": run.id, "seq_id": 1 });
        stream.hold(&format!("data: {event}\n\n"));
        stream.flush()?;
        std::thread::sleep(ping);
    }
    stream.end()
}

/// Says nothing until the run is over.
fn silence(run: &Run) -> io::Result<()> {
    let mut state = run.state();
    while state.status == "running" && !state.dead {
        state = run.wait(state, Duration::from_mins(1));
    }
    Err(io::ErrorKind::ConnectionAborted.into())
}

fn closed(output: &TcpStream) -> io::Result<()> {
    output.shutdown(Shutdown::Both)?;
    Err(io::ErrorKind::ConnectionAborted.into())
}
