//! The bare loop: for each message the HTTP calls and commits that Broca makes, and nothing else. It is
//! what this machine can do at best, and runs as a process of its own, so that it is measured alike.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ureq::Agent;

use crate::ground::Ground;

/// The variable that holds the plan, and makes this program the bare loop.
pub(crate) const PLAN: &str = "PROVING_BARE";
/// As Broca's own connections.
const SETUP: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; \
                     PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY, text TEXT);";

diesel::table! {
    log (id) {
        id -> BigInt,
        text -> Text,
    }
}

/// What the bare loop has to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    telegram: String,
    letta: String,
    agent: String,
    database: PathBuf,
    workers: usize,
}

impl Plan {
    /// A plan for these stand-ins, with a database in `folder`.
    pub(crate) fn new(ground: &Ground, folder: &Path, workers: usize) -> Self {
        let telegram = &ground.telegram;
        Self {
            telegram: format!("{}/bot{}", telegram.url(), telegram.token()),
            letta: format!("{}/v1", ground.letta.url()),
            agent: ground.letta.agent().to_owned(),
            database: folder.join("bare.db"),
            workers,
        }
    }

    /// The plan of this process, if it is to be the bare loop.
    pub(crate) fn given() -> Option<Self> {
        let plan = std::env::var(PLAN).ok()?;
        Some(serde_json::from_str(&plan).expect("written by the proving ground"))
    }
}

/// A row to be committed, and whom to tell.
type Row = (String, SyncSender<()>);

/// A message as it came.
type Message = (i64, String);

/// Runs until the process is killed.
pub(crate) fn run(plan: &Plan) -> ! {
    let http = client(plan.workers);
    let (rows, waiting) = channel();
    let database = plan.database.display().to_string();
    thread::spawn(move || write(&database, &waiting));
    let (messages, incoming) = channel();
    let incoming = Arc::new(Mutex::new(incoming));
    for _ in 0..plan.workers {
        let worker = Worker {
            http: http.clone(),
            rows: rows.clone(),
            send: format!("{}/sendMessage", plan.telegram),
            turn: conversation(&http, plan),
        };
        let incoming = Arc::clone(&incoming);
        thread::spawn(move || worker.work(&incoming));
    }
    poll(plan, &rows, &messages)
}

fn client(idle: usize) -> Agent {
    let config = Agent::config_builder()
        .max_idle_connections(idle * 2)
        .max_idle_connections_per_host(idle * 2);
    config.build().into()
}

/// A new conversation's address for messages.
fn conversation(http: &Agent, plan: &Plan) -> String {
    let Plan { letta, agent, .. } = plan;
    let made = post(
        http,
        &format!("{letta}/conversations/?agent_id={agent}"),
        "{}",
    );
    let made: Value = serde_json::from_str(&made).expect("the stand-in speaks JSON");
    let id = made["id"].as_str().expect("it has an id");
    format!("{letta}/conversations/{id}/messages")
}

fn post(http: &Agent, url: &str, body: &str) -> String {
    let request = http.post(url).header("content-type", "application/json");
    let mut answer = request.send(body).expect("the stand-in answers");
    let text = answer.body_mut().read_to_string();
    text.expect("the answer comes whole")
}

/// Commits what waits, together.
fn write(database: &str, waiting: &Receiver<Row>) {
    let mut conn = SqliteConnection::establish(database).expect("the folder is ours");
    conn.batch_execute(SETUP).expect("SQLite knows it");
    while let Ok(first) = waiting.recv() {
        let batch: Vec<Row> = std::iter::once(first).chain(waiting.try_iter()).collect();
        let done = conn.immediate_transaction(|conn| {
            for (text, _) in &batch {
                let row = diesel::insert_into(log::table).values(log::text.eq(text));
                row.execute(conn)?;
            }
            diesel::QueryResult::Ok(())
        });
        done.expect("nobody else writes");
        for (_, teller) in batch {
            let _ = teller.send(());
        }
    }
}

fn commit(rows: &Sender<Row>, text: &str) {
    let (teller, told) = sync_channel(1);
    let sent = rows.send((text.to_owned(), teller));
    sent.expect("the writer lives as long as the process");
    told.recv().expect("the writer tells");
}

fn poll(plan: &Plan, rows: &Sender<Row>, messages: &Sender<Message>) -> ! {
    let (http, url) = (client(1), format!("{}/getUpdates", plan.telegram));
    let mut offset = 0;
    loop {
        let body = json!({ "offset": offset, "timeout": 30, "limit": 100 });
        let answer = post(&http, &url, &body.to_string());
        let answer: Value = serde_json::from_str(&answer).expect("the stand-in speaks JSON");
        let updates = answer["result"].as_array().expect("there is a result");
        let Some(last) = updates.last() else { continue };
        offset = last["update_id"].as_i64().expect("it has an id") + 1;
        commit(rows, &answer.to_string());
        for update in updates {
            let message = &update["message"];
            let chat = message["chat"]["id"].as_i64().expect("it has a chat");
            let text = message["text"].as_str().expect("it has a text");
            let _ = messages.send((chat, text.to_owned()));
        }
    }
}

/// Carries one message after another.
struct Worker {
    http: Agent,
    rows: Sender<Row>,
    send: String,
    turn: String,
}

impl Worker {
    fn work(&self, incoming: &Mutex<Receiver<Message>>) {
        while let Ok((chat, text)) = next(incoming) {
            let request = Self::request(&text);
            commit(&self.rows, &request);
            let answer = said(&post(&self.http, &self.turn, &request));
            commit(&self.rows, &answer);
            let reply = json!({ "chat_id": chat, "text": answer }).to_string();
            commit(&self.rows, &reply);
            let receipt = post(&self.http, &self.send, &reply);
            commit(&self.rows, &receipt);
        }
    }

    fn request(text: &str) -> String {
        let otid = uuid::Uuid::now_v7().to_string();
        let message = json!({ "role": "user", "content": text, "otid": otid });
        let body = json!({
            "messages": [message], "streaming": true, "background": true, "stream_tokens": true,
            "include_pings": true,
        });
        body.to_string()
    }
}

fn next(incoming: &Mutex<Receiver<Message>>) -> Result<Message, std::sync::mpsc::RecvError> {
    incoming.lock().expect("nobody panics").recv()
}

/// What the agent says in a stream.
fn said(stream: &str) -> String {
    let events = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|event| serde_json::from_str::<Value>(event).ok());
    let texts = events.filter_map(|event| event["content"].as_str().map(str::to_owned));
    texts.collect()
}
