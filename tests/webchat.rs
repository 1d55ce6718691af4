//! Web chat and terminal over HTTP, against a stand-in for the stages.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use broca::error::{Code, Error};
use broca::http::Answer;
use broca::message::{Batch, Outcome, ReplyKind, Step};
use broca::shelf::Shelf;
use serde_json::{Value, json};

use crate::support::chat::{Event, Running, events, text_of};
use crate::support::shelf::MemoryShelf;

mod bodies;
mod door;

fn code_of(answer: Answer) -> (u16, String) {
    let status = answer.status;
    let body: Value = answer.json().expect("every error is JSON");
    assert!(
        body["message"].is_string() && body["hint"].is_string(),
        "{body}"
    );
    (status, body["code"].as_str().expect("a code").to_owned())
}

fn problem(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn texts(events: &[Event]) -> Vec<&str> {
    let texts = events.iter().map(|event| event.data["text"].as_str());
    texts.map(Option::unwrap_or_default).collect()
}

#[test]
fn a_message_is_answered_and_both_are_shown_in_order() {
    let running = Running::start("webchat", "");
    running.echo();
    let token = running.session();
    let answer = running.post(&token, "k1", "hello");
    assert_eq!(answer.status, 202);
    let body: Value = answer.json().expect("JSON");
    assert_eq!(body, json!({ "key": "k1", "fresh": true }));
    let shown: Vec<_> = running.events(&token, 0).take(2).collect();
    assert_eq!(texts(&shown), ["hello", "hello"]);
    assert_eq!(shown[0].data["role"], "user");
    assert_eq!(shown[0].data["key"], "k1");
    assert_eq!(shown[1].data["role"], "agent");
    assert_eq!(
        shown[1].data["id"],
        shown[1].id.expect("a message has an id")
    );
}

#[test]
fn a_repeat_is_taken_once_and_shown_once() {
    let running = Running::start("webchat", "");
    running.echo();
    let token = running.session();
    for fresh in [true, false, false] {
        let body: Value = running.post(&token, "same", "once").json().expect("JSON");
        assert_eq!(body["fresh"], fresh);
    }
    running.post(&token, "last", "end");
    let shown: Vec<_> = running.events(&token, 0).take(4).collect();
    assert_eq!(texts(&shown), ["once", "once", "end", "end"]);
}

#[test]
fn a_message_is_acknowledged_only_once_it_is_stored() {
    let running = Running::start("webchat", "");
    let token = running.session();
    let (sender, answered) = mpsc::channel();
    let poster = Arc::clone(&running);
    let waiting = std::thread::spawn(move || {
        let status = poster.post(&token, "k", "hello").status;
        sender.send(status).expect("the test waits");
    });
    let endpoint = &running.endpoint;
    let batch = endpoint.receive(None).expect("it never fails");
    assert_eq!(endpoint.receive(None).expect("it never fails"), batch);
    assert!(answered.try_recv().is_err(), "nothing is stored yet");
    endpoint.settled(&batch, &[Outcome::New]);
    assert_eq!(answered.recv().expect("answered"), 202);
    waiting.join().expect("no panic");
}

#[test]
fn what_is_not_stored_is_refused_and_not_shown() {
    let running = Running::start("webchat", "");
    let token = running.session();
    let settle = |code: Code, wrap: fn(Error) -> Outcome, key: &'static str| {
        let (poster, token) = (Arc::clone(&running), token.clone());
        let waiting = std::thread::spawn(move || code_of(poster.post(&token, key, "hello")));
        let batch = running.endpoint.receive(None).expect("it never fails");
        let outcome = wrap(Error::new(code, "for a reason"));
        running.endpoint.settled(&batch, &[outcome]);
        waiting.join().expect("no panic")
    };
    let refused = settle(Code::AccessInactive, Outcome::Refused, "a");
    assert_eq!(refused, problem(403, "access.inactive"));
    let failed = settle(Code::StoreFailed, Outcome::Failed, "b");
    assert_eq!(failed, problem(503, "store.failed"));
    assert_eq!(history(&running, &token, ""), Vec::<String>::new());
}

fn history(running: &Running, token: &str, query: &str) -> Vec<String> {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let answer = running.call("GET", &format!("/api/v1/history{query}"), &headers, None);
    let body: Value = answer.json().expect("JSON");
    let messages = body["messages"].as_array().expect("a list").iter();
    let texts = messages.map(|message| message["text"].as_str().expect("a text"));
    texts.map(str::to_owned).collect()
}

