//! What the stand-in keeps: conversations, runs, turns, and how it is told to behave.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::plan::{Plan, store};
use super::run::Run;
use super::{Fault, Reply, Step, Turn};

/// How it behaves.
pub(crate) struct Settings {
    pub(crate) faults: VecDeque<Fault>,
    pub(crate) refused: Vec<(&'static str, u16)>,
    pub(crate) think: Duration,
    pub(crate) ping: Duration,
    pub(crate) redis: bool,
    pub(crate) lean: bool,
    pub(crate) key: Option<&'static str>,
    pub(crate) reply: Arc<Reply>,
}

/// What it stores.
#[derive(Default)]
pub(crate) struct Data {
    pub(crate) conversations: HashMap<String, Conversation>,
    pub(crate) runs: HashMap<String, Arc<Run>>,
    /// Runs in the order in which they began.
    pub(crate) order: VecDeque<String>,
    pub(crate) otids: HashMap<String, String>,
    pub(crate) identities: HashMap<String, String>,
    pub(crate) blocks: HashMap<String, Block>,
    pub(crate) attached: HashSet<String>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) turn_count: usize,
    pub(crate) requests: Vec<String>,
    pub(crate) request_count: usize,
    /// The most runs that were under way together.
    pub(crate) most_at_once: usize,
}

/// So many runs and messages of a conversation are kept where counts suffice.
const RECENT: usize = 10_000;

impl Data {
    /// Forgets the oldest run beyond what is kept, and what was said in it.
    fn forget(&mut self) {
        if self.order.len() <= RECENT {
            return;
        }
        let Some(run) = self.order.pop_front().and_then(|id| self.runs.remove(&id)) else {
            return;
        };
        self.otids.remove(&run.token);
        if let Some(conversation) = self.conversations.get_mut(&run.conversation) {
            let messages = &mut conversation.messages;
            while messages
                .pop_front_if(|message| message["run_id"] == run.id)
                .is_some()
            {}
        }
    }

    /// The values of the attached blocks.
    pub(crate) fn memory(&self) -> Vec<String> {
        let attached = self.attached.iter().map(|id| &self.blocks[id]);
        attached.map(|block| block.value.clone()).collect()
    }

    /// Notes a request.
    pub(crate) fn note(&mut self, request: impl FnOnce() -> String, lean: bool) {
        self.request_count += 1;
        if !lean {
            self.requests.push(request());
        }
    }
}

/// A piece of memory.
#[derive(Default)]
pub(crate) struct Block {
    pub(crate) label: String,
    pub(crate) description: String,
    pub(crate) value: String,
}

/// One conversation.
#[derive(Default)]
pub(crate) struct Conversation {
    /// The attached blocks, as they were when it began or was last recompiled: its prompt is frozen then.
    pub(crate) memory: Vec<String>,
    pub(crate) messages: VecDeque<Value>,
    /// The run that holds its lock.
    pub(crate) running: Option<Arc<Run>>,
    /// It waits for a decision.
    pub(crate) pending: bool,
}

/// All of it.
pub(crate) struct World {
    pub(crate) agent: &'static str,
    settings: Mutex<Settings>,
    data: Mutex<Data>,
    admitted: Condvar,
}

/// What became of a request for a turn.
pub(crate) enum Admission {
    /// This run is its own, or the one it started before.
    Run(Arc<Run>),
    /// Another run holds the conversation.
    Busy(String),
    NoConversation,
}

impl World {
    pub(crate) fn new(agent: &'static str) -> Self {
        let settings = Settings {
            faults: VecDeque::new(),
            refused: Vec::new(),
            think: Duration::ZERO,
            ping: Duration::from_secs(20),
            redis: true,
            lean: false,
            key: None,
            reply: Arc::new(echo),
        };
        let mut data = Data::default();
        data.conversations
            .insert("default".to_owned(), Conversation::default());
        Self {
            agent,
            settings: Mutex::new(settings),
            data: Mutex::new(data),
            admitted: Condvar::new(),
        }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings());
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn turns(&self) -> Vec<Turn> {
        self.data().turns.clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.data().turn_count
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.data().requests.clone()
    }

    pub(crate) fn request_count(&self) -> usize {
        self.data().request_count
    }

