//! A stand-in for Letta 0.16: a real HTTP server on loopback with conversations, background runs and
//! their streams, otids that are known again, locks, and faults on demand.

mod http;
mod plan;
mod routes;
mod run;
mod streams;
mod world;

use std::collections::HashMap;
use std::io::BufReader;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use broca::config::{self, Isolation};
use broca::secret::Secret;

use world::World;

/// The agent that it has.
const AGENT: &str = "agent-00000000-0000-4000-8000-000000000001";

/// One step of what the agent does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// It says this.
    Say(String),
    /// It uses the tool of this name.
    Tool(String),
    /// It asks whether it may use the tool of this name, and waits.
    Ask(String),
}

impl Step {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Say(_) => "assistant_message",
            Self::Tool(_) => "tool_call_message",
            Self::Ask(_) => "approval_request_message",
        }
    }
}

/// What goes wrong with the next turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is answered with this status and body, and not admitted.
    Status(u16, &'static str),
    /// The connection closes before it is admitted.
    ResetBefore,
    /// It is admitted, and the connection closes before a byte comes back.
    ResetAfter,
    /// Its stream breaks off after so many events; it runs on.
    CutAfter(usize),
    /// It is admitted, and nothing ever comes back.
    Silence,
    /// It is admitted and never ends: its stream only pings.
    Hang,
    /// It goes well, but its stream only pings.
    Dumb,
    /// Its run fails with this type of error before a step is complete.
    Fail(&'static str),
    /// Its run fails with this type of error after a tool was used.
    FailMidway(&'static str),
}

/// A turn that was admitted.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    /// The otids of all its messages.
    pub(crate) otids: Vec<String>,
    /// The conversation.
    pub(crate) conversation: String,
    /// What people said, in order.
    pub(crate) texts: Vec<String>,
    /// What it was told by system messages.
    pub(crate) told: Vec<String>,
    /// Who is named as sender of the last.
    pub(crate) sender: Option<String>,
    /// The decisions in it: call and whether approved.
    pub(crate) decisions: Vec<(String, bool)>,
    /// The memory blocks in the prompt of its conversation.
    pub(crate) memory: Vec<String>,
}

/// How the agent answers.
pub(crate) type Reply = dyn Fn(&Turn) -> Vec<Step> + Send + Sync;

/// The server. It ends with the value.
pub(crate) struct Letta {
    address: SocketAddr,
    world: Arc<World>,
    life: Mutex<Option<Life>>,
}

/// The open connections by number.
type Connections = Mutex<HashMap<u64, TcpStream>>;

/// One span between start and stop.
struct Life {
    over: Arc<AtomicBool>,
    connections: Arc<Connections>,
    acceptor: thread::JoinHandle<()>,
}

impl Letta {
    /// Starts one that answers at once, on a free port.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let world = Arc::new(World::new(AGENT));
        let life = Mutex::new(Some(live(listener, &world)));
        Self {
            address,
            world,
            life,
        }
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The agent's id.
    pub(crate) fn agent(&self) -> &'static str {
        self.world.agent
    }

    /// A configuration that leads here.
    pub(crate) fn config(&self, isolation: Isolation) -> config::Agent {
        config(&self.url(), AGENT, isolation)
    }

    /// The next turn goes wrong; several are used up in order.
    pub(crate) fn fail_next(&self, fault: Fault) {
        self.world.set(|settings| settings.faults.push_back(fault));
    }

    /// Every request whose path contains `path` is answered so, until [`Self::heal`].
    pub(crate) fn refuse(&self, path: &'static str, status: u16) {
        self.world
            .set(|settings| settings.refused.push((path, status)));
    }

    /// Undoes [`Self::refuse`].
    pub(crate) fn heal(&self) {
        self.world.set(|settings| settings.refused.clear());
    }

    /// How long the agent thinks; nothing at first.
    pub(crate) fn think(&self, span: Duration) {
        self.world.set(|settings| settings.think = span);
    }

    /// How often a stream pings; every 20 s at first.
    pub(crate) fn ping_every(&self, span: Duration) {
        self.world.set(|settings| settings.ping = span);
    }

    /// From now on keeps counts only, and old runs not at all: for load.
    pub(crate) fn lean(&self) {
        self.world.set(|settings| settings.lean = true);
    }

    /// Whether there is a Redis; there is at first.
    pub(crate) fn redis(&self, there: bool) {
        self.world.set(|settings| settings.redis = there);
    }

    /// Wants this key from now on.
    pub(crate) fn lock(&self, key: &'static str) {
        self.world.set(|settings| settings.key = Some(key));
    }

    /// Answers with this from now on; at first with `echo: ` and the last text.
    pub(crate) fn reply_with(&self, reply: impl Fn(&Turn) -> Vec<Step> + Send + Sync + 'static) {
        self.world.set(|settings| settings.reply = Arc::new(reply));
    }

    /// The turns admitted so far.
    pub(crate) fn turns(&self) -> Vec<Turn> {
        self.world.turns()
    }

    /// How many turns were admitted so far.
    pub(crate) fn count(&self) -> usize {
        self.world.count()
    }

    /// Waits until `count` turns are admitted.
    pub(crate) fn wait_for_turns(&self, count: usize) {
        self.world.wait_for_turns(count);
    }

    /// Waits until nothing runs.
    pub(crate) fn wait_idle(&self) {
        self.world.wait_idle();
    }

    /// The most turns that ran at the same time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.world.data().most_at_once
    }

    /// How each run ended or `running`, in the order in which they began.
    pub(crate) fn runs(&self) -> Vec<&'static str> {
        let data = self.world.data();
        let runs = data.order.iter().map(|id| data.runs[id].state().status);
        runs.collect()
    }

    /// Method and path of every request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.world.requests()
    }

    /// How many requests came so far.
    pub(crate) fn request_count(&self) -> usize {
        self.world.request_count()
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        let life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        life.as_ref()
            .map_or(0, |life| held(&life.connections).len())
    }

    /// Deletes a conversation.
    pub(crate) fn delete_conversation(&self, id: &str) {
        self.world.delete_conversation(id);
    }

    /// Gives the agent a block of this label.
    pub(crate) fn own_block(&self, label: &str) {
        self.world.own_block(label);
    }

    /// The blocks attached to the agent.
    pub(crate) fn attached(&self) -> Vec<String> {
        self.world.attached()
    }

    /// Forgets every otid, as Letta does after three hours or with its Redis.
    pub(crate) fn forget_otids(&self) {
        self.world.forget_otids();
    }

    /// Dies: connections break, what runs is dead for ever, and the port refuses.
    pub(crate) fn stop(&self) {
        self.end(World::kill);
    }

    /// Is out of reach: connections break and the port refuses, but what runs goes on.
    pub(crate) fn leave(&self) {
        self.end(|_| {});
    }

    fn end(&self, runs: impl FnOnce(&World)) {
        let life = self
            .life
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(life) = life else { return };
        life.over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
        let _ = life.acceptor.join();
        runs(&self.world);
        for connection in held(&life.connections).values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }

    /// Comes back at the same address, with all that was stored.
    pub(crate) fn restart(&self) {
        let listener = TcpListener::bind(self.address).expect("the port is free again");
        let mut life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(life.is_none(), "stop it first");
        *life = Some(live(listener, &self.world));
    }
}

