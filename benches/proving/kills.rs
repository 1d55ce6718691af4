//! Random `kill -9` under load, and what every effect says of it.

use std::collections::HashMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use broca::store::Conn;
use broca::store::report::silent::{self, Bounds, Span};
use broca::time::Timestamp;
use diesel::prelude::*;

use crate::daemon::{Place, Subject};
use crate::dice::Dice;
use crate::ground::{Ground, id};
use crate::table::Report;

/// People who write meanwhile.
const PEOPLE: usize = 20;
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

/// Kills the binary `times` times under load, and checks that nothing was lost or said in disorder, that
/// each message was one turn, and that what was said twice is counted.
pub(crate) fn run(bin: &Path, times: usize, seed: u64, report: &mut Report) {
    report.noted("seed of the kills", seed.to_string());
    report.value("kills_seed", seed);
    let mut storm = Storm::new(bin, seed);
    for _ in 0..times {
        storm.life();
    }
    let unfinished = storm.finish();
    let verdict = storm.judge();
    let recorded = storm.recorded();
    report.noted("kills", times.to_string());
    report.noted("messages", storm.count().to_string());
    let mut none = |name: &str, count: usize| {
        report.judged(name, "0", "", count.to_string(), count == 0);
        report.value(&format!("kills_{}", name.replace(' ', "_")), count);
    };
    none("messages lost", verdict.lost);
    none("messages without an end", unfinished);
    none("messages silent", storm.silent());
    none("turns doubled", verdict.doubled);
    none("turns lost", verdict.turns_lost);
    none("replies out of order", verdict.disorder);
    report.judged(
        "replies said twice",
        "≤ recorded as unknowable",
        format!("{recorded} recorded"),
        verdict.repeats.to_string(),
        i64::try_from(verdict.repeats).is_ok_and(|repeats| repeats <= recorded),
    );
    report.value("kills", times);
    report.value("kills_messages", storm.count());
    report.value("kills_repeats", verdict.repeats);
    report.value("kills_repeats_recorded", recorded);
}

/// A daemon that dies again and again while people write.
struct Storm {
    ground: Ground,
    place: Place,
    dice: Dice,
    /// How many messages each person wrote.
    wrote: Vec<usize>,
}

/// What the stand-ins saw.
#[derive(Default)]
struct Verdict {
    lost: usize,
    disorder: usize,
    repeats: usize,
    doubled: usize,
    turns_lost: usize,
}

impl Storm {
    fn new(bin: &Path, seed: u64) -> Self {
        let ground = Ground::thorough();
        ground.letta.think(THINKS);
        Self {
            place: Place::new(Subject::Broca(bin), &ground, 8),
            ground,
            dice: Dice::new(seed),
            wrote: vec![0; PEOPLE],
        }
    }

    fn count(&self) -> usize {
        self.wrote.iter().sum()
    }

    /// One start, some messages at random moments, one kill.
    fn life(&mut self) {
        let daemon = self.place.start();
        let (shortest, longest) = LIVES;
        let spells = 1 + self.dice.below(SPELLS);
        let life = Duration::from_millis(shortest + self.dice.below(longest - shortest));
        for _ in 0..spells {
            thread::sleep(life / u32::try_from(spells).expect("few"));
            self.write();
        }
        daemon.kill();
    }

    /// Some people write, unless too much waits already.
    fn write(&mut self) {
        let burst = self.dice.below(BURST);
        if self.count() > self.ground.telegram.sent_count() + BACKLOG {
            return;
        }
        for _ in 0..burst {
            let most = u64::try_from(PEOPLE).expect("few");
            let person = usize::try_from(self.dice.below(most)).expect("few");
            self.ground.push(person, &words(person, self.wrote[person]));
            self.wrote[person] += 1;
        }
    }

    /// A last life, as long as it takes. Gives how many messages have no end then.
    fn finish(&self) -> usize {
        let daemon = self.place.start();
        let (mut seen, mut since) = (0, Instant::now());
        while since.elapsed() < PATIENCE && self.judge().lost > 0 {
            thread::sleep(Duration::from_millis(200));
            let sent = self.ground.telegram.sent_count();
            if sent > seen {
                (seen, since) = (sent, Instant::now());
            }
        }
        daemon.stop();
        let open = "SELECT (SELECT count(*) FROM turns WHERE settled_at IS NULL) \
                    + (SELECT count(*) FROM replies WHERE settled_at IS NULL) AS number";
        usize::try_from(self.ask(open)).expect("a count")
    }

    fn judge(&self) -> Verdict {
        let mut verdict = Verdict::default();
        self.judge_replies(&mut verdict);
        self.judge_turns(&mut verdict);
        verdict
    }

    /// Each person's replies, in the order of their messages, perhaps with repeats.
    fn judge_replies(&self, verdict: &mut Verdict) {
        let mut next = [0; PEOPLE];
        for sent in self.ground.telegram.sent() {
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
        let said = self
            .ground
            .letta
            .turns()
            .into_iter()
            .flat_map(|turn| turn.texts);
        said.for_each(|text| *turns.entry(text).or_default() += 1);
        verdict.doubled = turns.values().map(|times| times - 1).sum();
        verdict.turns_lost = self.count().saturating_sub(turns.len());
    }

    /// How much ended without anybody having seen an end.
    fn silent(&self) -> usize {
        let path = self.place.database().display().to_string();
        let mut conn = Conn::open(&path).expect("the database is there");
        let bounds = Bounds {
            give_up_after: PATIENCE,
            notice_after: PATIENCE,
            turn_timeout: PATIENCE,
        };
        let found = silent::find(&mut conn, &bounds, Span::All, Timestamp::now());
        found.expect("the schema is known").len()
    }

    /// How often Broca says that it repeated a part which may have arrived.
    fn recorded(&self) -> i64 {
        self.ask("SELECT coalesce(sum(repeats), 0) AS number FROM parts")
    }

    /// A number out of the database of a daemon that has stopped.
    fn ask(&self, query: &str) -> i64 {
        #[derive(QueryableByName)]
        struct Found {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            number: i64,
        }
        let path = self.place.database().display().to_string();
        let mut conn = Conn::open(&path).expect("the database is there");
        let found: Found = diesel::sql_query(query)
            .get_result(&mut conn)
            .expect("the schema is known");
        found.number
    }
}

/// A message that there is only once.
fn words(person: usize, number: usize) -> String {
    format!("message {number} of person {person}")
}
