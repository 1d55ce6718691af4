//! People with a secret each: a word that stands in their name and in all that they write, and nowhere else.

use std::collections::BTreeSet;

use super::dice::Dice;
use super::telegram::Telegram;

/// The first one's id at Telegram.
const FIRST: i64 = 3_000;

/// A person with a secret.
#[derive(Debug, Clone)]
pub(crate) struct Canary {
    pub(crate) chat: i64,
    pub(crate) secret: String,
}

/// So many people, each with a secret that no other run has.
pub(crate) fn canaries(dice: &mut Dice, people: i64) -> Vec<Canary> {
    let canary = |chat| Canary {
        chat,
        secret: format!("canary-{chat}-{:016x}", dice.below(u64::MAX)),
    };
    (FIRST..FIRST + people).map(canary).collect()
}

/// Whose secrets are in the text.
pub(crate) fn betrayed(canaries: &[Canary], text: &str) -> BTreeSet<i64> {
    let in_it = canaries.iter().filter(|one| text.contains(&one.secret));
    in_it.map(|one| one.chat).collect()
}

impl Canary {
    /// What they write, the `number`-th time.
    pub(crate) fn text(&self, before: &str, number: usize) -> String {
        format!("{before}message {number} of {}", self.secret)
    }

    /// They write `text`, under a name that has the secret in it.
    pub(crate) fn write(&self, telegram: &Telegram, text: &str) {
        let mut message = Telegram::message(self.chat);
        message["from"]["first_name"] = format!("Person {}", self.secret).into();
        message["text"] = text.into();
        telegram.push_message("message", message);
    }
}
