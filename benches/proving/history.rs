//! Whether a long history costs anything: two daemons in turns, one of them with many settled rows.

use std::path::Path;

use broca::store::Conn;
use diesel::connection::SimpleConnection;

use crate::daemon::{Place, Subject};
use crate::gauge;
use crate::ground::Ground;
use crate::latency::{Lane, interleaved, lane};
use crate::table::Report;

/// The latency with a history, by that without.
const MOST: f64 = 1.1;
/// People of whom the history is.
const PEOPLE: usize = 1000;

/// Compares a database with `rows` settled turns with an empty one, by `count` exchanges each.
pub(crate) fn measure(bin: &Path, rows: usize, count: usize, report: &mut Report) {
    let mut empty = lane(Subject::Broca(bin), 8);
    let mut old = with_history(bin, rows);
    let spans = interleaved(&mut [&mut old, &mut empty], count);
    let [old, empty] = [0, 1].map(|which: usize| gauge::quantile(&spans[which], 0.5));
    report.judged(
        &format!("a message with {rows} settled turns behind"),
        format!("≤ {MOST} × empty"),
        format!("{empty:.2} ms empty"),
        format!("{old:.2} ms ({:.2} ×)", old / empty),
        old <= empty * MOST,
    );
    report.value("history_rows", rows);
    report.value("history_ms", old);
    report.value("history_empty_ms", empty);
}

fn with_history(bin: &Path, rows: usize) -> Lane {
    let ground = Ground::lean();
    let place = Place::new(Subject::Broca(bin), &ground, 8);
    let path = place.database().display().to_string();
    let mut conn = Conn::open(&path).expect("the folder is ours");
    conn.migrate().expect("the database is new");
    let filled = conn.batch_execute(&history(rows));
    filled.expect("the rows fit the schema");
    drop(conn);
    Lane::start(ground, place)
}

/// A history as the flow would have written it, at once.
fn history(rows: usize) -> String {
    format!(
        "PRAGMA synchronous = OFF;
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {PEOPLE})
INSERT INTO people (id, name, created_at) SELECT i, 'Person ' || i, 1 FROM n;
INSERT INTO profiles (id, person, endpoint, user_id, created_at)
  SELECT id, id, 'telegram', 500000 + id, 1 FROM people;
INSERT INTO conversations (id, endpoint, account, chat, created_at)
  SELECT id, 'telegram', '42', 500000 + id, 1 FROM people;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
INSERT INTO turns (id, conversation, profile, endpoint, lane, mode, state, claim, due_at, created_at, settled_at)
  SELECT i, i % {PEOPLE} + 1, i % {PEOPLE} + 1, 'telegram', 'c' || (i % {PEOPLE} + 1), 'live', 'replied', 1, i, i, i FROM n;
INSERT INTO messages (turn, conversation, profile, endpoint, account, key, kind, text, raw, received_at)
  SELECT id, conversation, profile, endpoint, '42', conversation || '/' || id, 'text', hex(randomblob(40)), NULL, id FROM turns;
INSERT INTO attempts (turn, claim, conversation, body, otids, tells, state, created_at, ended_at)
  SELECT id, 1, 'conv-' || conversation, hex(randomblob(150)), '[]', '', 'answered', id, id FROM turns;
INSERT INTO replies (turn, conversation, endpoint, kind, text, state, claim, due_at, created_at, settled_at)
  SELECT id, conversation, endpoint, 'answer', hex(randomblob(40)), 'said', 1, id, id, id FROM turns;
INSERT INTO parts (reply, place, payload, state, receipt, said_at)
  SELECT id, 0, '{{}}', 'said', id, id FROM replies;
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);"
    )
}
