//! The model: what the store is to do, with plain vectors and no thought of speed. Here: the queue.

use super::history::{OfTurn, Step, lines, pick};
use super::rows::{Attempt, Tables, Turn};

mod operator;
mod outbox;
mod receive;
mod waiting;

pub(super) use receive::QUIET;

/// How old a turn must be for its notice, and for its end.
pub(super) const NOTICE_AFTER: u64 = 60;
pub(super) const GIVE_UP_AFTER: u64 = 3600;

/// The whole state.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) now: i64,
    pub(super) tables: Tables,
    /// What workers hold, or believe to hold.
    turns: Vec<TurnHand>,
    replies: Vec<ReplyHand>,
    last_turn: i64,
    last_reply: i64,
    steps: usize,
}

#[derive(Debug, Clone)]
struct TurnHand {
    turn: i64,
    claim: i64,
    conversation: i64,
    attempt: Option<String>,
}

#[derive(Debug, Clone)]
struct ReplyHand {
    reply: i64,
    claim: i64,
    next: Option<(i32, String)>,
}

/// A reply as its worker gets it: id, claim, failures, and the part to send.
pub(super) type Taken = (i64, i64, i32, Option<(i32, String)>);

/// What the store answers to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    Nothing,
    /// The outcomes, and what is to be stopped.
    Accepted(Vec<&'static str>, Vec<i64>),
    Turns(Vec<Given>),
    Replies(Vec<Taken>),
    /// Whether the claim was still good.
    Mine(bool),
    Count(usize),
    /// Those that ended, or that are to be stopped.
    Ids(Vec<i64>),
    Sent(i64, bool),
    Refused(&'static str),
    /// The part that a reply goes on with.
    Next(Option<(i32, String)>),
}

/// A turn as its worker gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) turn: i64,
    pub(super) claim: i64,
    pub(super) barren: i32,
    pub(super) failures: i32,
    pub(super) stop_asked: bool,
    pub(super) said: Vec<String>,
    pub(super) open: Option<String>,
    pub(super) begun: Option<String>,
}

