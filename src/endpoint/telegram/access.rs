//! Who may talk to the agent.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::NAME;
use super::settings::{Access, Settings, Who};
use crate::error::Result;
use crate::message::{Sender, Standing};
use crate::shelf::{Keep, Shelf};

/// Where the ids behind usernames are kept.
const DRAWER: &str = "access";

/// The rule, and the ids that usernames turned out to be.
pub(super) struct Door {
    access: Access,
    invited: Vec<Who>,
    shelf: Arc<dyn Shelf>,
    /// Username to id, as on the shelf.
    resolved: Mutex<HashMap<String, String>>,
}

impl Door {
    pub(super) fn new(settings: &Settings, shelf: Arc<dyn Shelf>) -> Self {
        let mut invited = settings.owner.clone();
        if settings.access == Access::Allowlist {
            invited.extend(settings.allow.iter().cloned());
        }
        Self {
            access: settings.access,
            invited,
            shelf,
            resolved: Mutex::default(),
        }
    }

    /// Whether nobody can come in at all.
    pub(super) const fn is_shut(&self) -> bool {
        !matches!(self.access, Access::Open) && self.invited.is_empty()
    }

    /// Whether `sender` may talk. A username counts once: it is bound to the first id that comes with
    /// it, since names change hands.
    pub(super) fn judge(&self, sender: &Sender) -> Result<Standing> {
        let by_id = |who: &Who| matches!(who, Who::Id(id) if id.to_string() == sender.id);
        if self.access == Access::Open || self.invited.iter().any(by_id) {
            return Ok(Standing::Welcome);
        }
        for who in &self.invited {
            if let Who::Name(name) = who
                && self.holder(name, sender)?.as_ref() == Some(&sender.id)
            {
                return Ok(Standing::Welcome);
            }
        }
        Ok(Standing::Stranger)
    }

    /// The id that `name` is bound to, binding it to `sender` where they are the first who bears it.
    fn holder(&self, name: &str, sender: &Sender) -> Result<Option<String>> {
        let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = resolved.get(name) {
            return Ok(Some(id.clone()));
        }
        let bears = |bears: &String| bears.eq_ignore_ascii_case(name);
        let kept = if sender.username.as_ref().is_some_and(bears) && !sender.id.is_empty() {
            let (kept, new) = self.shelf.add(DRAWER, name, &sender.id, Keep::default())?;
            if new {
                log::info!(
                    endpoint = NAME, username = name, user = kept.value.as_str();
                    "the username is bound to this id from now on"
                );
            }
            Some(kept)
        } else {
            self.shelf.get(DRAWER, name)?
        };
        let id = kept.map(|kept| kept.value);
        if let Some(id) = &id {
            resolved.insert(name.to_owned(), id.clone());
        }
        Ok(id)
    }
}