impl Drop for Letta {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A configuration for an agent.
pub(crate) fn config(url: &str, agent: &str, isolation: Isolation) -> config::Agent {
    config::Agent {
        id: Some(agent.to_owned()),
        endpoint: url.to_owned(),
        key: Some(Secret::new("open sesame")),
        isolation,
        turn_timeout: Duration::from_secs(30),
        template: "{text}".to_owned(),
    }
}

fn live(listener: TcpListener, world: &Arc<World>) -> Life {
    let over = Arc::new(AtomicBool::new(false));
    let connections = Arc::new(Connections::default());
    let acceptor = {
        let (over, connections, world) = (
            Arc::clone(&over),
            Arc::clone(&connections),
            Arc::clone(world),
        );
        thread::spawn(move || accept(&listener, &over, &connections, &world))
    };
    Life {
        over,
        connections,
        acceptor,
    }
}

fn accept(
    listener: &TcpListener,
    over: &AtomicBool,
    connections: &Arc<Connections>,
    world: &Arc<World>,
) {
    for (number, connection) in (0..).zip(listener.incoming().map_while(Result::ok)) {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let _ = connection.set_nodelay(true);
        let Ok(handle) = connection.try_clone() else {
            continue;
        };
        held(connections).insert(number, handle);
        let (world, connections) = (Arc::clone(world), Arc::clone(connections));
        thread::spawn(move || {
            serve(connection, &world);
            held(&connections).remove(&number);
        });
    }
}

fn held(connections: &Connections) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
    connections.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(connection: TcpStream, world: &Arc<World>) {
    let Ok(mut output) = connection.try_clone() else {
        return;
    };
    let mut input = BufReader::new(connection);
    while let Ok(Some(request)) = http::Request::read(&mut input) {
        if routes::answer(world, &request, &mut output).is_err() {
            break;
        }
    }
    let _ = output.shutdown(Shutdown::Both);
}
