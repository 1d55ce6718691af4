//! Takes the same steps on a store.

use std::time::Duration;

use broca::error::{Code, Result};
use broca::exchange::{Attempt, Request};
use broca::message::{Address, Content, Cursor, Inbound, Join, Outcome, Receipt, Sender, Standing};
use broca::store::accept::{Entry, Rules, Wish, accept};
use broca::store::change::{self, Change, Recipient};
use broca::store::queue::{self, AttemptEnd, AttemptState, Ending, PutBack};
use broca::store::state::ReplyState;
use broca::store::{Conn, outbox};
use broca::time::Timestamp;

use super::history::{CHATS, Item, OfReply, OfTurn, PEOPLE, Step, What, lines, pick};
use super::plain::{Answer, GIVE_UP_AFTER, Given, Model, NOTICE_AFTER, QUIET};
use crate::support::database;

/// The workers' side: what they got from the store.
#[derive(Default)]
pub(super) struct Driver {
    turns: Vec<(queue::Claimed, Option<Attempt>)>,
    replies: Vec<outbox::Claimed>,
    steps: usize,
}

impl Driver {
    /// Takes a step, in one transaction. `model` is as it was before, for what a step means by its indexes.
    pub(super) fn step(&mut self, conn: &mut Conn, step: &Step, model: &Model) -> Result<Answer> {
        self.steps += 1;
        let now = Timestamp(model.now);
        match step {
            Step::Receive(items, mode, wide) => {
                let rules = Rules {
                    mode: *mode,
                    agent_wide: *wide,
                    now,
                };
                let entries: Vec<_> = items.iter().map(entry).collect();
                let cursor = Cursor(self.steps.to_string());
                let done = accept(conn, "telegram", "bot", &entries, Some(&cursor), &rules)?;
                Ok(Answer::Accepted(
                    done.outcomes.iter().map(word).collect(),
                    done.to_stop,
                ))
            }
            Step::Claim {
                most,
                live,
                endpoints,
                begin,
            } => {
                let endpoints = endpoints.iter().map(ToString::to_string).collect();
                let scope = queue::Scope {
                    endpoints,
                    live: *live,
                    ..database::scope(now)
                };
                self.claim(conn, *most, &scope, *begin)
            }
            Step::Turn(hand, done) => self.turn(conn, *hand, done, now),
            Step::TakeOver { wide } => queue::take_over(conn, *wide, now).map(Answer::Count),
            Step::Notice { paused } => queue::notice(
                conn,
                Duration::from_secs(NOTICE_AFTER),
                *paused,
                "kept",
                now,
            )
            .map(Answer::Count),
            Step::Expire => queue::expire(
                conn,
                Duration::from_secs(GIVE_UP_AFTER),
                &|_| "late".to_owned(),
                now,
            )
            .map(Answer::Ids),
            Step::ClaimReplies {
                most,
                endpoints,
                uncertain,
                once,
            } => {
                let scope = outbox::Scope {
                    endpoints: endpoints.iter().map(ToString::to_string).collect(),
                    render: &database::lines,
                    shows_once: &|_| *once,
                    uncertain: *uncertain,
                    now,
                };
                self.claim_replies(conn, *most, &scope)
            }
            Step::Reply(hand, done) => self.reply(conn, *hand, done, now),
            Step::Pass { .. } => Ok(Answer::Nothing),
            _ => Ok(change(conn, &change_of(step, model), now)),
        }
    }

    fn claim(
        &mut self,
        conn: &mut Conn,
        most: usize,
        scope: &queue::Scope,
        begin: bool,
    ) -> Result<Answer> {
        let steps = self.steps;
        let compose = |one: &queue::Claimed| begin.then(|| request(one.turn, one.claim, steps));
        let most = i64::try_from(most).expect("few");
        let claimed = queue::claim(conn, most, scope, &compose)?;
        let given = claimed.iter().map(|one| Given {
            turn: one.turn,
            claim: one.claim,
            barren: one.barren,
            failures: one.failures,
            stop_asked: one.stop_asked,
            said: one.said.iter().map(|said| said.text.clone()).collect(),
            open: one
                .open
                .as_ref()
                .map(|attempt| attempt.request.body.clone()),
            begun: one
                .begun
                .as_ref()
                .map(|attempt| attempt.request.body.clone()),
        });
        let given = given.collect();
        for one in claimed {
            let attempt = one.open.clone().or_else(|| one.begun.clone());
            self.turns.push((one, attempt));
        }
        Ok(Answer::Turns(given))
    }

