//! An endpoint on a running server, and a stand-in for the stages behind it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broca::config::Section;
use broca::endpoint::{self, Endpoint, Opening};
use broca::error::Error;
use broca::http::{Answer, Call, Http, Patience};
use broca::message::{
    Batch, Content, Inbound, Outbound, Outcome, PartId, Progress, ReplyKind, Step,
};
use broca::server::{Server, socket};
use broca::shelf::Shelf;
use broca::shutdown::{self, Stopper};
use serde_json::{Value, json};

use super::shelf::MemoryShelf;

/// A server with one endpoint. Stops when it is dropped.
pub(crate) struct Running {
    pub(crate) base: String,
    pub(crate) http: Http,
    pub(crate) server: Arc<Server>,
    pub(crate) endpoint: Arc<dyn Endpoint>,
    pub(crate) stopper: Stopper,
    pub(crate) runtime: tokio::runtime::Runtime,
    /// The task that serves.
    pub(crate) serving: Mutex<Option<tokio::task::JoinHandle<()>>>,
    /// The id of the last reply.
    pub(crate) replies: AtomicI64,
    seen: Mutex<HashSet<String>>,
    _folder: tempfile::TempDir,
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: Option<i64>,
    pub(crate) name: String,
    pub(crate) data: Value,
}

pub(crate) const PATIENCE: Patience = Patience::brief(Duration::from_secs(20));

impl Running {
    /// The endpoint `name` with this table, on loopback (web chat) or a socket (cli).
    pub(crate) fn start(name: &str, table: &str) -> Arc<Self> {
        Self::start_on(name, table, Arc::new(MemoryShelf::default()))
    }

    pub(crate) fn start_on(name: &str, table: &str, shelf: Arc<dyn Shelf>) -> Arc<Self> {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let server = Arc::new(Server::default());
        let section = Section::new(
            &format!("endpoint.{name}"),
            table.parse().expect("the test's table is TOML"),
            std::collections::BTreeMap::default(),
        );
        let opening = Opening {
            section,
            shelf,
            server: Arc::clone(&server),
        };
        let kind = endpoint::kind(name).expect("it is in this build");
        let endpoint = (kind.open)(opening).expect("it opens");
        let (stopper, stop) = shutdown::channel();
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("broca.sock");
        let (base, http, serving) = if name == "cli" {
            let listener = runtime.block_on(async { socket::bind(&path) });
            let listener = listener.expect("it binds");
            let task = runtime.spawn(Arc::clone(&server).serve_unix(listener, stop));
            ("http://broca".to_owned(), Http::unix(&path), task)
        } else {
            let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"));
            let listener = listener.expect("loopback is there");
            let address = listener.local_addr().expect("it is bound");
            let task = runtime.spawn(Arc::clone(&server).serve_tcp(listener, stop));
            (format!("http://{address}"), Http::new(4), task)
        };
        Arc::new(Self {
            base,
            http,
            server,
            endpoint,
            stopper,
            runtime,
            serving: Mutex::new(Some(serving)),
            replies: AtomicI64::new(0),
            seen: Mutex::default(),
            _folder: folder,
        })
    }

    /// Plays intake, processor and delivery: stores what comes, and says what `answer` makes of it.
    pub(crate) fn play(self: &Arc<Self>, answer: impl Fn(&Self, &Inbound) + Send + 'static) {
        let (me, endpoint) = (Arc::downgrade(self), Arc::clone(&self.endpoint));
        std::thread::spawn(move || {
            loop {
                let batch = endpoint.receive(None).expect("it never fails");
                let Some(me) = me.upgrade() else {
                    return;
                };
                let outcomes = me.store(&batch);
                endpoint.settled(&batch, &outcomes);
                for (inbound, outcome) in batch.items.iter().zip(&outcomes) {
                    if matches!(outcome, Outcome::New) {
                        answer(&me, inbound);
                    }
                }
            }
        });
    }

    pub(crate) fn echo(self: &Arc<Self>) {
        self.play(|me, inbound| {
            me.reply(inbound, text_of(inbound), ReplyKind::Answer);
        });
    }

