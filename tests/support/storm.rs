//! A daemon that dies again and again while people write, and what every effect says of it.

use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::broca::{Broca, note};
use super::dice::Dice;
use super::disk::Disk;
use super::letta::Letta;
use super::proxy::Proxy;
use super::scene::{secrets, toml};
use super::telegram::Telegram;

/// People who write meanwhile, and the first one's id.
const PEOPLE: usize = 20;
const FIRST: i64 = 1001;
/// How long a turn takes, so that a kill meets some in the midst.
const THINKS: Duration = Duration::from_millis(25);
/// The shortest and the longest life of a daemon, in milliseconds.
const LIVES: (u64, u64) = (20, 400);
/// Messages pushed at once, in up to so many spells of a life.
const SPELLS: u64 = 5;
const BURST: u64 = 12;
/// No more than this many wait, or a slow machine would never catch up.
const BACKLOG: usize = 200;
/// No reply for so long means that none will come.
const PATIENCE: Duration = Duration::from_secs(90);
/// How far the clock may be wrong, in milliseconds. Letta knows a request again for less than three hours,
/// so that two lives must not lie further apart.
const WRONG: u64 = 3_600_000;

/// What else goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Half of the daemons are asked to stop instead.
    Term,
    /// Letta is out of reach for a while.
    Letta,
    /// Connections to both sides break.
    Cuts,
    /// The disk of the database is full for a while.
    Disk,
    /// The clock is wrong by up to an hour, otherwise in each life. Needs the feature `kill-points`.
    Clock,
}

/// A daemon between its stand-ins.
pub(crate) struct Storm {
    broca: Broca,
    telegram: Telegram,
    letta: Letta,
    wires: Vec<Proxy>,
    disk: Option<Disk>,
    with: Vec<Trouble>,
    dice: Dice,
    /// How many messages each person wrote.
    wrote: Vec<usize>,
    letta_is_away: bool,
    /// Whether the disk was full at any moment of this life.
    was_full: bool,
}

/// What the stand-ins saw and what Broca says of itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) messages: usize,
    /// Written and never answered.
    pub(crate) lost: usize,
    /// Turns and replies that are not settled.
    pub(crate) unfinished: usize,
    /// Messages of which nobody will hear.
    pub(crate) silent: usize,
    pub(crate) disorder: usize,
    /// Replies said twice, and how often Broca says that it repeated a part which may have arrived.
    pub(crate) repeats: usize,
    pub(crate) recorded: usize,
    pub(crate) doubled: usize,
    pub(crate) turns_lost: usize,
}

impl Verdict {
    /// Whether nothing was lost, doubled or out of order, and each repeat is counted.
    pub(crate) fn is_good(&self) -> bool {
        let sound = Self {
            messages: self.messages,
            repeats: self.repeats,
            recorded: self.recorded,
            ..Self::default()
        };
        *self == sound && self.repeats <= self.recorded
    }
}

impl Storm {
    /// A storm that follows from `seed`; `None`, with a word, where this machine cannot make the trouble.
    pub(crate) fn new(bin: Option<&Path>, seed: u64, with: &[Trouble]) -> Option<Self> {
        let (telegram, letta) = (Telegram::start(), Letta::start());
        telegram.forget_calls();
        letta.think(THINKS);
        let mut broca = Broca::new(&config(&telegram, &letta));
        secrets(&broca, "open sesame", &telegram);
        if let Some(bin) = bin {
            broca.be(bin);
        }
        let mut wires = Vec::new();
        if with.contains(&Trouble::Cuts) {
            for url in [telegram.url(), letta.url()] {
                let wire = Proxy::start(url.trim_start_matches("http://"));
                broca.edit(&url, &wire.url());
                wires.push(wire);
            }
        }
        let mut disk = None;
        if with.contains(&Trouble::Disk) {
            let mounted = Disk::mount()?;
            let url = format!(
                "[database]\nurl = \"{}\"",
                mounted.path("broca.db").display()
            );
            broca.edit("[database]", &url);
            disk = Some(mounted);
        }
        if with.contains(&Trouble::Clock) {
            if !broca.has_clock() {
                note("skipped: this binary was built without the feature `kill-points`");
                return None;
            }
            let file = broca.path("offset");
            broca.set("BROCA_KILL_CLOCK", &file.to_string_lossy());
        }
        Some(Self {
            broca,
            telegram,
            letta,
            wires,
            disk,
            with: with.to_vec(),
            dice: Dice::new(seed),
            wrote: vec![0; PEOPLE],
            letta_is_away: false,
            was_full: false,
        })
    }