    fn turn(
        &mut self,
        conn: &mut Conn,
        index: usize,
        done: &OfTurn,
        now: Timestamp,
    ) -> Result<Answer> {
        let Some(place) = pick(self.turns.len(), index) else {
            return Ok(Answer::Nothing);
        };
        let (claimed, attempt) = &mut self.turns[place];
        let failed = || Some((Code::AgentFailed, "it failed".to_owned()));
        let end = |how, error| {
            attempt.as_ref().map(|one| AttemptEnd {
                id: one.id,
                how,
                error,
            })
        };
        let answered = end(AttemptState::Answered, None);
        let (ended, ending) = match done {
            OfTurn::Begin(texts) => {
                let next = request(claimed.turn, claimed.claim, self.steps);
                let said = vec![lines(1); *texts];
                let begun = match answered {
                    Some(end) => queue::next_attempt(conn, claimed, &end, &said, &next, now)?,
                    None => queue::begin(conn, claimed.turn, claimed.claim, &next, now)?,
                };
                let mine = begun.is_some();
                *attempt = begun.or(attempt.take());
                return Ok(Answer::Mine(mine));
            }
            OfTurn::PutBack {
                seconds,
                counts,
                unknown,
            } => {
                let unknown = *unknown && attempt.is_some();
                let back = PutBack {
                    due: now.plus(Duration::from_secs(*seconds)),
                    ended: end(AttemptState::Failed, failed()).filter(|_| !unknown),
                    counts: *counts,
                    held: unknown,
                    error: failed().filter(|_| *counts),
                };
                return queue::put_back(conn, claimed, &back, now).map(Answer::Mine);
            }
            OfTurn::Release => {
                queue::release(conn, claimed.turn, claimed.claim, now)?;
                return Ok(Answer::Nothing);
            }
            OfTurn::Replied(texts) => (
                answered,
                Ending::Replied(texts.iter().map(|count| lines(*count)).collect()),
            ),
            OfTurn::Silent => (answered, Ending::Silent),
            OfTurn::Failed => {
                let ending = Ending::Failed(Code::AgentFailed, "it failed".into(), "sorry".into());
                (end(AttemptState::Failed, failed()), ending)
            }
            OfTurn::Stopped => (
                end(AttemptState::Cancelled, None),
                Ending::Stopped("stopped".into()),
            ),
        };
        queue::settle(conn, claimed, ended.as_ref(), &ending, now).map(Answer::Mine)
    }

    fn claim_replies(
        &mut self,
        conn: &mut Conn,
        most: usize,
        scope: &outbox::Scope<'_>,
    ) -> Result<Answer> {
        let claimed = outbox::claim(conn, i64::try_from(most).expect("few"), scope)?;
        let given = claimed
            .iter()
            .map(|one| (one.reply, one.claim, one.failures, next(one)));
        let given = given.collect();
        self.replies.extend(claimed);
        Ok(Answer::Replies(given))
    }

    fn reply(
        &mut self,
        conn: &mut Conn,
        index: usize,
        done: &OfReply,
        now: Timestamp,
    ) -> Result<Answer> {
        let Some(place) = pick(self.replies.len(), index) else {
            return Ok(Answer::Nothing);
        };
        let claimed = &mut self.replies[place];
        match done {
            OfReply::Said => {
                let receipt = Receipt(Some("1".to_owned()));
                *claimed = outbox::said(conn, claimed.clone(), &receipt, now)?;
                return Ok(Answer::Next(next(claimed)));
            }
            OfReply::Failed => {
                let error = Some((Code::EndpointRejected, "no"));
                outbox::finish(conn, claimed, ReplyState::Failed, error, now)?;
            }
            OfReply::PutBack {
                sure,
                counts,
                seconds,
            } => {
                let (due, error) = (
                    now.plus(Duration::from_secs(*seconds)),
                    (Code::EndpointUnreachable, "away"),
                );
                outbox::put_back(conn, claimed, *sure, *counts, due, Some(error))?;
            }
            OfReply::Park => {
                outbox::park_claimed(conn, claimed, (Code::EndpointBlocked, "gone"), now)?;
            }
        }
        Ok(Answer::Nothing)
    }
}

