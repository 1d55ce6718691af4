//! The model of what is said.

use broca::config::Uncertain;

use super::super::history::{CHATS, OfReply, lines, pick};
use super::super::rows::{Conversation, Part, Reply};
use super::{Answer, Model, ReplyHand, Taken};

impl Model {
    pub(super) fn conversation(&mut self, id: i64) -> &mut Conversation {
        &mut self.tables.conversations[usize::try_from(id - 1).expect("they count from 1")]
    }

    fn reply_at(&mut self, id: i64) -> Option<&mut Reply> {
        self.tables.replies.iter_mut().find(|reply| reply.id == id)
    }

    pub(super) fn say(&mut self, to: i64, turn: Option<i64>, kind: &str, text: &str) -> i64 {
        self.last_reply += 1;
        let place = self.conversation(to).clone();
        self.tables.replies.push(Reply {
            id: self.last_reply,
            turn,
            conversation: to,
            endpoint: place.endpoint,
            kind: kind.into(),
            text: text.into(),
            state: if place.reachable { "ready" } else { "parked" }.into(),
            claim: 0,
            failures: 0,
            due: self.now,
            key: None,
            code: None,
            settled: None,
        });
        self.last_reply
    }

    pub(super) fn send(&mut self, chat: usize, key: Option<u8>, count: usize) -> Answer {
        let (endpoint, chat, _) = CHATS[chat];
        let mut places = self.tables.conversations.iter();
        let Some(place) = places.rposition(|one| one.endpoint == endpoint && one.chat == chat)
        else {
            return Answer::Refused("not-found");
        };
        let key = key.map(|key| key.to_string());
        let mut known = self.tables.replies.iter();
        if let Some(known) = known.find(|reply| key.is_some() && reply.key == key) {
            return Answer::Sent(known.id, false);
        }
        let id = self.say(
            i64::try_from(place).expect("few") + 1,
            None,
            "operator",
            &lines(count),
        );
        self.reply_at(id).expect("it was said").key = key;
        Answer::Sent(id, true)
    }

    pub(in super::super) fn next_reply_due(&self) -> Option<i64> {
        let ready = self
            .tables
            .replies
            .iter()
            .filter(|reply| reply.state == "ready");
        ready
            .map(|reply| reply.due)
            .filter(|due| *due > self.now)
            .min()
    }

    pub(super) fn claim_replies(
        &mut self,
        most: usize,
        endpoints: &[&str],
        uncertain: Uncertain,
        once: bool,
    ) -> Answer {
        let all = &self.tables.replies;
        let can = |reply: &&Reply| {
            let ahead = |other: &Reply| other.id < reply.id || other.state == "sending";
            let blocks = |other: &Reply| {
                other.settled.is_none()
                    && other.conversation == reply.conversation
                    && other.id != reply.id
                    && ahead(other)
            };
            let here = endpoints.contains(&reply.endpoint.as_str());
            reply.state == "ready" && reply.due <= self.now && here && !all.iter().any(blocks)
        };
        let chosen: Vec<_> = all
            .iter()
            .filter(can)
            .take(most)
            .map(|reply| reply.id)
            .collect();
        Answer::Replies(
            chosen
                .into_iter()
                .map(|id| self.take_reply(id, uncertain, once))
                .collect(),
        )
    }

    fn take_reply(&mut self, id: i64, uncertain: Uncertain, once: bool) -> Taken {
        let now = self.now;
        let reply = self.reply_at(id).expect("it was chosen");
        (reply.state, reply.claim) = ("sending".into(), reply.claim + 1);
        let (claim, failures, text) = (reply.claim, reply.failures, reply.text.clone());
        if self.tables.parts.iter().any(|part| part.reply == id) {
            let parts = self.tables.parts.iter_mut();
            for part in parts.filter(|part| part.reply == id && part.state == "sending") {
                let skip = uncertain == Uncertain::Skip && !once;
                part.state = if skip { "unknowable" } else { "planned" }.into();
                part.repeats += i32::from(!skip && !once);
            }
        } else {
            if text.is_empty() {
                let reply = self.reply_at(id).expect("it is there");
                reply.settle("failed", Some("endpoint.rejected"), now);
            }
            self.cut(id, &text);
        }
        let next = self.mark_next(id);
        if next.is_none() && !text.is_empty() {
            self.reply_at(id)
                .expect("it is there")
                .settle("said", None, now);
        }
        self.replies.push(ReplyHand {
            reply: id,
            claim,
            next: next.clone(),
        });
        (id, claim, failures, next)
    }