    fn store(&self, batch: &Batch) -> Vec<Outcome> {
        let mut seen = self
            .seen
            .lock()
            .expect("no test panics while it holds this");
        let items = batch.items.iter();
        items
            .map(|item| {
                if seen.insert(item.key.clone()) {
                    Outcome::New
                } else {
                    Outcome::Seen
                }
            })
            .collect()
    }

    /// Sends a reply to where `inbound` came from, and gives its id.
    pub(crate) fn reply(&self, inbound: &Inbound, text: &str, kind: ReplyKind) -> i64 {
        let reply = self.replies.fetch_add(1, Ordering::Relaxed) + 1;
        self.send(inbound, reply, text, kind).expect("it is sent");
        reply
    }

    pub(crate) fn send(
        &self,
        inbound: &Inbound,
        reply: i64,
        text: &str,
        kind: ReplyKind,
    ) -> Result<(), Error> {
        let outbound = Outbound {
            reply,
            turn: Some(reply),
            to: inbound.address.clone(),
            kind,
            text: text.to_owned(),
        };
        let parts = self.endpoint.render(&outbound);
        for (index, part) in (0..).zip(&parts) {
            self.endpoint
                .send(&outbound.to, part, PartId { reply, index })?;
        }
        Ok(())
    }

    pub(crate) fn progress(&self, inbound: &Inbound, turn: i64, step: Step) {
        let to = inbound.address.clone();
        let progress = Progress { to, turn, step };
        self.endpoint.progress(&progress).expect("it never fails");
    }

    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, &str)],
        json: Option<&Value>,
    ) -> Answer {
        let url = format!("{}{path}", self.base);
        let text = json.map(Value::to_string);
        let headers = headers.iter();
        let call = Call {
            method: method.parse().expect("a method"),
            url: &url,
            headers: headers
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            json: text.as_deref(),
            patience: PATIENCE,
        };
        self.http.send(&call).expect("the server answers")
    }

    /// Begins a web session and gives its token.
    pub(crate) fn session(&self) -> String {
        let answer = self.call("POST", "/api/v1/sessions", &[], None);
        assert_eq!(answer.status, 201);
        let body: Value = answer.json().expect("JSON");
        body["token"].as_str().expect("a token").to_owned()
    }

    /// Posts a web message.
    pub(crate) fn post(&self, token: &str, key: &str, text: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let body = json!({ "text": text, "key": key });
        let headers = [("authorization", bearer.as_str())];
        self.call("POST", "/api/v1/messages", &headers, Some(&body))
    }

    /// A web session's events after `after`, as they come.
    pub(crate) fn events(
        &self,
        token: &str,
        after: i64,
    ) -> impl Iterator<Item = Event> + Send + use<> {
        let bearer = format!("Bearer {token}");
        let after = after.to_string();
        let headers = [
            ("authorization", bearer.as_str()),
            ("last-event-id", &after),
        ];
        let answer = self.call("GET", "/api/v1/events", &headers, None);
        assert_eq!(answer.status, 200);
        events(answer)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.endpoint.stop_receiving();
        self.stopper.stop();
    }
}

pub(crate) fn text_of(inbound: &Inbound) -> &str {
    match &inbound.content {
        Content::Text(text) => text,
        other => panic!("not a text: {other:?}"),
    }
}

/// The events of an answer's body, comments passed over.
pub(crate) fn events(answer: Answer) -> impl Iterator<Item = Event> + Send {
    let mut lines = answer.lines().map_while(Result::ok);
    std::iter::from_fn(move || {
        let mut event = Event {
            id: None,
            name: String::new(),
            data: Value::Null,
        };
        loop {
            let line = lines.next()?;
            if line.is_empty() && !event.data.is_null() {
                return Some(event);
            }
            match line.split_once(": ") {
                Some(("id", id)) => event.id = id.parse().ok(),
                Some(("event", name)) => name.clone_into(&mut event.name),
                Some(("data", data)) => event.data = serde_json::from_str(data).expect("JSON"),
                _ => {}
            }
        }
    })
}
