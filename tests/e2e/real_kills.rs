//! Deaths before a real Letta, while people write: Broca's, ten times at random, and Letta's, three times.
//! What is promised depends on whether Letta has Redis, which Broca itself says. `BROCA_TEST_SEED` repeats
//! a run.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use broca::error::Code;

use crate::support::broca::note;
use crate::support::dice::{self, Dice};
use crate::support::real::{PATIENTLY, Real, address, asked, kill_letta, kit, stored};

/// People who come at a time, and the first one's id.
const PEOPLE: usize = 4;
const FIRST: i64 = 5_001;
/// How often Broca dies, and the longest of its lives, in milliseconds.
const DEATHS: usize = 10;
const LIFE: u64 = 2_000;
/// How often Letta dies, and how long after a turn began at most, in milliseconds.
const DEATHS_OF_LETTA: usize = 3;
const WORK: u64 = 1_500;
/// What makes a turn take a while.
const SLOWLY: &str = "sleep:1 ";
/// Where nothing was said for so long, what is left waits for a trace of a request at a Letta without Redis.
const QUIET: Duration = Duration::from_secs(25);
/// How long it waits, in milliseconds, and a little more: by so much the clock is set forward.
const SETTLED: i64 = 150_000;
/// Where nothing was said for so long, nothing will be.
const VAIN: Duration = Duration::from_mins(4);

#[test]
fn broca_killed_ten_times_loses_and_doubles_nothing() {
    let Some(mut crowd) = Crowd::gather("60s", "60s") else {
        return;
    };
    crowd.join();
    for _ in 0..DEATHS {
        let spells = 2 + crowd.dice.below(3);
        for _ in 0..spells {
            // The moments are the point of this test.
            thread::sleep(crowd.dice.millis(LIFE / spells));
            crowd.one_writes();
        }
        crowd.real.broca.kill();
        crowd.real.broca.start();
    }
    crowd.finish();
    let codes: &[Code] = if crowd.known_again {
        &[]
    } else {
        &[Code::AgentUncertain]
    };
    let ends = crowd.judge(codes);
    assert_each_is_one_turn(&ends, 1);
}

#[test]
fn letta_killed_three_times_leaves_nobody_without_a_word() {
    // Without Redis a run that died is told from one at work by its time alone.
    let Some(mut crowd) = Crowd::gather("90s", "20s") else {
        return;
    };
    for _ in 0..DEATHS_OF_LETTA {
        // Those whose turns died wait for a while: others come.
        let newcomers = crowd.join();
        crowd.each_writes(newcomers.clone());
        crowd.wait_for_work(newcomers.clone());
        thread::sleep(crowd.dice.millis(WORK));
        if kill_letta().is_none() {
            note("skipped: BROCA_TEST_LETTA_STATE names no Letta that may be killed");
            return;
        }
        crowd.each_writes(newcomers);
        kit("start.sh");
    }
    crowd.finish();
    let (codes, most): (&[Code], usize) = if crowd.known_again {
        (&[Code::AgentFailedMidway], 1 + DEATHS_OF_LETTA)
    } else {
        let codes = &[
            Code::AgentFailedMidway,
            Code::AgentTimedOut,
            Code::AgentUncertain,
        ];
        (codes, 1)
    };
    let ends = crowd.judge(codes);
    assert_each_is_one_turn(&ends, most);
}

/// People who write to a Broca before a real Letta.
struct Crowd {
    real: Real,
    dice: Dice,
    /// What each wrote, in order.
    wrote: Vec<Vec<String>>,
    /// Whether Letta knows a request again, for which it needs Redis.
    known_again: bool,
}

/// What became of all that was written.
struct Ends {
    answered: Vec<String>,
    /// What ended with a word of Broca.
    told: Vec<String>,
}

impl Crowd {
    /// All runs, with this time for a turn where Letta knows requests again, and where it does not.
    fn gather(known_again: &str, unknown: &str) -> Option<Self> {
        let dice = Dice::new(dice::seed());
        let mut real = Real::ready_at(&address()?, "conversation");
        let check = real.broca.run(&["check"]);
        let says = |words: &str| check.out.contains(words) || check.err.contains(words);
        let known = says("background turns: yes; a message is one turn, also across crashes");
        assert!(known || says("background turns: no"), "{check:?}");
        let time = if known { known_again } else { unknown };
        // No notice may come between.
        real.broca.edit(
            "turn_timeout = \"60s\"\n",
            &format!(
                "turn_timeout = \"{time}\"\n[queue]\nnotice_after = \"12h\"\nmax_concurrent = 32\n"
            ),
        );
        let file = real.broca.path("offset");
        real.broca.set("BROCA_KILL_CLOCK", &file.to_string_lossy());
        real.broca.start();
        Some(Self {
            real,
            dice,
            wrote: Vec::new(),
            known_again: known,
        })
    }

    /// More people, by number.
    fn join(&mut self) -> Range<usize> {
        let before = self.wrote.len();
        self.wrote.resize(before + PEOPLE, Vec::new());
        before..self.wrote.len()
    }