    /// `times` deaths, and a last life as long as it takes.
    pub(crate) fn rage(mut self, times: usize) -> Verdict {
        for _ in 0..times {
            self.life();
        }
        self.finish()
    }

    /// One start, some messages at random moments, one end.
    fn life(&mut self) {
        self.was_full = self.disk.as_ref().is_some_and(Disk::is_full);
        self.set_clock();
        self.broca.launch();
        let (shortest, longest) = LIVES;
        let spells = 1 + self.dice.below(SPELLS);
        let life = Duration::from_millis(shortest + self.dice.below(longest - shortest));
        for _ in 0..spells {
            thread::sleep(life / u32::try_from(spells).expect("few"));
            self.write();
            self.stir();
        }
        self.end();
    }

    fn end(&mut self) {
        let code = match self.broca.ended() {
            Some(code) if self.was_full => return assert_eq!(code, 1, "{}", self.broca.log()),
            Some(code) => panic!("it ended by itself with {code}: {}", self.broca.log()),
            None if self.has(Trouble::Term) && self.dice.once_in(2) => self.broca.stop().0,
            None => return self.broca.kill(),
        };
        // Before it listens to signals, one ends it as any other program.
        assert!(
            matches!(code, 0 | -1),
            "stopped with {code}: {}",
            self.broca.log()
        );
    }

    fn has(&self, trouble: Trouble) -> bool {
        self.with.contains(&trouble)
    }

    /// Some people write, unless too much waits already.
    fn write(&mut self) {
        let burst = self.dice.below(BURST);
        if self.count() > self.telegram.sent_count() + BACKLOG {
            return;
        }
        for _ in 0..burst {
            let most = u64::try_from(PEOPLE).expect("few");
            let person = usize::try_from(self.dice.below(most)).expect("few");
            let text = words(person, self.wrote[person]);
            self.telegram.push(id(person), &text);
            self.wrote[person] += 1;
        }
    }

    /// Something else goes wrong, or is well again.
    fn stir(&mut self) {
        if self.has(Trouble::Letta) && self.dice.once_in(4) {
            if self.letta_is_away {
                self.letta.restart();
            } else {
                self.letta.leave();
            }
            self.letta_is_away = !self.letta_is_away;
        }
        if self.has(Trouble::Cuts) && self.dice.once_in(2) {
            self.wires.iter().for_each(Proxy::cut);
        }
        if let Some(disk) = &self.disk
            && self.dice.once_in(4)
        {
            if disk.is_full() {
                disk.relieve();
            } else {
                disk.fill();
                self.was_full = true;
            }
        }
    }

    fn set_clock(&mut self) {
        if self.has(Trouble::Clock) {
            let ahead = i64::try_from(self.dice.below(WRONG)).expect("an hour");
            self.broca.write("offset", &(-ahead).to_string());
        }
    }