#[test]
fn a_stream_resumes_without_loss_or_doubles() {
    let running = Running::start("webchat", "rate = 6000");
    running.play(|me, inbound| {
        me.progress(inbound, 1, Step::Text("partial".into()));
        me.reply(
            inbound,
            &format!("re {}", text_of(inbound)),
            ReplyKind::Answer,
        );
    });
    let token = running.session();
    let (poster, from) = (Arc::clone(&running), token.clone());
    let posting = std::thread::spawn(move || {
        for n in 0..40 {
            while poster.post(&from, &n.to_string(), &n.to_string()).status != 202 {}
        }
    });
    let (mut last, mut shown) = (0, Vec::new());
    while shown.len() < 80 {
        let stream = running.events(&token, last);
        let messages = stream.filter(|event| event.name == "message");
        let some: Vec<_> = messages.take((80 - shown.len()).min(7)).collect();
        last = some.last().and_then(|event| event.id).expect("an id");
        shown.extend(some);
    }
    posting.join().expect("no panic");
    let expected = (0..40).flat_map(|n| [format!("{n}"), format!("re {n}")]);
    assert_eq!(texts(&shown), expected.collect::<Vec<_>>());
}

#[test]
fn progress_is_told_live_and_not_kept() {
    let running = Running::start("webchat", "");
    let (told, tell) = mpsc::channel::<()>();
    running.play(move |me, inbound| {
        tell.recv().expect("the test tells");
        me.progress(inbound, 7, Step::Thinking);
        me.progress(inbound, 7, Step::Text("so far".into()));
        me.progress(inbound, 7, Step::Over);
    });
    let token = running.session();
    let mut live = running.events(&token, 0);
    running.post(&token, "k", "hi");
    assert_eq!(live.next().expect("the own message").name, "message");
    told.send(()).expect("it waits");
    let steps: Vec<_> = live.take(3).map(|event| (event.id, event.data)).collect();
    let expected = [
        json!({ "turn": 7, "step": "thinking" }),
        json!({ "turn": 7, "step": "text", "value": "so far" }),
        json!({ "turn": 7, "step": "over" }),
    ];
    assert_eq!(steps, expected.map(|data| (None, data)));
    assert_eq!(history(&running, &token, ""), ["hi"]);
}

#[test]
fn one_session_never_sees_another() {
    let running = Running::start("webchat", "");
    running.echo();
    let (mine, theirs) = (running.session(), running.session());
    running.post(&mine, "k", "my secret");
    running.post(&theirs, "k", "something else");
    let shown: Vec<_> = running.events(&theirs, 0).take(2).collect();
    assert_eq!(texts(&shown), ["something else", "something else"]);
    assert!(!history(&running, &theirs, "").contains(&"my secret".to_owned()));
    // The session's id, which is in addresses and logs, opens nothing.
    let answer = running.call("POST", "/api/v1/sessions", &[], None);
    let body: Value = answer.json().expect("JSON");
    let bearer = format!("Bearer {}", body["session"].as_str().expect("an id"));
    let headers = [("authorization", bearer.as_str())];
    let answer = running.call("GET", "/api/v1/events", &headers, None);
    assert_eq!(code_of(answer), problem(401, "request.unauthorized"));
}

#[test]
fn tokens_are_not_on_the_shelf() {
    let shelf = Arc::new(MemoryShelf::default());
    let running = Running::start_on("webchat", "", Arc::clone(&shelf) as Arc<dyn Shelf>);
    let token = running.session();
    for drawer in ["tokens", "sessions"] {
        let rows = shelf.after(drawer, 0, 10).expect("in memory");
        assert_eq!(rows.len(), 1);
        assert!(!format!("{rows:?}").contains(&token));
    }
}

#[test]
fn a_forgotten_session_is_gone_with_its_messages_and_streams() {
    let shelf = Arc::new(MemoryShelf::default());
    let running = Running::start_on("webchat", "", Arc::clone(&shelf) as Arc<dyn Shelf>);
    let (inbounds, inbound) = mpsc::channel();
    running.play(move |_, inbound| inbounds.send(inbound.clone()).expect("the test waits"));
    let token = running.session();
    running.post(&token, "k", "hi");
    let inbound = inbound.recv().expect("it was stored");
    let stream = running.events(&token, 0);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let answer = running.call("DELETE", "/api/v1/sessions/current", &headers, None);
    assert_eq!(answer.status, 204);
    assert!(stream.count() <= 1, "the stream ends");
    let drawer = format!("feed/{}", inbound.address.chat);
    assert_eq!(shelf.after(&drawer, 0, 10).expect("in memory"), []);
    let answer = running.post(&token, "l", "hi");
    assert_eq!(code_of(answer), problem(401, "request.unauthorized"));
    let late = running.send(&inbound, 1, "late", ReplyKind::Answer);
    assert_eq!(
        late.expect_err("nobody is there").code,
        Code::EndpointBlocked
    );
}

#[test]
fn a_part_sent_again_is_shown_once() {
    let running = Running::start("webchat", "");
    running.play(|me, inbound| {
        for _ in 0..3 {
            me.send(inbound, 5, "answer", ReplyKind::Answer)
                .expect("it is sent");
        }
        me.send(inbound, 6, "end", ReplyKind::Notice)
            .expect("it is sent");
    });
    assert!(running.endpoint.shows_once());
    let token = running.session();
    running.post(&token, "k", "hi");
    let shown: Vec<_> = running.events(&token, 0).take(3).collect();
    assert_eq!(texts(&shown), ["hi", "answer", "end"]);
}