    fn one_writes(&mut self) {
        let most = u64::try_from(self.wrote.len()).expect("few");
        let person = usize::try_from(self.dice.below(most)).expect("few");
        self.write(person);
    }

    fn each_writes(&mut self, people: Range<usize>) {
        people.for_each(|person| self.write(person));
    }

    fn write(&mut self, person: usize) {
        let pace = if self.dice.once_in(2) { SLOWLY } else { "" };
        let number = self.wrote[person].len();
        let words = format!("{pace}message {number} of person {person}");
        let text = self.real.text(&words);
        self.real.telegram.push(id(person), &text);
        self.wrote[person].push(text);
    }

    /// Waits until the model was asked for one of them. Broca may take a while to find that Letta is back.
    fn wait_for_work(&self, people: Range<usize>) {
        let since = Instant::now();
        let mut first = self.wrote[people].iter().flatten().cycle();
        while first.next().and_then(|text| asked(text)) == Some(0) {
            assert!(since.elapsed() < PATIENTLY, "{}", self.real.broca.log());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until nothing is left to be done. Nothing is silent then.
    fn finish(&self) {
        let (telegram, broca) = (&self.real.telegram, &self.real.broca);
        telegram.wait_confirmed(telegram.latest_update() + 1, PATIENTLY);
        let (mut seen, mut since) = (0, Instant::now());
        while !broca.is_idle() {
            let sent = telegram.sent_count();
            if sent > seen {
                (seen, since) = (sent, Instant::now());
            }
            assert!(since.elapsed() < VAIN, "waited in vain: {}", broca.log());
            if !self.known_again && since.elapsed() > QUIET {
                // A binary without a clock that can be set takes its two minutes.
                broca.write("offset", &SETTLED.to_string());
            }
            thread::sleep(Duration::from_millis(100));
        }
        broca.wait_idle();
    }

    /// Each message has its one end, in the order in which its person wrote: an answer, or a word with one
    /// of these codes; what was said again is recorded as such.
    fn judge(&self, codes: &[Code]) -> Ends {
        let mut ends = Ends {
            answered: Vec::new(),
            told: Vec::new(),
        };
        let mut repeats = 0;
        for (person, wrote) in self.wrote.iter().enumerate() {
            repeats += judge_chat(&self.real.texts(id(person)), wrote, codes, &mut ends);
        }
        let recorded = self.real.broca.repeats();
        note(&format!(
            "known again: {}; {} answered, {} told, {repeats} repeats, {recorded} recorded",
            self.known_again,
            ends.answered.len(),
            ends.told.len()
        ));
        assert!(repeats <= usize::try_from(recorded).expect("a count"));
        ends
    }
}

/// What was answered is one turn in Letta's own record, what was not is one at most; and the model was
/// asked so often at `most`.
fn assert_each_is_one_turn(ends: &Ends, most: usize) {
    let stored = stored();
    let turns = |text: &String| stored.iter().filter(|said| said.contains(text)).count();
    for text in &ends.answered {
        assert_eq!(turns(text), 1, "turns of {text}");
        let times = asked(text).unwrap_or(1);
        assert!((1..=most).contains(&times), "asked {times} times: {text}");
    }
    for text in &ends.told {
        assert!(turns(text) <= 1, "turns of {text}: {}", turns(text));
        let times = asked(text).unwrap_or(0);
        assert!(times <= most, "asked {times} times: {text}");
    }
}

/// Adds to `ends` what became of what one person wrote; gives how often something was said again.
fn judge_chat(said: &[String], wrote: &[String], codes: &[Code], ends: &mut Ends) -> usize {
    let (mut next, mut words, mut repeats) = (0, 0, 0);
    // Words are alike: those before an answer are of the messages before it, and what is more are repeats.
    let mut passed = |next: &mut usize, upto: usize, words: &mut usize| {
        let passed = upto - *next;
        assert!(*words >= passed, "{upto} of {wrote:#?} in {said:#?}");
        ends.told.extend_from_slice(&wrote[*next..upto]);
        let more = *words - passed;
        (*next, *words) = (upto, 0);
        more
    };
    let mut answered = Vec::new();
    for text in said {
        let of = wrote.iter().position(|wrote| *text == echo(wrote));
        match of {
            Some(number) if number >= next => {
                repeats += passed(&mut next, number, &mut words);
                answered.push(wrote[number].clone());
                next += 1;
            }
            Some(number) => {
                assert_eq!(number + 1, next, "out of order: {said:#?}");
                repeats += 1;
            }
            None => {
                let known = codes
                    .iter()
                    .any(|code| text.ends_with(&format!(": {code}.")));
                assert!(known, "{text:?} in {said:#?}");
                words += 1;
            }
        }
    }
    repeats += passed(&mut next, wrote.len(), &mut words);
    ends.answered.append(&mut answered);
    repeats
}

fn echo(text: &str) -> String {
    format!("echo: {text}")
}

/// A person's id at Telegram.
fn id(person: usize) -> i64 {
    FIRST + i64::try_from(person).expect("people are few")
}