    /// A last life, with all well, until everything was said or nothing more comes.
    fn finish(mut self) -> Verdict {
        if std::mem::take(&mut self.letta_is_away) {
            self.letta.restart();
        }
        if let Some(disk) = &self.disk {
            disk.relieve();
        }
        self.broca.start();
        let (mut seen, mut since) = (0, Instant::now());
        while since.elapsed() < PATIENCE && !self.is_over() {
            thread::sleep(Duration::from_millis(100));
            let sent = self.telegram.sent_count();
            if sent > seen {
                (seen, since) = (sent, Instant::now());
            }
        }
        let (code, _) = self.broca.stop();
        assert_eq!(code, 0, "the last one stopped otherwise");
        let mut verdict = self.judge();
        self.judge_daemon(&mut verdict);
        note(&format!("with {:?}: {verdict:?}", self.with));
        if !verdict.is_good() {
            note(&self.broca.log());
        }
        verdict
    }

    /// Whether all is answered, and nothing waits to be sent once more because its confirmation was lost.
    fn is_over(&self) -> bool {
        let mut verdict = self.judge();
        if verdict.lost == 0 {
            self.judge_daemon(&mut verdict);
        }
        verdict.lost == 0 && verdict.unfinished == 0
    }

    fn count(&self) -> usize {
        self.wrote.iter().sum()
    }

    fn judge(&self) -> Verdict {
        let mut verdict = Verdict {
            messages: self.count(),
            ..Verdict::default()
        };
        self.judge_replies(&mut verdict);
        self.judge_turns(&mut verdict);
        verdict
    }

    /// Each person's replies, in the order of their messages, perhaps with repeats.
    fn judge_replies(&self, verdict: &mut Verdict) {
        let mut next = [0; PEOPLE];
        for sent in self.telegram.sent() {
            let person = (0..PEOPLE).find(|person| id(*person) == sent.chat);
            let person = person.expect("nobody else wrote");
            let reply = |number: usize| format!("echo: {}", words(person, number));
            let awaited = next[person];
            if sent.text == reply(awaited) {
                next[person] += 1;
            } else if awaited > 0 && sent.text == reply(awaited - 1) {
                verdict.repeats += 1;
            } else {
                verdict.disorder += 1;
            }
        }
        verdict.lost = self.count() - next.iter().sum::<usize>();
    }

    /// Each message is one turn at Letta.
    fn judge_turns(&self, verdict: &mut Verdict) {
        let mut turns: HashMap<String, usize> = HashMap::new();
        let said = self.letta.turns().into_iter().flat_map(|turn| turn.texts);
        said.for_each(|text| *turns.entry(text).or_default() += 1);
        verdict.doubled = turns.values().map(|times| times - 1).sum();
        verdict.turns_lost = self.count().saturating_sub(turns.len());
    }

    /// What Broca, stopped, says of itself.
    fn judge_daemon(&self, verdict: &mut Verdict) {
        let stats = self.broca.ask(&["status"])["stats"].take();
        let count = |value: &Value| {
            let count = value.as_u64().unwrap_or(0);
            usize::try_from(count).expect("a small count")
        };
        let open = |what: &str, states: &[&str]| -> usize {
            let states = states.iter();
            states.map(|state| count(&stats[what][*state])).sum()
        };
        verdict.recorded = count(&stats["repeated_parts"]);
        verdict.silent = count(&stats["silent"]);
        verdict.unfinished =
            open("turns", &["ready", "running"]) + open("replies", &["ready", "sending", "parked"]);
    }
}

/// No notice may come between, whatever the clock says.
fn config(telegram: &Telegram, letta: &Letta) -> String {
    let toml = toml(telegram, letta, "conversation").replace("\"debug\"", "\"info\"");
    format!(
        "{toml}pace = false\n\
         [queue]\nmax_concurrent = 8\nnotice_after = \"12h\"\n\
         [outbox]\nmax_concurrent = 8\n[database]\n"
    )
}

/// A person's id at Telegram.
fn id(person: usize) -> i64 {
    FIRST + i64::try_from(person).expect("people are few")
}

/// A message that there is only once.
fn words(person: usize, number: usize) -> String {
    format!("message {number} of person {person}")
}