#[test]
fn the_history_is_read_in_pages() {
    let running = Running::start("webchat", "rate = 6000");
    running.play(|_, _| {});
    let token = running.session();
    for n in 0..10 {
        running.post(&token, &n.to_string(), &n.to_string());
    }
    assert_eq!(history(&running, &token, "?limit=3"), ["7", "8", "9"]);
    let ids: Vec<_> = running
        .events(&token, 0)
        .take(10)
        .filter_map(|event| event.id)
        .collect();
    let before = format!("?limit=3&before={}", ids[7]);
    assert_eq!(history(&running, &token, &before), ["4", "5", "6"]);
    let after = format!("?limit=2&after={}", ids[1]);
    assert_eq!(history(&running, &token, &after), ["2", "3"]);
}

#[test]
fn the_page_learns_what_is_behind_it() {
    let running = Running::start("webchat", "title = \"Help desk\"");
    running
        .server
        .set_about(json!({ "mode": "echo", "agent": false }));
    let about: Value = running
        .call("GET", "/api/v1/about", &[], None)
        .json()
        .expect("JSON");
    assert_eq!(about["mode"], "echo");
    assert_eq!(about["agent"], false);
    assert_eq!(about["title"], "Help desk");
    assert_eq!(about["access"], "local");
}

#[test]
fn the_stop_ends_streams_and_waiting_posts_at_once() {
    let running = Running::start("webchat", "");
    let token = running.session();
    let stream = running.events(&token, 0);
    let poster = Arc::clone(&running);
    let from = token.clone();
    let waiting = std::thread::spawn(move || code_of(poster.post(&from, "k", "hi")));
    // Handed out once, so that the post is known to wait; what is handed out is settled even now.
    let batch = running.endpoint.receive(None).expect("it never fails");
    let begun = Instant::now();
    running.endpoint.stop_receiving();
    assert_eq!(
        running.endpoint.receive(None).expect("empty"),
        Batch::default()
    );
    let stopping = Error::new(Code::Stopping, "Broca is stopping");
    running
        .endpoint
        .settled(&batch, &[Outcome::Failed(stopping)]);
    assert_eq!(waiting.join().expect("no panic"), problem(503, "stopping"));
    let late = running.post(&token, "l", "hi");
    assert_eq!(code_of(late), problem(503, "stopping"));
    running.stopper.stop();
    assert_eq!(stream.count(), 0);
    let serving = running.serving.lock().expect("nobody panicked").take();
    let serving = serving.expect("it is taken once");
    running.runtime.block_on(serving).expect("no panic");
    assert!(
        begun.elapsed() < Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_session_and_its_place_outlive_the_process() {
    let shelf = Arc::new(MemoryShelf::default());
    let first = Running::start_on("webchat", "", Arc::clone(&shelf) as Arc<dyn Shelf>);
    first.echo();
    let token = first.session();
    first.post(&token, "1", "before");
    let seen = first.events(&token, 0).nth(1).expect("the echo");
    drop(first);
    let second = Running::start_on("webchat", "", shelf);
    second.replies.store(1, Ordering::Relaxed); // ids go on, as a store's would
    second.echo();
    second.post(&token, "2", "after");
    let last = seen.id.expect("a message has an id");
    let shown: Vec<_> = second.events(&token, last).take(2).collect();
    assert_eq!(texts(&shown), ["after", "after"]);
}

#[test]
fn a_session_has_a_bounded_number_of_streams() {
    let running = Running::start("webchat", "");
    let (token, other) = (running.session(), running.session());
    let mut streams: Vec<_> = (0..16).map(|_| running.events(&token, 0)).collect();
    let bearer = format!("Bearer {token}");
    let more = || running.call("GET", "/api/v1/events", &[("authorization", &bearer)], None);
    assert_eq!(code_of(more()), problem(429, "request.rate-limited"));
    drop(running.events(&other, 0));
    streams.clear();
    let end = Instant::now() + Duration::from_secs(10);
    while more().status != 200 {
        assert!(
            Instant::now() < end,
            "the streams' places are never given back"
        );
    }
}

#[test]
fn the_terminal_speaks_over_the_socket() {
    let running = Running::start("cli", "");
    running.echo();
    let events = |query: &str| {
        let answer = running.call("GET", &format!("/chat/v1/events{query}"), &[], None);
        assert_eq!(answer.status, 200);
        events(answer)
    };
    let say = |session: &str, key: &str, text: &str| {
        let body = json!({ "session": session, "text": text, "key": key, "user": "ada" });
        running.call("POST", "/chat/v1/messages", &[], Some(&body))
    };
    assert_eq!(say("one", "1", "before").status, 202);
    assert_eq!(events("?session=one").take(2).count(), 2);
    let present = events("?session=one&after=now");
    assert_eq!(say("two", "1", "elsewhere").status, 202);
    assert_eq!(say("one", "2", "now").status, 202);
    let shown: Vec<_> = present.take(2).collect();
    assert_eq!(texts(&shown), ["now", "now"]);
    let odd = code_of(say("a/b", "3", "x"));
    assert_eq!(odd, problem(400, "request.malformed"));
}
