//! One turn: send the request, follow its stream, resume it where it drops, judge its end.

use std::thread;
use std::time::{Duration, Instant};

use ureq::http::Method;

use crate::agent::{Attempt, Fate, How};
use crate::error::{Code, Error, Result};
use crate::http::{Answer, Failure, Patience};
use crate::message::Step;

use super::api::{dropped, refusal, unreachable};
use super::failure::ModelTrouble;
use super::gather::{Gathered, Took, Verdict};
use super::request::Sent;
use super::stream::{Next, events};
use super::wire::moment;
use super::{Letta, fate, people};

/// Text is shown at most this often: each showing copies the whole of it.
const SHOW: Duration = Duration::from_millis(100);

/// Sends `attempt` and waits for its end.
pub(super) fn converse(
    letta: &Letta,
    attempt: &Attempt,
    how: How,
    progress: &mut dyn FnMut(Step),
) -> Result<Fate> {
    let turn = Turn {
        letta,
        attempt,
        deadline: Instant::now() + letta.turn_timeout,
        gathered: Gathered::default(),
        show: Show {
            progress,
            last: None,
        },
    };
    if how == How::Resume && !Sent::of(&attempt.request).background {
        return turn.watch();
    }
    letta.background.refresh(&letta.api)?;
    turn.send()
}

struct Turn<'a> {
    letta: &'a Letta,
    attempt: &'a Attempt,
    deadline: Instant,
    gathered: Gathered,
    show: Show<'a>,
}

/// How following a stream ended.
enum Followed {
    /// The turn is over.
    Over,
    /// The stream broke off.
    Dropped(String),
    /// The turn's time is over.
    Late,
    /// The run is dead: its server was gone.
    Dead,
    /// The stream says nothing, yet this run is over by its record.
    Recorded(String),
}

