//! Where a conversation is found: by its own id, or as the default one of the agent.

/// A conversation of an agent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) conversation: &'a str,
    pub(super) agent: &'a str,
}

impl Place<'_> {
    /// Whether it is the agent's default one, which all share.
    pub(super) fn is_default(&self) -> bool {
        self.conversation == super::DEFAULT
    }

    /// The path of `what` of it.
    pub(super) fn path(&self, what: &str) -> String {
        format!("/v1/conversations/{}/{what}", self.conversation)
    }

    /// The path of `what` of it, the agent named in the query where its id does not say it; further
    /// parameters may follow.
    pub(super) fn query(&self, what: &str) -> String {
        let path = self.path(what);
        if self.is_default() {
            format!("{path}?agent_id={}&", self.agent)
        } else {
            format!("{path}?")
        }
    }
}