    pub(crate) fn wait_for_turns(&self, count: usize) {
        let limit = Duration::from_secs(20);
        let waited = self
            .admitted
            .wait_timeout_while(self.data(), limit, |data| data.turn_count < count);
        let (data, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(
            !waited.timed_out(),
            "only {} turns of {count} came",
            data.turn_count
        );
    }

    pub(crate) fn wait_idle(&self) {
        let runs: Vec<_> = self.data().runs.values().cloned().collect();
        for run in runs {
            let mut state = run.state();
            while state.status == "running" && !state.dead {
                state = run.wait(state, Duration::from_secs(20));
            }
        }
    }

    pub(crate) fn delete_conversation(&self, id: &str) {
        self.data().conversations.remove(id);
    }

    pub(crate) fn own_block(&self, label: &str) {
        let mut data = self.data();
        let block = Block {
            label: label.to_owned(),
            ..Block::default()
        };
        data.blocks.insert("block-own".to_owned(), block);
        data.attached.insert("block-own".to_owned());
    }

    pub(crate) fn attached(&self) -> Vec<String> {
        self.data().attached.iter().cloned().collect()
    }

    pub(crate) fn forget_otids(&self) {
        self.data().otids.clear();
    }

    /// Everything that runs is dead.
    pub(crate) fn kill(&self) {
        let runs: Vec<_> = self.data().runs.values().cloned().collect();
        for run in runs {
            let mut state = run.state();
            state.dead |= state.status == "running";
            drop(state);
            run.wake();
        }
    }

    /// Admits a turn, unless it is known already or the conversation is busy.
    pub(crate) fn admit(
        self: &Arc<Self>,
        mut turn: Turn,
        background: bool,
        fault: Option<&Fault>,
    ) -> Admission {
        let (redis, lean, think, reply) = {
            let settings = self.settings();
            let reply = Arc::clone(&settings.reply);
            (settings.redis, settings.lean, settings.think, reply)
        };
        let token = turn.otids.join("|");
        let mut data = self.data();
        let data = &mut *data;
        if let Some(run) = data.otids.get(&token).filter(|_| redis && background) {
            return Admission::Run(Arc::clone(&data.runs[run]));
        }
        let Some(conversation) = data.conversations.get_mut(&turn.conversation) else {
            return Admission::NoConversation;
        };
        if let Some(run) = conversation.running.as_ref().filter(|_| redis) {
            return Admission::Busy(run.id.clone());
        }
        let id = format!("run-{}", Uuid::now_v7());
        let run = Arc::new(Run::new(
            &id,
            &token,
            &turn.conversation,
            self.agent,
            background,
        ));
        conversation.running = Some(Arc::clone(&run));
        turn.memory.clone_from(&conversation.memory);
        let blocked = conversation.pending && turn.decisions.is_empty();
        data.otids.insert(token, id.clone());
        data.runs.insert(id.clone(), Arc::clone(&run));
        data.order.push_back(id);
        if blocked {
            end(
                data,
                &run,
                "failed",
                "error",
                Some(("internal_error", "CONFLICT: waiting")),
            );
            return Admission::Run(run);
        }
        data.turn_count += 1;
        if lean {
            data.forget();
        } else {
            data.turns.push(turn.clone());
            let runs = data.runs.values();
            let running = runs.filter(|run| run.state().status == "running").count();
            data.most_at_once = data.most_at_once.max(running);
        }
        self.admitted.notify_all();
        let plan = Plan::new(turn, fault, &reply);
        self.begin(data, &run, plan, think);
        Admission::Run(run)
    }

    fn begin(self: &Arc<Self>, data: &mut Data, run: &Arc<Run>, plan: Plan, think: Duration) {
        if think.is_zero() {
            return Self::perform(data, run, &plan);
        }
        let (world, run) = (Arc::clone(self), Arc::clone(run));
        thread::spawn(move || world.perform_later(&run, &plan, think));
    }

    /// Cancels a conversation's runs, or the one named; gives how many ran.
    pub(crate) fn cancel(&self, conversation: Option<&str>, run: Option<&str>) -> usize {
        let mut data = self.data();
        let mut runs: Vec<Arc<Run>> = data.runs.values().cloned().collect();
        runs.retain(|each| {
            conversation.is_none_or(|id| id == each.conversation)
                && run.is_none_or(|id| id == each.id)
        });
        let ends = runs
            .iter()
            .filter(|run| end(&mut data, run, "cancelled", "cancelled", None));
        ends.count()
    }

    fn perform_later(&self, run: &Run, plan: &Plan, think: Duration) {
        let until = std::time::Instant::now() + think;
        let mut state = run.state();
        while state.status == "running" && !state.dead {
            let left = until.saturating_duration_since(std::time::Instant::now());
            if left.is_zero() {
                drop(state);
                Self::perform(&mut self.data(), run, plan);
                return;
            }
            state = run.wait(state, left);
        }
    }

    fn perform(data: &mut Data, run: &Run, plan: &Plan) {
        if run.state().status != "running" {
            return;
        }
        for (number, step) in plan.steps.iter().enumerate() {
            run.step(step, number);
        }
        if plan
            .steps
            .iter()
            .any(|step| *step != Step::Say(String::new()))
            && !plan.fails_at_once
        {
            run.state().steps.push("success");
            store(data, run, plan);
        }
        let asks = plan.steps.iter().any(|step| matches!(step, Step::Ask(_)));
        if let Some(conversation) = data.conversations.get_mut(&run.conversation) {
            conversation.pending = asks;
        }
        match plan.error {
            _ if plan.hangs => {}
            Some(kind) => {
                let error = Some((kind, "An error occurred with the LLM request."));
                end(data, run, "failed", "llm_api_error", error);
            }
            None if asks => {
                end(data, run, "completed", "requires_approval", None);
            }
            None => {
                end(data, run, "completed", "end_turn", None);
            }
        }
    }
}

/// Ends a run, and frees its conversation. Whether it still ran.
fn end(
    data: &mut Data,
    run: &Run,
    status: &'static str,
    stop: &str,
    error: Option<(&str, &str)>,
) -> bool {
    if let Some(conversation) = data.conversations.get_mut(&run.conversation) {
        conversation.running.take_if(|running| running.id == run.id);
    }
    run.end(status, stop, error)
}

fn echo(turn: &Turn) -> Vec<Step> {
    let text = turn.texts.last().map_or("decided", String::as_str);
    vec![Step::Say(format!("echo: {text}"))]
}
