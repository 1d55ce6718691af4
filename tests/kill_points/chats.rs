//! The chats that push: the web page and the terminal. Whoever gets no answer says the same again under the
//! same key, and follows the events from the last that was seen.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use broca::http::{Answer, Call, Failure, Http, Patience};
use serde_json::{Value, json};

use super::{People, echo, walk};
use crate::support::broca::SOON;
use crate::support::chat::{Event, events};
use crate::support::scene::Scene;

/// Before a request is repeated.
const PAUSE: Duration = Duration::from_millis(5);
/// A part of a chat holds 60,000 bytes: so many words make two.
const LONG: usize = 13_000;

#[test]
fn on_the_web_with_conversations_apart_a_death_anywhere_costs_nothing() {
    walk("conversation", &web);
}

#[test]
fn on_the_web_with_blocks_a_death_anywhere_costs_nothing() {
    walk("block", &web);
}

#[test]
fn on_the_web_with_one_conversation_for_all_a_death_anywhere_costs_nothing() {
    walk("shared", &web);
}

#[test]
fn in_the_terminal_with_conversations_apart_a_death_anywhere_costs_nothing() {
    walk("conversation", &terminal);
}

#[test]
fn in_the_terminal_with_blocks_a_death_anywhere_costs_nothing() {
    walk("block", &terminal);
}

#[test]
fn in_the_terminal_with_one_conversation_for_all_a_death_anywhere_costs_nothing() {
    walk("shared", &terminal);
}

fn web(scene: &Scene) -> Box<dyn People> {
    let base = scene.broca.url();
    talk(scene, |_| Door::Web {
        base: base.clone(),
        token: String::new(),
    })
}

fn terminal(scene: &Scene) -> Box<dyn People> {
    let socket = scene.broca.path("broca.sock");
    talk(scene, |session| Door::Terminal {
        socket: socket.clone(),
        session,
    })
}

/// Two people write, one of them twice, and one answer has two parts.
fn talk(scene: &Scene, door: impl Fn(&'static str) -> Door) -> Box<dyn People> {
    let telegram = "[endpoint.telegram]";
    let off = format!("{telegram}\nenabled = false");
    scene.broca.edit(telegram, &off);
    echo(scene, LONG);
    let talk = |name, texts: &'static [&str], messages| {
        let mut visitor = Visitor::new(door(name));
        thread::spawn(move || visitor.talk(texts, messages))
    };
    Box::new(Visitors {
        ann: talk("ann", &["one", "two"], 4),
        ben: talk("ben", &["long"], 3),
    })
}

/// What each has seen, once they have seen all.
struct Visitors {
    ann: JoinHandle<Seen>,
    ben: JoinHandle<Seen>,
}

/// The messages of a session, as events and as history (where there is one).
struct Seen {
    events: Vec<Event>,
    history: Option<Value>,
}

impl People for Visitors {
    fn are_done(&self, _: &Scene) -> bool {
        self.ann.is_finished() && self.ben.is_finished()
    }

    fn judge(self: Box<Self>, scene: &Scene, at: &str) -> i64 {
        assert_eq!(scene.letta.count(), 3, "turns at Letta, {at}");
        assert_eq!(scene.broca.turns("replied"), 3, "turns here, {at}");
        let [ann, ben] = [self.ann, self.ben].map(|seen| seen.join().expect("it talked"));
        ann.assert_whole(at);
        ben.assert_whole(at);
        assert_eq!(ann.said("user"), ["one", "two"], "{at}");
        assert_eq!(ann.said("agent"), ["echo: one", "echo: two"], "{at}");
        let long = format!("echo: long{}", " word".repeat(LONG));
        assert_eq!(ben.said("user"), ["long"], "{at}");
        assert_eq!(ben.said("agent").concat(), long, "{at}");
        let attached = scene.letta.attached();
        assert!(attached.is_empty(), "a block stayed attached, {at}");
        scene.broca.repeats()
    }
}

impl Seen {
    fn said(&self, role: &str) -> Vec<&str> {
        let events = self.events.iter();
        let of_role = events.filter(|event| event.data["role"] == role);
        of_role
            .filter_map(|event| event.data["text"].as_str())
            .collect()
    }

