//! What a message costs the store: accept, claim, settle, claim its reply, confirm it.
//!
//! `cargo bench --bench queue`; with `BROCA_TEST_POSTGRES` set, and the feature `postgres`, on that too.
#![expect(clippy::print_stdout, reason = "it reports")]

use std::time::{Duration, Instant};

use broca::config::{Mode, Uncertain};
use broca::error::Result;
use broca::exchange::Request;
use broca::message::{Address, Content, Inbound, Outbound, Part, Receipt, Sender, Standing};
use broca::store::accept::{Entry, Rules, Wish, accept};
use broca::store::{Conn, in_transaction, outbox, queue};
use broca::time::Timestamp;
use diesel::connection::SimpleConnection;

const MESSAGES: u32 = 2_000;
const PEOPLE: u32 = 100;
/// Messages in one transaction.
const TOGETHER: [u32; 2] = [1, 32];

/// Time spent in each transaction.
#[derive(Default)]
struct Spent([Duration; 5]);

fn main() -> anyhow::Result<()> {
    let history: i64 = std::env::var("BROCA_BENCH_HISTORY").map_or(Ok(0), |rows| rows.parse())?;
    let folder = tempfile::tempdir()?;
    let mut rates = Vec::new();
    for batch in TOGETHER {
        let path = folder.path().join(format!("{batch}.db"));
        let mut conn = Conn::open(path.to_str().unwrap_or_default())?;
        rates.push(run("SQLite", &mut conn, batch, history)?);
    }
    gain("SQLite", &rates);
    #[cfg(feature = "postgres")]
    if let Ok(server) = std::env::var("BROCA_TEST_POSTGRES") {
        rates.clear();
        for batch in TOGETHER {
            let schema = format!("bench_{}_{batch}", std::process::id());
            let mut conn = Conn::open(&server)?;
            conn.batch_execute(&format!(
                "CREATE SCHEMA {schema}; SET search_path TO {schema}"
            ))?;
            rates.push(run("PostgreSQL", &mut conn, batch, history)?);
            conn.batch_execute(&format!("DROP SCHEMA {schema} CASCADE"))?;
        }
        gain("PostgreSQL", &rates);
    }
    Ok(())
}

fn gain(name: &str, rates: &[f64]) {
    if let [alone, together] = rates {
        println!("{name}: together {:.1} times as many", together / alone);
    }
}

/// Gives messages a second.
fn run(name: &str, conn: &mut Conn, batch: u32, history: i64) -> anyhow::Result<f64> {
    conn.migrate()?;
    cycle(conn, 0, PEOPLE, &mut Spent::default())?;
    grow(conn, history)?;
    let mut spent = Spent::default();
    let begun = Instant::now();
    let mut at = PEOPLE;
    while at < MESSAGES + PEOPLE {
        cycle(conn, at, batch, &mut spent)?;
        at += batch;
    }
    let (took, count) = (begun.elapsed(), f64::from(at - PEOPLE));
    let rate = count / took.as_secs_f64();
    print!("{name}, {batch} together: {rate:.0} messages/s; in µs each:");
    let steps = ["accept", "claim", "settle", "claim reply", "said"];
    for (step, time) in steps.iter().zip(spent.0) {
        print!(" {step} {:.0}", time.as_secs_f64() * 1e6 / count);
    }
    println!();
    Ok(rate)
}

/// Settled turns, messages and replies behind the flow.
fn grow(conn: &mut Conn, rows: i64) -> Result<()> {
    let numbers =
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})");
    for insert in [
        "INSERT INTO turns (conversation, profile, endpoint, lane, mode, state, due_at, created_at, settled_at) \
         {n} SELECT 1, 1, 'telegram', 'c1', 'live', 'replied', 0, 0, 0 FROM n",
        "INSERT INTO messages (turn, conversation, profile, endpoint, account, key, kind, text, received_at) \
         {n} SELECT 1, 1, 1, 'telegram', 'bot', 'old' || i, 'text', 'hello', 0 FROM n",
        "INSERT INTO replies (turn, conversation, endpoint, kind, text, state, due_at, created_at, settled_at) \
         {n} SELECT 1, 1, 'telegram', 'answer', 'hello', 'said', 0, 0, 0 FROM n",
    ] {
        if rows > 0 {
            conn.batch_execute(&insert.replace("{n}", &numbers))?;
        }
    }
    Ok(())
}

/// Takes `batch` messages through all five transactions.
fn cycle(conn: &mut Conn, from: u32, batch: u32, spent: &mut Spent) -> Result<()> {
    let now = Timestamp::now();
    let entries: Vec<_> = (from..from + batch).map(message).collect();
    let rules = Rules {
        mode: Mode::Live,
        agent_wide: false,
        now,
    };
    let [accepting, claiming, settling, taking, confirming] = &mut spent.0;
    timed(conn, accepting, |conn| {
        accept(conn, "telegram", "bot", &entries, None, &rules)
    })?;
    let scope = queue::Scope {
        endpoints: vec!["telegram".to_owned()],
        live: true,
        boot: "boot".to_owned(),
        agent: "agent-1".to_owned(),
        now,
    };
    let most = i64::from(batch);
    let turns = timed(conn, claiming, |conn| {
        queue::claim(conn, most, &scope, &|one| Some(request(one.turn)))
    })?;
    timed(conn, settling, |conn| {
        turns.iter().try_for_each(|one| settle(conn, one, now))
    })?;
    let scope = outbox::Scope {
        endpoints: vec!["telegram".to_owned()],
        render: &|out: &Outbound| vec![Part(out.text.clone())],
        shows_once: &|_| false,
        uncertain: Uncertain::Repeat,
        now,
    };
    let replies = timed(conn, taking, |conn| outbox::claim(conn, most, &scope))?;
    timed(conn, confirming, |conn| {
        replies.into_iter().try_for_each(|one| {
            outbox::said(conn, one, &Receipt(Some("1".to_owned())), now).map(|_| ())
        })
    })
}

fn timed<T>(
    conn: &mut Conn,
    spent: &mut Duration,
    work: impl FnOnce(&mut Conn) -> Result<T>,
) -> Result<T> {
    let begun = Instant::now();
    let done = in_transaction(conn, work);
    *spent += begun.elapsed();
    done
}

fn settle(conn: &mut Conn, claimed: &queue::Claimed, now: Timestamp) -> Result<()> {
    let ended = claimed.begun.as_ref().map(|attempt| queue::AttemptEnd {
        id: attempt.id,
        how: queue::AttemptState::Answered,
        error: None,
    });
    let ending = queue::Ending::Replied(vec!["hello to you".to_owned()]);
    queue::settle(conn, claimed, ended.as_ref(), &ending, now).map(|_| ())
}

fn message(number: u32) -> Entry {
    let chat = (number % PEOPLE).to_string();
    let text = "hello".to_owned();
    let inbound = Inbound {
        key: number.to_string(),
        address: Address {
            endpoint: "telegram".to_owned(),
            account: "bot".to_owned(),
            chat: chat.clone(),
            thread: None,
        },
        from: Sender {
            id: chat,
            ..Sender::default()
        },
        standing: Standing::Welcome,
        content: Content::Text(text.clone()),
        raw: None,
        join: None,
    };
    let wish = Wish::Turn { text, join: None };
    Entry { inbound, wish }
}

fn request(turn: i64) -> Request {
    Request {
        conversation: "conv-1".to_owned(),
        body: format!("{{\"turn\":{turn}}}"),
        otids: vec![format!("otid-{turn}")],
        tells: "you talk to a person".to_owned(),
    }
}