fn next(claimed: &outbox::Claimed) -> Option<(i32, String)> {
    let (place, part) = claimed.next.as_ref()?;
    Some((i32::try_from(*place).expect("few"), part.0.clone()))
}

fn request(turn: i64, claim: i64, step: usize) -> Request {
    let body = format!("{turn} by {claim} in step {step}");
    Request {
        body,
        ..database::request(turn)
    }
}

fn change_of(step: &Step, model: &Model) -> Change {
    match step {
        Step::Retry { turn, mode, wide } => Change::Retry {
            turn: model.named(*turn),
            mode: *mode,
            agent_wide: *wide,
        },
        Step::Cancel(turn) => Change::Cancel {
            turn: model.named(*turn),
        },
        Step::Delete(turn) => Change::Delete {
            turn: model.named(*turn),
        },
        Step::Activate { person, active } => Change::Activate {
            person: i64::try_from(*person).expect("few") + 1,
            active: *active,
        },
        Step::Send {
            chat,
            key,
            lines: count,
        } => {
            let (endpoint, chat, _) = CHATS[*chat];
            let to = Recipient::Chat {
                endpoint: endpoint.into(),
                chat: chat.into(),
            };
            Change::Send {
                to,
                text: lines(*count),
                key: key.map(|key| key.to_string()),
                dry_run: false,
            }
        }
        _ => Change::Flush,
    }
}

fn change(conn: &mut Conn, change: &Change, now: Timestamp) -> Answer {
    match change::apply(conn, change, now) {
        Err(error) => Answer::Refused(error.code.as_str()),
        Ok(done) => {
            let (reply, fresh) = (&done.report["reply"], &done.report["fresh"]);
            if let (Some(reply), Some(fresh)) = (reply.as_i64(), fresh.as_bool()) {
                return Answer::Sent(reply, fresh);
            }
            let mut ids = done.to_stop;
            ids.sort_unstable();
            Answer::Ids(ids)
        }
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::New => "new",
        Outcome::Seen => "seen",
        Outcome::Refused(error) | Outcome::Failed(error) => error.code.as_str(),
    }
}

fn entry(item: &Item) -> Entry {
    let (endpoint, chat, thread) = CHATS[item.chat];
    let join = Join {
        key: "album".to_owned(),
        quiet_ms: QUIET,
    };
    let text = |text: u8| format!("text {text}");
    let wish = match &item.what {
        What::Text {
            text: number,
            join: joins,
        } => Wish::Turn {
            text: text(*number),
            join: Some(join).filter(|_| *joins),
        },
        What::Edit { of, text: number } => Wish::Edit {
            of: of.to_string(),
            text: text(*number),
        },
        What::Command => Wish::Command {
            reply: "help".to_owned(),
        },
        What::Status => Wish::Status {
            head: "status".to_owned(),
        },
        What::Stop => Wish::Stop,
        What::Reachable(reachable) => Wish::Reachable(*reachable),
        What::Keep => Wish::Keep,
        What::Refuse { tell } => Wish::Refuse {
            notice: tell.then(|| "no".to_owned()),
        },
    };
    let inbound = Inbound {
        key: item.key.to_string(),
        address: Address {
            endpoint: endpoint.to_owned(),
            account: "bot".to_owned(),
            chat: chat.to_owned(),
            thread: Some(thread.to_owned()).filter(|thread| !thread.is_empty()),
        },
        from: Sender {
            id: PEOPLE[item.from].to_owned(),
            ..Sender::default()
        },
        standing: Standing::Welcome,
        content: Content::Text(String::new()),
        raw: None,
        join: None,
    };
    Entry { inbound, wish }
}
