//! The migrations, and the tables of the code against those of the databases.

use std::collections::BTreeSet;
use std::path::Path;

use broca::error::Code;
use broca::store::{Conn, Hold, schema};
use diesel::prelude::*;

use crate::support::database::{Database, each, empty, run};

fn names(of: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("migrations")
        .join(of);
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.expect("the entry is readable").path();
        for file in ["up.sql", "down.sql"] {
            assert!(path.join(file).is_file(), "{} lacks {file}", path.display());
        }
        let name = path.file_name().expect("it has a name");
        name.to_str().expect("the name is text").to_owned()
    };
    entries.map(name).collect()
}

#[test]
fn both_databases_have_the_same_migrations() {
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn migrations_go_up_and_down_and_up_again() {
    for mut db in empty() {
        let count = names("sqlite").len();
        assert_eq!(db.conn.migrate().expect("up"), count);
        assert_eq!(db.conn.migrate().expect("nothing to do"), 0);
        for _ in 0..count {
            db.conn.rollback().expect("down");
        }
        assert_eq!(tables(&mut db), 0, "something is left on {}", db.kind());
        assert_eq!(db.conn.migrate().expect("up again"), count);
        db.conn.require_current().expect("it is current");
    }
}

/// How many tables of ours there are.
fn tables(db: &mut Database) -> i64 {
    match db.kind() {
        "SQLite" => {
            db.count("sqlite_master WHERE type = 'table' AND name NOT LIKE '%\\_%' ESCAPE '\\'")
        }
        _ => db.count(
            "information_schema.tables WHERE table_schema = current_schema() \
             AND table_name NOT LIKE '\\_\\_diesel%'",
        ),
    }
}

#[test]
fn the_names_of_migrations_are_known_as_the_database_stores_them() {
    for mut db in empty() {
        let before = db.conn.migrations().expect("they are read");
        assert!(before.iter().all(|one| !one.applied));
        assert!(db.conn.require_current().is_err());
        db.conn.migrate().expect("up");
        let after = db.conn.migrations().expect("they are read");
        assert!(after.iter().all(|one| one.applied));
        let known: BTreeSet<_> = after.into_iter().map(|one| one.name).collect();
        assert_eq!(known, names("sqlite"));
    }
}

#[test]
fn a_schema_newer_than_the_binary_is_refused() {
    each(|db| {
        let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000001')";
        run(&mut db.conn, newer);
        let refused = db.conn.migrate().expect_err("it is refused");
        assert_eq!(refused.code, Code::StoreNewer);
        assert_eq!(refused.code.as_str(), "store.schema-newer");
        assert!(db.conn.require_current().is_err());
        let all = db.conn.migrations().expect("they are read");
        assert!(
            all.iter()
                .any(|one| one.name == "29990101000001" && one.applied)
        );
    });
}

#[test]
fn several_may_migrate_at_once() {
    for db in empty() {
        let url = db.url.clone();
        let all: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                std::thread::spawn(move || Conn::open(&url)?.migrate())
            })
            .collect();
        let done = all.into_iter().map(|one| one.join().expect("no panic"));
        let done: Vec<_> = done.map(|run| run.expect("it is migrated")).collect();
        assert_eq!(done.iter().sum::<usize>(), names("sqlite").len());
    }
}

#[test]
fn one_daemon_holds_a_database() {
    each(|db| {
        let mut first = Hold::take(&db.url).expect("nobody holds it");
        assert!(first.is_held());
        let second = Hold::take(&db.url).err().expect("it is held");
        assert_eq!(second.code, Code::StoreHeld);
        drop(first);
        Hold::take(&db.url).expect("nobody holds it any more");
    });
}

macro_rules! loads {
    ($db:ident: $($table:ident),+) => {
        $(
            let row = schema::$table::table.limit(1);
            // Every column is read as its type says; on an empty table the columns must exist at least.
            row.execute(&mut $db.conn).unwrap_or_else(|error| {
                panic!("{} on {}: {error}", stringify!($table), $db.kind())
            });
        )+
    };
}

#[test]
fn every_table_of_the_code_is_in_the_database() {
    each(|db| {
        loads!(db: people, profiles, conversations, turns, messages, attempts, replies, parts,
            cursors, shelf, agent_ids, attachments, refusals);
    });
}

#[test]
#[expect(
    clippy::too_many_lines,
    clippy::items_after_statements,
    reason = "a list of all columns"
)]
fn every_column_reads_back_as_its_type() {
    each(|db| {
        db.turn("ann", "hi");
        db.begin();
        db.say("ann", "hello");
        db.claim_replies();
        let conn = &mut db.conn;
        type Turn = (
            (i64, i64, i64, String, String, String, String),
            (i64, i32, i32, bool, bool, i64, Option<String>),
            (
                Option<String>,
                Option<i64>,
                Option<String>,
                Option<String>,
                i64,
                Option<i64>,
            ),
        );
        use schema::turns::dsl as t;
        let turn: Turn = t::turns
            .select((
                (
                    t::id,
                    t::conversation,
                    t::profile,
                    t::endpoint,
                    t::lane,
                    t::mode,
                    t::state,
                ),
                (
                    t::claim,
                    t::barren,
                    t::failures,
                    t::held,
                    t::stop_asked,
                    t::due_at,
                    t::boot,
                ),
                (
                    t::join_key,
                    t::noticed_at,
                    t::last_code,
                    t::last_error,
                    t::created_at,
                    t::settled_at,
                ),
            ))
            .first(conn)
            .expect("the turn is read");
        assert!(turn.1.3, "it is held");
        type Reply = (
            (
                i64,
                Option<i64>,
                i64,
                String,
                String,
                String,
                String,
                i64,
                i32,
                i64,
            ),
            (
                Option<String>,
                Option<String>,
                Option<String>,
                i64,
                Option<i64>,
            ),
        );
        use schema::replies::dsl as r;
        let _: Reply = r::replies
            .select((
                (
                    r::id,
                    r::turn,
                    r::conversation,
                    r::endpoint,
                    r::kind,
                    r::text,
                    r::state,
                    r::claim,
                    r::failures,
                    r::due_at,
                ),
                (
                    r::send_key,
                    r::last_code,
                    r::last_error,
                    r::created_at,
                    r::settled_at,
                ),
            ))
            .first(conn)
            .expect("the reply is read");
        let _: (i64, i32, String, String, i32, Option<String>, Option<i64>) =
            schema::parts::table.first(conn).expect("the part is read");
        let _: (i64, String, bool, String, i64) = schema::people::table
            .first(conn)
            .expect("the person is read");
        let _: (i64, String, String, String, String, bool, i64) = schema::conversations::table
            .first(conn)
            .expect("the conversation is read");
    });
}
