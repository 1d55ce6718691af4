//! SQLite's one writer: what waits together is committed together, and fails apart.
#![cfg(feature = "sqlite")]

use std::sync::mpsc::{Receiver, Sender, channel};

use broca::error::{Code, Error, Result};
use broca::store::{Conn, Store};
use diesel::connection::SimpleConnection;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, join_all};

use crate::support::database::{Database, sqlite};

fn migrated() -> (Database, Store) {
    let mut db = sqlite();
    db.conn.migrate().expect("the migrations run");
    let store = db.store();
    (db, store)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime starts")
}

fn person(conn: &mut Conn, name: &str) -> Result<()> {
    let sql = format!("INSERT INTO people (name, created_at) VALUES ('{name}', 0)");
    Ok(conn.batch_execute(&sql)?)
}

/// Queues a write. It waits with the others until the writer is free.
fn queue<T: Send + 'static>(
    store: &Store,
    work: impl Fn(&mut Conn) -> Result<T> + Send + 'static,
) -> BoxFuture<'_, Result<T>> {
    let mut write = store.write(work).boxed();
    // The first poll sends the work.
    assert!(
        write
            .as_mut()
            .now_or_never()
            .is_none_or(|done| done.is_err())
    );
    write
}

/// Keeps the writer busy until told.
fn block(store: &Store) -> (BoxFuture<'_, Result<()>>, Sender<()>) {
    let (go, wait): (Sender<()>, Receiver<()>) = channel();
    let (started, running) = channel();
    let write = queue(store, move |_| {
        started.send(()).expect("the test waits");
        let _ = wait.recv();
        Ok(())
    });
    running.recv().expect("the writer runs it");
    (write, go)
}

#[test]
fn one_that_fails_or_panics_leaves_the_others_of_its_batch_whole() {
    let (mut db, store) = migrated();
    runtime().block_on(async {
        let (blocked, go) = block(&store);
        let one = queue(&store, |conn| person(conn, "one"));
        let two = queue(&store, |conn| {
            person(conn, "two")?;
            Err::<(), _>(Error::new(Code::WrongState, "no"))
        });
        let three = queue(&store, |conn| -> Result<()> {
            person(conn, "three")?;
            panic!("in the midst of it");
        });
        let four = queue(&store, |conn| {
            person(conn, "four")?;
            conn.batch_execute("INSERT INTO people (id, name, created_at) VALUES (1, 'x', 0)")?;
            Ok(())
        });
        let five = queue(&store, |conn| person(conn, "five"));
        go.send(()).expect("the writer waits");
        blocked.await.expect("it ends");
        let done = join_all([one, two, three, four, five]).await;
        let codes: Vec<_> = done
            .iter()
            .map(|one| one.as_ref().err().map(|error| error.code))
            .collect();
        let failed = [Code::WrongState, Code::InternalPanic, Code::StoreFailed].map(Some);
        assert_eq!(codes, [None, failed[0], failed[1], failed[2], None]);
    });
    assert_eq!(db.count("people"), 2);
    assert_eq!(db.count("people WHERE name IN ('one', 'five')"), 2);
}

#[test]
fn results_are_given_only_after_the_commit() {
    let (mut db, store) = migrated();
    runtime().block_on(async {
        let (blocked, go) = block(&store);
        let mut early = queue(&store, |conn| person(conn, "early"));
        // In the same batch, so that its transaction stays open while this one runs.
        let (resume, wait): (Sender<()>, Receiver<()>) = channel();
        let (started, running) = channel();
        let late = queue(&store, move |_| {
            started.send(()).expect("the test waits");
            let _ = wait.recv();
            Ok(())
        });
        go.send(()).expect("the writer waits");
        blocked.await.expect("it ends");
        running.recv().expect("the second runs");
        if early.as_mut().now_or_never().is_some() {
            // The first was alone in its batch: then it must be there.
            assert_eq!(db.count("people"), 1);
            resume.send(()).expect("the writer waits");
        } else {
            assert_eq!(db.count("people"), 0, "seen before it was answered");
            resume.send(()).expect("the writer waits");
            early.await.expect("it is committed");
        }
        late.await.expect("it ends");
    });
    assert_eq!(db.count("people"), 1);
}

#[test]
fn a_full_disk_gives_errors_and_leaves_nothing_half_written() {
    let (mut db, store) = migrated();
    runtime().block_on(async {
        let (blocked, go) = block(&store);
        let fat = "x".repeat(100_000);
        let writes = ["one", "two", "three"].map(|name| {
            let fat = fat.clone();
            queue(&store, move |conn| {
                // A connection that broke is opened anew, and knows no limit.
                conn.batch_execute("PRAGMA max_page_count = 1")?;
                person(conn, name)?;
                person(conn, &fat)
            })
        });
        go.send(()).expect("the writer waits");
        let _ = blocked.await;
        let done = join_all(writes).await;
        let told = done.iter().filter(|one| one.is_ok()).count();
        let there = db.count("people WHERE name IN ('one', 'two', 'three')");
        let whole = db.count("people WHERE length(name) = 100000");
        assert_eq!(
            usize::try_from(there).expect("a count"),
            told,
            "told as it is"
        );
        assert_eq!(there, whole, "both rows or none");
        assert_eq!(told, 0, "the disk is full");
        // There is room again, and the daemon goes on.
        store
            .write(|conn| person(conn, "after"))
            .await
            .expect("written");
    });
    assert_eq!(db.count("people WHERE name = 'after'"), 1);
}

#[test]
fn a_read_only_database_gives_errors_and_is_written_again_when_it_can() {
    let (mut db, store) = migrated();
    runtime().block_on(async {
        let set = |on: bool| {
            move |conn: &mut Conn| Ok(conn.batch_execute(&format!("PRAGMA query_only = {on}"))?)
        };
        store.write(set(true)).await.expect("it is set");
        let refused = store.write(|conn| person(conn, "one")).await;
        assert_eq!(refused.expect_err("it is refused").code, Code::StoreFailed);
        store.write(set(false)).await.expect("it is set");
        store
            .write(|conn| person(conn, "two"))
            .await
            .expect("written");
    });
    assert_eq!(db.count("people"), 1);
}