    /// Each event once and in order, and the history the same.
    fn assert_whole(&self, at: &str) {
        let ids: Vec<_> = self.events.iter().map(|event| event.id).collect();
        let grow = ids.is_sorted_by(|one, next| one < next);
        assert!(grow && !ids.contains(&None), "the events are {ids:?}, {at}");
        let shown: Vec<_> = self.events.iter().map(|event| event.data.clone()).collect();
        if let Some(history) = &self.history {
            assert_eq!(history, &Value::from(shown), "the history, {at}");
        }
    }
}

/// Where someone knocks.
pub(super) enum Door {
    /// The web chat, with the session's token once there is one.
    Web { base: String, token: String },
    /// The instance's socket.
    Terminal {
        socket: PathBuf,
        session: &'static str,
    },
}

/// Someone who does not give up.
pub(super) struct Visitor {
    door: Door,
    http: Http,
    until: Instant,
}

impl Visitor {
    pub(super) fn new(door: Door) -> Self {
        let http = match &door {
            Door::Web { .. } => Http::new(1),
            Door::Terminal { socket, .. } => Http::unix(socket),
        };
        let until = Instant::now() + SOON;
        Self { door, http, until }
    }

    /// Says all of `texts`, each once the one before is known to be stored, and gives what is seen once
    /// that is `messages` messages.
    fn talk(&mut self, texts: &[&str], messages: usize) -> Seen {
        self.enter();
        for (number, text) in texts.iter().enumerate() {
            self.say(&number.to_string(), text);
        }
        let events = self.listen(messages);
        let history = matches!(self.door, Door::Web { .. }).then(|| self.history());
        Seen { events, history }
    }

    pub(super) fn enter(&mut self) {
        if matches!(self.door, Door::Terminal { .. }) {
            return;
        }
        let answer = self.insist("POST", "/api/v1/sessions", Some("{}"), 201);
        if let Door::Web { token, .. } = &mut self.door {
            let given = answer["token"].as_str().expect("a token");
            given.clone_into(token);
        }
    }

    pub(super) fn say(&self, key: &str, text: &str) {
        let mut body = json!({ "text": text, "key": key });
        let path = match &self.door {
            Door::Web { .. } => "/api/v1/messages",
            Door::Terminal { session, .. } => {
                (body["session"], body["user"]) = (json!(session), json!(session));
                "/chat/v1/messages"
            }
        };
        let answer = self.insist("POST", path, Some(&body.to_string()), 202);
        assert_eq!(answer["key"], key);
    }

    fn history(&self) -> Value {
        self.insist("GET", "/api/v1/history", None, 200)["messages"].take()
    }

    /// The session's messages until there are `wanted`, over as many streams as it takes.
    pub(super) fn listen(&self, wanted: usize) -> Vec<Event> {
        let mut seen: Vec<Event> = Vec::new();
        while seen.len() < wanted {
            self.pause("messages");
            let after = seen.last().and_then(|event| event.id).unwrap_or(0);
            let path = match &self.door {
                Door::Web { .. } => format!("/api/v1/events?after={after}"),
                Door::Terminal { session, .. } => {
                    format!("/chat/v1/events?session={session}&after={after}")
                }
            };
            let stream = self.call("GET", &path, None);
            let stream = stream.ok().filter(|answer| answer.status == 200);
            let new = stream.into_iter().flat_map(events);
            let messages = new.filter(|event| event.name == "message");
            seen.extend(messages.take(wanted - seen.len()));
        }
        seen
    }

    /// Asks until the answer is `status`.
    fn insist(&self, method: &str, path: &str, body: Option<&str>, status: u16) -> Value {
        loop {
            let answer = self.call(method, path, body);
            let good = answer.ok().filter(|answer| answer.status == status);
            if let Some(value) = good.and_then(|answer| answer.json().ok()) {
                return value;
            }
            self.pause(path);
        }
    }

    fn pause(&self, what: &str) {
        assert!(Instant::now() < self.until, "waited in vain for {what}");
        thread::sleep(PAUSE);
    }

    fn call(&self, method: &str, path: &str, body: Option<&str>) -> Result<Answer, Failure> {
        let (base, token) = match &self.door {
            Door::Web { base, token } => (base.as_str(), token.as_str()),
            Door::Terminal { .. } => ("http://broca", ""),
        };
        let bearer = ("authorization", format!("Bearer {token}"));
        self.http.send(&Call {
            method: method.parse().expect("a method"),
            url: &format!("{base}{path}"),
            headers: Vec::from_iter((!token.is_empty()).then_some(bearer)),
            json: body,
            patience: Patience::brief(SOON),
        })
    }
}