    /// A part for each line.
    fn cut(&mut self, reply: i64, text: &str) {
        let cut = text.lines().zip(0..).map(|(line, place)| Part {
            reply,
            place,
            payload: line.into(),
            state: "planned".into(),
            repeats: 0,
            receipt: None,
        });
        let parts = &mut self.tables.parts;
        parts.extend(cut);
        parts.sort_by_key(|part| (part.reply, part.place));
    }

    /// Marks the first part that is planned as being sent.
    fn mark_next(&mut self, reply: i64) -> Option<(i32, String)> {
        let mut parts = self.tables.parts.iter_mut();
        let part = parts.find(|part| part.reply == reply && part.state == "planned")?;
        part.state = "sending".into();
        Some((part.place, part.payload.clone()))
    }

    pub(super) fn reply(&mut self, index: usize, done: &OfReply) -> Answer {
        let Some(place) = pick(self.replies.len(), index) else {
            return Answer::Nothing;
        };
        let hand = self.replies[place].clone();
        let now = self.now;
        if matches!(done, OfReply::Said) {
            let next = self.said(&hand);
            self.replies[place].next.clone_from(&next);
            return Answer::Next(next);
        }
        let Some(reply) = self
            .reply_at(hand.reply)
            .filter(|reply| reply.is_sent_by(&hand))
        else {
            return Answer::Nothing;
        };
        let to = reply.conversation;
        match done {
            OfReply::Failed => reply.settle("failed", Some("endpoint.rejected"), now),
            OfReply::PutBack {
                counts, seconds, ..
            } => {
                reply.failures += i32::from(*counts);
                reply.due = now + i64::try_from(*seconds * 1000).expect("small");
                reply.back("endpoint.unreachable");
            }
            OfReply::Park => {
                reply.due = now;
                reply.back("endpoint.blocked");
                self.park(to);
            }
            OfReply::Said => unreachable!("said above"),
        }
        if !matches!(done, OfReply::PutBack { sure: false, .. }) {
            let sending = self
                .tables
                .parts
                .iter_mut()
                .filter(|part| part.reply == hand.reply && part.state == "sending");
            sending.for_each(|part| part.state = "planned".into());
        }
        Answer::Nothing
    }

    fn said(&mut self, hand: &ReplyHand) -> Option<(i32, String)> {
        let now = self.now;
        let (place, _) = hand.next.as_ref()?;
        self.reply_at(hand.reply)
            .filter(|reply| reply.is_sent_by(hand))?;
        let mut parts = self.tables.parts.iter_mut();
        let part = parts.find(|part| part.reply == hand.reply && part.place == *place)?;
        (part.state, part.receipt) = ("said".into(), Some("1".into()));
        let next = self.mark_next(hand.reply);
        if next.is_none() {
            self.reply_at(hand.reply)?.settle("said", None, now);
        }
        next
    }

    pub(super) fn park(&mut self, conversation: i64) {
        self.conversation(conversation).reachable = false;
        let all = self.tables.replies.iter_mut();
        let waiting =
            all.filter(|reply| reply.conversation == conversation && reply.state == "ready");
        waiting.for_each(|reply| reply.state = "parked".into());
    }

    pub(super) fn unpark(&mut self, conversation: i64) {
        self.conversation(conversation).reachable = true;
        let now = self.now;
        let all = self.tables.replies.iter_mut();
        let parked =
            all.filter(|reply| reply.conversation == conversation && reply.state == "parked");
        parked.for_each(|reply| {
            (reply.state, reply.due, reply.code) = ("ready".into(), now, None);
        });
    }
}

impl Reply {
    fn is_sent_by(&self, hand: &ReplyHand) -> bool {
        self.state == "sending" && self.claim == hand.claim
    }

    fn settle(&mut self, state: &str, code: Option<&str>, now: i64) {
        (self.state, self.code, self.settled) = (state.into(), code.map(Into::into), Some(now));
    }

    fn back(&mut self, code: &str) {
        (self.state, self.code) = ("ready".into(), Some(code.into()));
    }
}
