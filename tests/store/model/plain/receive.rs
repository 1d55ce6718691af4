//! The model of what arrives.

use broca::config::Mode;
use broca::store::queue::lane;
use broca::store::state::mode_text;

use super::super::history::{CHATS, Item, PEOPLE, What};
use super::super::rows::{Conversation, Message, Profile, Refusal, Turn};
use super::{Answer, Model};

/// How long a text waits for company.
pub(in super::super) const QUIET: u64 = 1000;
const DAY: i64 = 86_400_000;
const INACTIVE: &str = "The operator of this agent has switched off your access.";

/// A new message on its way in.
struct Arrival<'a> {
    item: &'a Item,
    profile: i64,
    place: i64,
    mode: Mode,
    wide: bool,
}

impl Model {
    pub(super) fn receive(&mut self, items: &[Item], mode: Mode, wide: bool) -> Answer {
        let mut to_stop = Vec::new();
        let outcomes = items
            .iter()
            .map(|item| self.arrive(item, mode, wide, &mut to_stop))
            .collect();
        self.tables.cursor = vec![format!("{}", self.steps)];
        Answer::Accepted(outcomes, to_stop)
    }

    fn arrive(
        &mut self,
        item: &Item,
        mode: Mode,
        wide: bool,
        to_stop: &mut Vec<i64>,
    ) -> &'static str {
        if let What::Refuse { tell } = item.what {
            return self.refuse(item, "access.refused", tell.then_some("no"));
        }
        let endpoint = CHATS[item.chat].0;
        let is_same = |one: &Message| one.endpoint == endpoint && one.key == item.key.to_string();
        if self.tables.messages.iter().any(is_same) {
            return "seen";
        }
        let profile = self.meet(endpoint, PEOPLE[item.from]);
        if !self.tables.people[profile] {
            return self.refuse(item, "access.inactive", Some(INACTIVE));
        }
        let place = self.place(item.chat);
        if matches!(item.what, What::Reachable(false)) {
            self.park(place);
        } else if !self.conversation(place).reachable {
            self.unpark(place);
        }
        let profile = i64::try_from(profile).expect("few") + 1;
        self.store(
            &Arrival {
                item,
                profile,
                place,
                mode,
                wide,
            },
            to_stop,
        );
        "new"
    }

    fn meet(&mut self, endpoint: &str, user: &str) -> usize {
        let mut known = self.tables.profiles.iter();
        if let Some(place) = known.position(|one| one.endpoint == endpoint && one.user == user) {
            return place;
        }
        self.tables.people.push(true);
        let person = i64::try_from(self.tables.people.len()).expect("few");
        self.tables.profiles.push(Profile {
            person,
            endpoint: endpoint.into(),
            user: user.into(),
        });
        self.tables.people.len() - 1
    }

    fn place(&mut self, chat: usize) -> i64 {
        let (endpoint, chat, thread) = CHATS[chat];
        let is_same = |one: &Conversation| {
            one.endpoint == endpoint && one.chat == chat && one.thread == thread
        };
        let place = self
            .tables
            .conversations
            .iter()
            .position(is_same)
            .unwrap_or_else(|| {
                let (endpoint, chat, thread) = (endpoint.into(), chat.into(), thread.into());
                self.tables.conversations.push(Conversation {
                    endpoint,
                    chat,
                    thread,
                    reachable: true,
                });
                self.tables.conversations.len() - 1
            });
        i64::try_from(place).expect("few") + 1
    }

    /// Tells it once a day.
    fn refuse(&mut self, item: &Item, code: &str, notice: Option<&str>) -> &'static str {
        let (endpoint, sender, now) = (CHATS[item.chat].0, PEOPLE[item.from], self.now);
        let all = &mut self.tables.refusals;
        let is_same = |one: &Refusal| one.endpoint == endpoint && one.sender == sender;
        let place = all.iter().position(is_same).unwrap_or_else(|| {
            let (endpoint, sender) = (endpoint.into(), sender.into());
            all.push(Refusal {
                endpoint,
                sender,
                code: String::new(),
                times: 0,
                noticed: None,
            });
            all.len() - 1
        });
        let row = &mut all[place];
        (row.code, row.times) = (code.into(), row.times + 1);
        let tell = notice.filter(|_| row.noticed.is_none_or(|at| now - at >= DAY));
        if tell.is_some() {
            row.noticed = Some(now);
        }
        all.sort_by(|a, b| (&a.endpoint, &a.sender).cmp(&(&b.endpoint, &b.sender)));
        if let Some(words) = tell {
            let place = self.place(item.chat);
            self.say(place, None, "notice", words);
        }
        code_of(code)
    }

    fn store(&mut self, new: &Arrival<'_>, to_stop: &mut Vec<i64>) {
        match &new.item.what {
            What::Text { text, join } => self.text(new, format!("text {text}"), *join),
            What::Edit { of, text } => self.edit(new, *of, format!("text {text}")),
            What::Command => {
                self.message(new, None, "command", None);
                self.say(new.place, None, "notice", "help");
            }
            What::Status => {
                let open = self
                    .tables
                    .turns
                    .iter()
                    .filter(|turn| turn.is_open() && turn.conversation == new.place);
                let words = format!("status\nWaiting in this chat: {}", open.count());
                self.message(new, None, "command", None);
                self.say(new.place, None, "notice", &words);
            }
            What::Stop => self.stop_first(new, to_stop),
            What::Reachable(_) | What::Keep => self.message(new, None, "other", None),
            What::Refuse { .. } => unreachable!("it is refused"),
        }
    }

    fn stop_first(&mut self, new: &Arrival<'_>, to_stop: &mut Vec<i64>) {
        self.message(new, None, "command", None);
        let mut turns = self.tables.turns.iter();
        match turns
            .find(|turn| turn.is_open() && turn.conversation == new.place)
            .map(|turn| turn.id)
        {
            None => {
                self.say(new.place, None, "notice", "Nothing is running.");
            }
            Some(id) if self.ask_stop(id, "stopped", "turn.stopped") => {
                self.say(new.place, Some(id), "notice", "Stopped.");
            }
            Some(id) => to_stop.push(id),
        }
    }

    fn message(&mut self, new: &Arrival<'_>, turn: Option<i64>, kind: &str, text: Option<String>) {
        self.tables.messages.push(Message {
            turn,
            conversation: new.place,
            profile: new.profile,
            endpoint: CHATS[new.item.chat].0.into(),
            key: new.item.key.to_string(),
            kind: kind.into(),
            text,
        });
    }

    /// Into the turn before, if that waits untouched and is of the same person; else a turn of its own.
    fn text(&mut self, new: &Arrival<'_>, text: String, join: bool) {
        let due = self.now
            + if join {
                i64::try_from(QUIET).expect("small")
            } else {
                0
            };
        let mut turns = self.tables.turns.iter_mut().rev();
        let last = turns.find(|turn| turn.is_open() && turn.conversation == new.place);
        let takes = |turn: &&mut Turn| {
            join && turn.profile == new.profile
                && turn.joins.is_some()
                && turn.state == "ready"
                && turn.claim == 0
        };
        let turn = match last.filter(takes) {
            Some(turn) => {
                turn.due = due;
                turn.id
            }
            None => self.new_turn(new, due, join),
        };
        self.message(new, Some(turn), "text", Some(text));
    }

    fn new_turn(&mut self, new: &Arrival<'_>, due: i64, join: bool) -> i64 {
        self.last_turn += 1;
        let kept = new.mode == Mode::Listen;
        self.tables.turns.push(Turn {
            id: self.last_turn,
            conversation: new.place,
            profile: new.profile,
            endpoint: CHATS[new.item.chat].0.into(),
            lane: lane(new.place, new.wide && new.mode == Mode::Live),
            mode: mode_text(new.mode).into(),
            state: if kept { "kept" } else { "ready" }.into(),
            claim: 0,
            barren: 0,
            failures: 0,
            held: false,
            stop_asked: false,
            due,
            joins: join.then(|| "album".into()),
            noticed: None,
            code: None,
            created: self.now,
            settled: kept.then_some(self.now),
        });
        self.last_turn
    }

    fn edit(&mut self, new: &Arrival<'_>, of: u8, text: String) {
        let endpoint = CHATS[new.item.chat].0;
        let is_original = |one: &&mut Message| {
            one.endpoint == endpoint && one.key == of.to_string() && one.turn.is_some()
        };
        let Some(original) = self.tables.messages.iter_mut().find(is_original) else {
            return self.message(new, None, "edit", Some(text));
        };
        if original.text.as_ref() == Some(&text) {
            return self.message(new, None, "edit", None);
        }
        let mut turns = self.tables.turns.iter();
        if turns
            .any(|turn| Some(turn.id) == original.turn && turn.state == "ready" && turn.claim == 0)
        {
            original.text = Some(text.clone());
            return self.message(new, None, "edit", Some(text));
        }
        self.text(new, format!("(edited) {text}"), false);
    }
}

fn code_of(code: &str) -> &'static str {
    if code == "access.refused" {
        "access.refused"
    } else {
        "access.inactive"
    }
}
