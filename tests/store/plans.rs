//! The flow's queries read what is unsettled and never the history behind it.
#![cfg(feature = "sqlite")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broca::store::accept::Wish;
use broca::store::report::silent;
use broca::store::{outbox, queue};
use diesel::connection::{Connection, InstrumentationEvent};
use diesel::prelude::*;

use crate::support::database::{BOUNDS, Database, entry, later, request, sqlite};

/// The tables that grow without end.
const LONG: [&str; 6] = [
    "turns",
    "messages",
    "replies",
    "parts",
    "attempts",
    "conversations",
];

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = diesel::sql_types::Text)]
    detail: String,
}

/// Every statement that `work` runs.
fn statements(db: &mut Database, work: impl FnOnce(&mut Database)) -> BTreeSet<String> {
    let seen = Arc::new(Mutex::new(BTreeSet::new()));
    let log = Arc::clone(&seen);
    db.conn
        .set_instrumentation(move |event: InstrumentationEvent<'_>| {
            if let InstrumentationEvent::StartQuery { query, .. } = event {
                let text = query.to_string();
                let sql = text.split("-- binds:").next().unwrap_or_default();
                log.lock().expect("no panic").insert(sql.trim().to_owned());
            }
        });
    work(db);
    db.conn
        .set_instrumentation(|_: InstrumentationEvent<'_>| {});
    let seen = seen.lock().expect("no panic");
    seen.iter().filter(|sql| explains(sql)).cloned().collect()
}

/// A plan of an `INSERT` lists checks of foreign keys that only run where one is broken already.
fn explains(sql: &str) -> bool {
    ["SELECT", "UPDATE", "DELETE"]
        .iter()
        .any(|word| sql.to_uppercase().starts_with(word))
}

/// Steps that read a whole table: not by a key, and not through an index of what is open.
fn scans(db: &mut Database, sql: &str) -> Vec<String> {
    let plan = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}"));
    let steps: Vec<Step> = plan.load(&mut db.conn).expect("it is explained");
    let whole = |step: &Step| {
        let mut words = step.detail.split_whitespace();
        let table = (words.next() == Some("SCAN"))
            .then(|| words.next())
            .flatten();
        table.is_some_and(|table| LONG.contains(&table) || ["earlier", "busy"].contains(&table))
            && !["_open", "_order", "_lane", "_running", "_sending"]
                .iter()
                .any(|index| step.detail.contains(index))
    };
    steps
        .into_iter()
        .filter(whole)
        .map(|step| step.detail)
        .collect()
}

fn hear(db: &mut Database, chat: &str) {
    let text = db.text(chat, "hi");
    db.accept(&[text]);
}

/// One message through all that the flow does to it.
fn flow(db: &mut Database) {
    hear(db, "ann");
    hear(db, "bob");
    let (of, text) = ("k1".to_owned(), "hello".to_owned());
    db.accept(&[
        entry("e", "ann", Wish::Edit { of, text }),
        entry("s", "bob", Wish::Stop),
        entry(
            "h",
            "ann",
            Wish::Status {
                head: String::new(),
            },
        ),
        entry("r", "cy", Wish::Reachable(false)),
        entry("q", "cy", Wish::Reachable(true)),
        crate::support::database::joined("j", "bob", "and", 10),
    ]);
    let now = db.now;
    db.write(|conn| queue::take_over(conn, true, now));
    let claimed = db.begin();
    let back = later(now, Duration::ZERO);
    assert!(db.put_back(&claimed[0], &back));
    let claimed = db.begin();
    let open = claimed[0].open.clone().expect("it is open");
    let end = queue::AttemptEnd {
        id: open.id,
        how: queue::AttemptState::Answered,
        error: None,
    };
    db.write(|conn| {
        let said = ["one".to_owned()];
        queue::next_attempt(conn, &claimed[0], &end, &said, &request(9), now)
    });
    assert!(db.settle(&claimed[0], &queue::Ending::Replied(vec!["a\nb".into()])));
    hear(db, "cy");
    db.wait(Duration::from_secs(100_000));
    let now = db.now;
    db.write(|conn| queue::notice(conn, Duration::from_mins(1), true, "kept", now));
    db.write(|conn| queue::expire(conn, Duration::from_hours(24), &|_| "late".into(), now));
    queue::next_due(&mut db.conn, now).expect("it is read");
    for claimed in db.claim_replies() {
        let receipt = broca::message::Receipt::default();
        db.write(|conn| outbox::said(conn, claimed, &receipt, now));
    }
    db.write(|conn| queue::take_over(conn, false, now));
    for claimed in db.claim_replies() {
        db.write(|conn| outbox::put_back(conn, &claimed, true, true, now, None));
    }
    outbox::next_due(&mut db.conn, now).expect("it is read");
    outbox::due(&mut db.conn, now).expect("it is read");
    broca::store::report::depth(&mut db.conn).expect("it is read");
    silent::find(&mut db.conn, &BOUNDS, silent::Span::Newest, now).expect("it is read");
}

#[test]
fn no_statement_of_the_flow_reads_a_whole_table() {
    let mut db = sqlite();
    db.conn.migrate().expect("the migrations run");
    let all = statements(&mut db, flow);
    assert!(
        all.len() > 30,
        "too few statements were seen: {}",
        all.len()
    );
    let mut found = Vec::new();
    for sql in &all {
        for step in scans(&mut db, sql) {
            found.push(format!("{step}\n    in {sql}"));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}
