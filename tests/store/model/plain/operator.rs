//! The model of what the operator changes.

use broca::config::Mode;
use broca::store::queue::lane;
use broca::store::state::mode_text;

use super::super::rows::Turn;
use super::{Answer, Model};

impl Model {
    pub(super) fn retry(&mut self, id: i64, mode: Mode, wide: bool) -> Answer {
        let now = self.now;
        let Some(turn) = self.at(id) else {
            return Answer::Refused("not-found");
        };
        if turn.is_open() || mode == Mode::Listen {
            return Answer::Refused("wrong-state");
        }
        turn.lane = lane(turn.conversation, wide && mode == Mode::Live);
        (turn.state, turn.mode) = ("ready".into(), mode_text(mode).into());
        (turn.failures, turn.barren, turn.stop_asked) = (0, 0, false);
        (turn.due, turn.created) = (now, now);
        (turn.noticed, turn.code, turn.settled) = (None, None, None);
        Answer::Ids(vec![])
    }

    pub(super) fn cancel(&mut self, id: i64) -> Answer {
        match self.at(id) {
            None => Answer::Refused("not-found"),
            Some(turn) if !turn.is_open() => Answer::Refused("wrong-state"),
            Some(_) => {
                self.stop(id);
                Answer::Ids(vec![id])
            }
        }
    }

    pub(super) fn flush(&mut self) -> Answer {
        let waiting: Vec<_> = self
            .tables
            .turns
            .iter()
            .filter(|turn| turn.state == "ready")
            .map(|turn| turn.id)
            .collect();
        for id in waiting {
            self.stop(id);
        }
        Answer::Ids(vec![])
    }

    fn stop(&mut self, id: i64) {
        let to = self.at(id).expect("it is there").conversation;
        if self.ask_stop(id, "stopped", "turn.stopped") {
            let words = "The operator stopped this message before it was answered.";
            self.say(to, Some(id), "notice", words);
        }
    }

    pub(super) fn delete(&mut self, id: i64) -> Answer {
        let Some(turn) = self.at(id).cloned() else {
            return Answer::Refused("not-found");
        };
        let tables = &mut self.tables;
        let unsaid = tables
            .replies
            .iter()
            .any(|reply| reply.turn == Some(id) && reply.settled.is_none());
        if turn.is_open() || unsaid {
            return Answer::Refused("wrong-state");
        }
        let gone = |reply: i64| {
            tables
                .replies
                .iter()
                .any(|one| one.id == reply && one.turn == Some(id))
        };
        tables.parts.retain(|part| !gone(part.reply));
        tables.replies.retain(|reply| reply.turn != Some(id));
        tables.attempts.retain(|attempt| attempt.turn != id);
        tables.messages.retain(|message| message.turn != Some(id));
        tables.turns.retain(|turn| turn.id != id);
        Answer::Ids(vec![])
    }

    pub(super) fn activate(&mut self, person: usize, active: bool) -> Answer {
        let Some(row) = self.tables.people.get_mut(person) else {
            return Answer::Refused("not-found");
        };
        *row = active;
        // Each person here has one profile, of the same number.
        let of_person =
            |turn: &&Turn| turn.is_open() && usize::try_from(turn.profile) == Ok(person + 1);
        let open: Vec<_> = self
            .tables
            .turns
            .iter()
            .filter(of_person)
            .map(|turn| turn.id)
            .collect();
        let mut at_work = Vec::new();
        for id in open.into_iter().filter(|_| !active) {
            if !self.ask_stop(id, "refused", "access.inactive") {
                at_work.push(id);
            }
        }
        Answer::Ids(at_work)
    }
}
