//! The model of turns that wait, and of a new daemon.

use broca::store::queue::lane;

use super::super::rows::Turn;
use super::{Answer, GIVE_UP_AFTER, Model, NOTICE_AFTER};

/// The longest backoff, after which a new daemon tries again.
const LONGEST: i64 = 300_000;

impl Model {
    pub(super) fn take_over(&mut self, wide: bool) -> Answer {
        let (now, mut left) = (self.now, 0);
        let attempts = &self.tables.attempts;
        for turn in self.tables.turns.iter_mut().filter(|turn| turn.is_open()) {
            if turn.state == "running" {
                turn.held = super::has_open(attempts, turn.id);
                (turn.state, turn.due, left) = ("ready".into(), now, left + 1);
            }
            turn.due = turn.due.min(now + LONGEST);
            if turn.mode == "live" {
                turn.lane = lane(turn.conversation, wide);
            }
        }
        for reply in self
            .tables
            .replies
            .iter_mut()
            .filter(|reply| reply.settled.is_none())
        {
            if reply.state == "sending" {
                reply.state = "ready".into();
            }
            reply.due = reply.due.min(now + LONGEST);
        }
        Answer::Count(left)
    }

    /// Waiting turns that are at least so old.
    fn waiting(&self, seconds: u64) -> Vec<Turn> {
        let latest = self.now - i64::try_from(seconds * 1000).expect("small");
        let waits = |turn: &&Turn| turn.state == "ready" && turn.created <= latest;
        self.tables.turns.iter().filter(waits).cloned().collect()
    }

    pub(super) fn notice(&mut self, paused: bool) -> Answer {
        let mut told = 0;
        for turn in self.waiting(NOTICE_AFTER) {
            if turn.noticed.is_some() || turn.mode != "live" || (turn.code.is_none() && !paused) {
                continue;
            }
            let mut others = self.tables.turns.iter();
            let known = others.any(|one| {
                one.is_open() && one.conversation == turn.conversation && one.noticed.is_some()
            });
            self.at(turn.id).expect("it waits").noticed = Some(self.now);
            if !known {
                told += 1;
                self.say(turn.conversation, None, "notice", "kept");
            }
        }
        Answer::Count(told)
    }

    pub(super) fn expire(&mut self) -> Answer {
        let old = self.waiting(GIVE_UP_AFTER);
        for turn in &old {
            let now = self.now;
            self.at(turn.id)
                .expect("it waits")
                .settle("failed", Some("turn.expired"), now);
            let mut attempts = self.tables.attempts.iter();
            let open = attempts
                .find(|one| one.turn == turn.id && one.state == "open")
                .map(|one| one.body.clone());
            self.end(open.as_ref(), "failed", Some("turn.expired"));
            self.say(turn.conversation, Some(turn.id), "error", "late");
        }
        Answer::Ids(old.iter().map(|turn| turn.id).collect())
    }
}