impl Turn<'_> {
    fn send(mut self) -> Result<Fate> {
        let path = self
            .letta
            .place(&self.attempt.request.conversation)
            .path("messages");
        let body = Some(self.attempt.request.body.as_str());
        let mut answer = match self
            .letta
            .api
            .open(Method::POST, &path, body, self.patience())
        {
            Ok(answer) => answer,
            Err(failure @ Failure::NotSent(_)) => return Err(unreachable(&failure)),
            Err(_) if self.is_late() => return self.stop(Code::AgentTimedOut),
            Err(failure) => return Err(dropped(failure.words())),
        };
        if !answer.is_ok() {
            return fate::refused(self.letta, self.attempt, &refusal(answer));
        }
        loop {
            match self.follow(answer) {
                Followed::Over => return self.judge(),
                Followed::Late => return self.stop(Code::AgentTimedOut),
                Followed::Dead => return self.stop(Code::AgentFailed),
                Followed::Recorded(run) => return known(fate::fate_of(self.letta, &run)),
                Followed::Dropped(words) => answer = self.resume(&words)?,
            }
        }
    }

    /// Reads a stream to its end.
    fn follow(&mut self, answer: Answer) -> Followed {
        let mut events = events(answer);
        let mut alive = Instant::now();
        loop {
            let mut event = match events.next() {
                Next::Event(event) => event,
                Next::Done => {
                    events.drain();
                    return Followed::Over;
                }
                Next::End(error) => return self.ended(error),
            };
            let date = event.date.take();
            match self.gathered.take(*event) {
                Took::End => {
                    events.drain();
                    return Followed::Over;
                }
                Took::Ping => self.show.pulse(&self.gathered),
                took => {
                    alive = Instant::now();
                    self.show.take(took, &self.gathered);
                }
            }
            if self.is_late() {
                return Followed::Late;
            }
            if alive.elapsed() >= self.letta.pace.dead {
                alive = Instant::now();
                if let Some(followed) = self.only_pings(date.as_deref()) {
                    return followed;
                }
            }
        }
    }

    /// Whether a run of which only pings come is over, or dead: older than the last time that its
    /// server was gone. Its age is taken from Letta's own clock, which `date` shows.
    fn only_pings(&self, date: Option<&str>) -> Option<Followed> {
        let run = fate::run(self.letta, self.gathered.run.as_deref()?).ok()??;
        if !run.is_active() {
            return Some(Followed::Recorded(run.id));
        }
        let began = moment(run.created_at.as_deref()?)?;
        let age = moment(date?)?.duration_since(began).ok()?;
        (age > self.letta.api.gone_ago()?).then_some(Followed::Dead)
    }

    /// What a stream's end means: the turn's own end where one was named before.
    fn ended(&self, error: Option<std::io::Error>) -> Followed {
        if self.gathered.has_ended() {
            return Followed::Over;
        }
        if self.is_late() {
            return Followed::Late;
        }
        let words = error.map(|error| error.to_string());
        Followed::Dropped(words.unwrap_or_else(|| "the stream ended midway".to_owned()))
    }

    /// Opens the stream again after the last event that came.
    fn resume(&self, words: &str) -> Result<Answer> {
        let background = Sent::of(&self.attempt.request).background;
        let Some(run) = self.gathered.run.as_deref().filter(|_| background) else {
            return Err(dropped(words));
        };
        let path = format!("/v1/runs/{run}/stream");
        let seq = self.gathered.seq;
        let body = format!(r#"{{"starting_after":{seq},"include_pings":true}}"#);
        for wait in self.letta.pace.resume {
            thread::sleep(wait);
            if self.letta.api.is_cut() {
                break;
            }
            let answer = self
                .letta
                .api
                .open(Method::POST, &path, Some(&body), self.patience());
            match answer {
                Ok(answer) if answer.is_ok() => return Ok(answer),
                Ok(answer) if answer.status < 500 => break,
                Ok(_) | Err(_) => {}
            }
        }
        Err(dropped(words))
    }

    /// What became of the turn, its stream being over.
    fn judge(self) -> Result<Fate> {
        let run = self.gathered.run.clone();
        let bare = self.gathered.is_bare();
        match self.gathered.verdict() {
            Verdict::Fate(fate) => Ok(fate),
            Verdict::Trouble(what) if bare && what.kind == "internal_error" => {
                troubled(self.letta, self.attempt, run.as_deref(), &what)
            }
            Verdict::Trouble(what) => known(fate::trouble(self.letta, run.as_deref(), &what)),
        }
    }

    /// Ends the run, and looks whether it was faster.
    fn stop(self, code: Code) -> Result<Fate> {
        let run = self.gathered.run.as_deref();
        known(fate::cancel(self.letta, self.attempt, run))?;
        let fate = match run {
            Some(run) => fate::fate_of(self.letta, run),
            None => fate::look_up(self.letta, self.attempt),
        };
        match known(fate)? {
            Fate::Cancelled if code == Code::AgentTimedOut => Ok(Fate::Failed(self.timed_out())),
            Fate::Cancelled => known(fate::trouble(self.letta, run, &gone())),
            Fate::Absent | Fate::Running | Fate::Unknown => Err(dropped(
                "the turn's time is over, and whether it stopped is not known",
            )),
            fate => Ok(fate),
        }
    }

    /// Waits for the end of a turn that cannot be attached to.
    fn watch(self) -> Result<Fate> {
        loop {
            match known(fate::look_up(self.letta, self.attempt))? {
                Fate::Running | Fate::Unknown if self.is_late() => {
                    return self.stop(Code::AgentTimedOut);
                }
                Fate::Running | Fate::Unknown if self.letta.api.is_cut() => {
                    return Err(dropped("stopping"));
                }
                Fate::Running | Fate::Unknown => thread::sleep(self.letta.pace.watch),
                fate => return Ok(fate),
            }
        }
    }

    fn patience(&self) -> Patience {
        let left = self.deadline.saturating_duration_since(Instant::now());
        // Zero would mean no limit.
        let whole = Some(left.max(Duration::from_millis(1)));
        Patience {
            whole,
            silence: self.letta.pace.silence,
        }
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn timed_out(&self) -> Error {
        let seconds = self.letta.turn_timeout.as_secs_f64();
        let words = format!("the agent did not answer within {seconds} s and was stopped");
        Error::new(Code::AgentTimedOut, words)
    }
}

/// A failure inside Letta before the agent did anything: an approval that nobody answered may be the
/// cause. The same bytes would replay it, so that the attempt has failed.
fn troubled(
    letta: &Letta,
    attempt: &Attempt,
    run: Option<&str>,
    what: &ModelTrouble,
) -> Result<Fate> {
    if known(people::deny_pending(letta, &attempt.request.conversation))? {
        let words = "the agent waited for an approval, which was denied now";
        let error = Error::new(Code::AgentBusy, words).after(Duration::from_secs(1));
        return Ok(Fate::Failed(error));
    }
    known(fate::trouble(letta, run, what))
}

/// A question about an attempt that was sent: where it gets no answer, the attempt's fate is unknown.
fn known<T>(answer: Result<T>) -> Result<T> {
    answer.map_err(|error| dropped(error.message()))
}

fn gone() -> ModelTrouble {
    ModelTrouble {
        kind: "server_gone".to_owned(),
        message: "Letta was gone while the agent worked".to_owned(),
        ..ModelTrouble::default()
    }
}

/// Shows what a turn does.
struct Show<'a> {
    progress: &'a mut dyn FnMut(Step),
    last: Option<(Instant, usize)>,
}

impl Show<'_> {
    fn take(&mut self, took: Took, gathered: &Gathered) {
        match took {
            Took::Text => self.text(gathered, false),
            Took::Shows(step) => {
                self.text(gathered, true);
                (self.progress)(step);
            }
            _ => {}
        }
    }

    /// A sign of life: what was held back is shown, or that the agent thinks.
    fn pulse(&mut self, gathered: &Gathered) {
        if gathered.is_bare() {
            (self.progress)(Step::Thinking);
        } else {
            self.text(gathered, true);
        }
    }

    fn text(&mut self, gathered: &Gathered, all: bool) {
        let shown = self.last.map_or(0, |(_, length)| length);
        if self.last.is_some_and(|(at, _)| !all && at.elapsed() < SHOW) {
            return;
        }
        let text = gathered.text();
        if text.len() > shown {
            self.last = Some((Instant::now(), text.len()));
            (self.progress)(Step::Text(text));
        }
    }
}