impl Model {
    pub(super) fn new(now: i64) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }

    /// Takes a step, and says what the store must answer.
    pub(super) fn step(&mut self, step: &Step) -> Answer {
        self.steps += 1;
        match step {
            Step::Receive(items, mode, wide) => self.receive(items, *mode, *wide),
            Step::Claim {
                most,
                live,
                endpoints,
                begin,
            } => self.claim(*most, *live, endpoints, *begin),
            Step::Turn(hand, done) => self.turn(*hand, done),
            Step::TakeOver { wide } => self.take_over(*wide),
            Step::Notice { paused } => self.notice(*paused),
            Step::Expire => self.expire(),
            Step::Retry { turn, mode, wide } => self.retry(self.named(*turn), *mode, *wide),
            Step::Cancel(turn) => self.cancel(self.named(*turn)),
            Step::Flush => self.flush(),
            Step::Delete(turn) => self.delete(self.named(*turn)),
            Step::Activate { person, active } => self.activate(*person, *active),
            Step::Send { chat, key, lines } => self.send(*chat, *key, *lines),
            Step::ClaimReplies {
                most,
                endpoints,
                uncertain,
                once,
            } => self.claim_replies(*most, endpoints, *uncertain, *once),
            Step::Reply(hand, done) => self.reply(*hand, done),
            Step::Pass { seconds } => {
                self.now += i64::try_from(*seconds * 1000).expect("small");
                Answer::Nothing
            }
        }
    }

    /// A turn's id for an index; one of them is nobody's.
    pub(super) fn named(&self, index: usize) -> i64 {
        1 + i64::try_from(index).expect("small") % (self.last_turn + 1)
    }

    /// The same in the words that both sides put into requests.
    pub(super) fn request(&self, turn: i64, claim: i64) -> String {
        format!("{turn} by {claim} in step {}", self.steps)
    }

    pub(super) fn next_due(&self) -> Option<i64> {
        let open = self.tables.turns.iter().filter(|turn| turn.is_open());
        open.map(|turn| turn.due)
            .filter(|due| *due > self.now)
            .min()
    }

    fn at(&mut self, id: i64) -> Option<&mut Turn> {
        self.tables.turns.iter_mut().find(|turn| turn.id == id)
    }

    /// The turn, where it runs under this claim.
    fn held_by(&mut self, hand: &TurnHand) -> Option<&mut Turn> {
        self.at(hand.turn)
            .filter(|turn| turn.state == "running" && turn.claim == hand.claim)
    }

    fn claim(&mut self, most: usize, live: bool, endpoints: &[&str], begin: bool) -> Answer {
        let turns = &self.tables.turns;
        let can = |turn: &&Turn| {
            let before =
                |other: &Turn| other.conversation == turn.conversation && other.id < turn.id;
            let busy = |other: &Turn| {
                other.lane == turn.lane
                    && other.id != turn.id
                    && (other.state == "running"
                        || other.held && (!turn.held || other.id < turn.id))
            };
            turn.state == "ready"
                && turn.due <= self.now
                && endpoints.contains(&turn.endpoint.as_str())
                && (live || turn.mode != "live")
                && !turns
                    .iter()
                    .any(|other| other.is_open() && (before(other) || busy(other)))
        };
        let mut chosen: Vec<_> = turns
            .iter()
            .filter(can)
            .take(most)
            .map(|turn| (turn.id, turn.lane.clone()))
            .collect();
        // Of those that share a lane the first.
        let mut lanes = Vec::new();
        chosen.retain(|(_, lane)| {
            !lanes.contains(lane) && {
                lanes.push(lane.clone());
                true
            }
        });
        Answer::Turns(chosen.iter().map(|(id, _)| self.take(*id, begin)).collect())
    }

    fn take(&mut self, id: i64, begin: bool) -> Given {
        let turn = self.at(id).expect("it was chosen");
        (turn.state, turn.claim, turn.barren) = ("running".into(), turn.claim + 1, turn.barren + 1);
        turn.held = true;
        let turn = turn.clone();
        let of_turn = self
            .tables
            .messages
            .iter()
            .filter(|message| message.turn == Some(id));
        let said = of_turn
            .map(|message| message.text.clone().unwrap_or_default())
            .collect();
        let mut attempts = self.tables.attempts.iter();
        let open = attempts
            .find(|one| one.turn == id && one.state == "open")
            .map(|one| one.body.clone());
        let mut hand = TurnHand {
            turn: id,
            claim: turn.claim,
            conversation: turn.conversation,
            attempt: open.clone(),
        };
        let begun = (begin && open.is_none()).then(|| self.begin(&mut hand));
        self.turns.push(hand);
        let Turn {
            claim,
            barren,
            failures,
            stop_asked,
            ..
        } = turn;
        Given {
            turn: id,
            claim,
            barren,
            failures,
            stop_asked,
            said,
            open,
            begun,
        }
    }

    fn begin(&mut self, hand: &mut TurnHand) -> String {
        let body = self.request(hand.turn, hand.claim);
        let (turn, claim, state) = (hand.turn, hand.claim, "open".into());
        self.tables.attempts.push(Attempt {
            turn,
            claim,
            body: body.clone(),
            state,
            code: None,
        });
        hand.attempt = Some(body.clone());
        body
    }

    fn end(&mut self, attempt: Option<&String>, state: &str, code: Option<&str>) {
        let mut all = self.tables.attempts.iter_mut();
        if let Some(open) = all.find(|one| Some(&one.body) == attempt && one.state == "open") {
            (open.state, open.code) = (state.into(), code.map(Into::into));
        }
    }

    fn turn(&mut self, index: usize, done: &OfTurn) -> Answer {
        let Some(place) = pick(self.turns.len(), index) else {
            return Answer::Nothing;
        };
        let mut hand = self.turns[place].clone();
        let now = self.now;
        let Some(turn) = self.held_by(&hand) else {
            return if matches!(done, OfTurn::Release) {
                Answer::Nothing
            } else {
                Answer::Mine(false)
            };
        };
        let (id, to) = (Some(hand.turn), hand.conversation);
        let attempt = hand.attempt.clone();
        let say = |model: &mut Self, kind: &str, text: &str| {
            model.say(to, id, kind, text);
        };
        match done {
            OfTurn::Begin(texts) => {
                if attempt.is_some() {
                    self.end(attempt.as_ref(), "answered", None);
                    (0..*texts).for_each(|_| say(self, "answer", &lines(1)));
                }
                self.begin(&mut hand);
                self.turns[place] = hand;
            }
            OfTurn::PutBack {
                seconds,
                counts,
                unknown,
            } => {
                let unknown = *unknown && attempt.is_some();
                (turn.state, turn.barren, turn.held) = ("ready".into(), 0, unknown);
                turn.failures += i32::from(*counts);
                turn.due = now + i64::try_from(*seconds * 1000).expect("small");
                turn.code = counts.then(|| "agent.failed".into());
                if !unknown {
                    self.end(attempt.as_ref(), "failed", Some("agent.failed"));
                }
            }
            OfTurn::Release => {
                (turn.state, turn.due, turn.held) = ("ready".into(), now, attempt.is_some());
                return Answer::Nothing;
            }
            OfTurn::Replied(_) | OfTurn::Silent => {
                turn.settle("replied", None, now);
                self.end(attempt.as_ref(), "answered", None);
                match done {
                    OfTurn::Replied(texts) => texts
                        .iter()
                        .for_each(|count| say(self, "answer", &lines(*count))),
                    _ => self.at(hand.turn).expect("it is there").state = "silent".into(),
                }
            }
            OfTurn::Failed => {
                turn.settle("failed", Some("agent.failed"), now);
                self.end(attempt.as_ref(), "failed", Some("agent.failed"));
                say(self, "error", "sorry");
            }
            OfTurn::Stopped => {
                turn.settle("stopped", None, now);
                self.end(attempt.as_ref(), "cancelled", None);
                say(self, "notice", "stopped");
            }
        }
        Answer::Mine(true)
    }

    /// Whether it is settled now.
    fn ask_stop(&mut self, id: i64, state: &str, code: &str) -> bool {
        let now = self.now;
        let Some(turn) = self.at(id).filter(|turn| turn.is_open()) else {
            return false;
        };
        let idle = turn.state == "ready" && !turn.held;
        if idle {
            turn.settle(state, Some(code), now);
        } else {
            (turn.stop_asked, turn.due) = (true, now);
        }
        idle
    }
}

fn has_open(attempts: &[Attempt], turn: i64) -> bool {
    attempts
        .iter()
        .any(|one| one.turn == turn && one.state == "open")
}

impl Turn {
    pub(super) fn is_open(&self) -> bool {
        self.settled.is_none()
    }

    fn settle(&mut self, state: &str, code: Option<&str>, now: i64) {
        (self.state, self.held) = (state.into(), false);
        (self.code, self.settled) = (code.map(Into::into), Some(now));
    }
}
