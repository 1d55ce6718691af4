//! What a new configuration changes, and what of it waits for a restart.

use super::Config;

/// Keys that are read once, at the start. All others apply while running.
pub const AT_START: &[&str] = &[
    "database.url",
    "database.pool_size",
    "http.listen",
    "agent.isolation",
];

impl Config {
    /// The keys whose values differ from `old`, sorted.
    pub fn changed_keys(&self, old: &Self) -> Vec<String> {
        let keys = self.values.keys().chain(old.values.keys());
        let changed = keys.filter(|key| self.values.get(*key) != old.values.get(*key));
        let mut changed: Vec<_> = changed.cloned().collect();
        changed.sort();
        changed.dedup();
        changed
    }

    /// Those of [`Self::changed_keys`] that take effect only after a restart.
    pub fn needs_restart(&self, old: &Self) -> Vec<String> {
        let mut changed = self.changed_keys(old);
        changed.retain(|key| AT_START.contains(&key.as_str()));
        changed
    }

    /// This configuration, with the values of [`AT_START`] as they are in `running`.
    #[must_use]
    pub fn as_started(mut self, running: &Self) -> Self {
        self.database = running.database.clone();
        self.http = running.http.clone();
        self.agent.isolation = running.agent.isolation;
        for key in AT_START {
            match running.values.get(*key) {
                Some(value) => self.values.insert((*key).to_owned(), value.clone()),
                None => self.values.remove(*key),
            };
        }
        self
    }
}
