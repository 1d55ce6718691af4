//! A visitor of the real binary's web chat.

use broca::http::{Answer, Call, Http};
use serde_json::{Value, json};

use super::chat::{Event, PATIENCE, events};

/// A visitor.
pub(crate) struct Web {
    base: String,
    http: Http,
    token: String,
}

impl Web {
    /// Someone without a session.
    pub(crate) fn stranger(base: &str) -> Self {
        Self {
            base: base.to_owned(),
            http: Http::new(4),
            token: String::new(),
        }
    }

    /// Someone with a new session.
    pub(crate) fn visit(base: &str) -> Self {
        let mut web = Self::stranger(base);
        let answer = web.call("POST", "/api/v1/sessions", &[], None);
        assert_eq!(answer.status, 201);
        let body: Value = answer.json().expect("JSON");
        body["token"]
            .as_str()
            .expect("a token")
            .clone_into(&mut web.token);
        web
    }

    /// Any request.
    pub(crate) fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let url = format!("{}{path}", self.base);
        let mut all: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        if !self.token.is_empty() {
            all.push(("authorization", format!("Bearer {}", self.token)));
        }
        let call = Call {
            method: method.parse().expect("a method"),
            url: &url,
            headers: all,
            json: body,
            patience: PATIENCE,
        };
        self.http.send(&call).expect("the server answers")
    }

    /// Posts a message; gives whether it is new.
    pub(crate) fn post(&self, key: &str, text: &str) -> bool {
        let body = json!({ "text": text, "key": key }).to_string();
        let answer = self.call("POST", "/api/v1/messages", &[], Some(&body));
        assert_eq!(answer.status, 202);
        let body: Value = answer.json().expect("JSON");
        body["fresh"] == true
    }

    /// The session's events after `after`, as they come.
    pub(crate) fn events(&self, after: i64) -> impl Iterator<Item = Event> + Send + use<> {
        let after = after.to_string();
        let answer = self.call("GET", "/api/v1/events", &[("last-event-id", &after)], None);
        assert_eq!(answer.status, 200);
        events(answer)
    }
}
