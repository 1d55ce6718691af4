//! Databases for tests: SQLite in a folder of its own, and PostgreSQL in a schema of its own where
//! `BROCA_TEST_POSTGRES` names a server (see `.ci/postgres`).

use std::time::Duration;

use broca::config::{Mode, Uncertain};
use broca::error::Result;
use broca::exchange::Request;
use broca::message::{Address, Content, Cursor, Inbound, Join, Outbound, Part, Sender, Standing};
use broca::secret::Secret;
use broca::store::accept::{Accepted, Entry, Rules, Wish, accept};
use broca::store::queue::{self, Claimed, Ending, PutBack, Scope};
use broca::store::report::silent::Bounds;
use broca::store::report::trace::{Subject, Trace, trace};
use broca::store::{Conn, Store, in_transaction, outbox};
use broca::time::Timestamp;

/// When tests begin.
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// What may take how long, as it is where nothing is configured.
pub(crate) const BOUNDS: Bounds = Bounds {
    give_up_after: Duration::from_hours(24),
    notice_after: Duration::from_mins(1),
    turn_timeout: Duration::from_mins(10),
};

/// A database that goes with its value.
pub(crate) struct Database {
    pub(crate) conn: Conn,
    pub(crate) url: String,
    pub(crate) now: Timestamp,
    place: Place,
    keys: u32,
}

enum Place {
    #[cfg(feature = "sqlite")]
    Folder { _folder: tempfile::TempDir },
    #[cfg(feature = "postgres")]
    Schema { server: String, name: String },
}

/// Runs a case on every database of this build, each empty and migrated.
pub(crate) fn each(case: impl Fn(&mut Database)) {
    for mut database in empty() {
        database.conn.migrate().expect("the migrations run");
        eprintln!("on {}", database.kind());
        case(&mut database);
    }
}

/// Every database of this build, without tables.
pub(crate) fn empty() -> Vec<Database> {
    let mut all: Vec<Database> = Vec::new();
    #[cfg(feature = "sqlite")]
    all.extend([sqlite()]);
    #[cfg(feature = "postgres")]
    all.extend(postgres());
    all
}

#[cfg(feature = "sqlite")]
pub(crate) fn sqlite() -> Database {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("broca.db");
    let url = path.to_str().expect("the path is text").to_owned();
    Database::open(url, Place::Folder { _folder: folder })
}

#[cfg(feature = "postgres")]
fn postgres() -> Option<Database> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static MADE: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("BROCA_TEST_POSTGRES").ok()?;
    let count = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{}_{count}", std::process::id());
    let mut admin = Conn::open(&server).expect("BROCA_TEST_POSTGRES names a server");
    run(&mut admin, &format!("CREATE SCHEMA {name}"));
    let url = format!("{server}?options=-csearch_path%3D{name}");
    Some(Database::open(url, Place::Schema { server, name }))
}

/// Runs statements as they are.
pub(crate) fn run(conn: &mut Conn, sql: &str) {
    try_run(conn, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Runs statements as they are, and says whether they were taken.
pub(crate) fn try_run(conn: &mut Conn, sql: &str) -> diesel::QueryResult<()> {
    use diesel::connection::SimpleConnection;
    conn.batch_execute(sql)
}

impl Drop for Database {
    fn drop(&mut self) {
        #[cfg(feature = "postgres")]
        if let Place::Schema { server, name } = &self.place
            && let Ok(mut admin) = Conn::open(server)
        {
            let _ = try_run(&mut admin, &format!("DROP SCHEMA {name} CASCADE"));
        }
    }
}

impl Database {
    fn open(url: String, place: Place) -> Self {
        let conn = Conn::open(&url).expect("the database opens");
        Self {
            conn,
            url,
            now: NOW,
            place,
            keys: 0,
        }
    }

    pub(crate) fn kind(&self) -> &'static str {
        match &self.place {
            #[cfg(feature = "sqlite")]
            Place::Folder { .. } => "SQLite",
            #[cfg(feature = "postgres")]
            Place::Schema { .. } => "PostgreSQL",
        }
    }

    /// The store of a daemon on this database.
    pub(crate) fn store(&self) -> Store {
        Store::open(&Secret::new(self.url.clone()), 4).expect("the store opens")
    }

    pub(crate) fn connect(&self) -> Conn {
        Conn::open(&self.url).expect("the database opens again")
    }

    pub(crate) fn wait(&mut self, span: Duration) {
        self.now = self.now.plus(span);
    }

    pub(crate) fn write<T>(&mut self, work: impl FnOnce(&mut Conn) -> Result<T>) -> T {
        self.try_write(work).expect("the write is taken")
    }

    pub(crate) fn try_write<T>(&mut self, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
        in_transaction(&mut self.conn, work)
    }

    /// A text in a chat, from the person of the same name, under a key of its own.
    pub(crate) fn text(&mut self, chat: &str, text: &str) -> Entry {
        self.keys += 1;
        let wish = Wish::Turn {
            text: text.to_owned(),
            join: None,
        };
        entry(&format!("k{}", self.keys), chat, wish)
    }

    pub(crate) fn accept(&mut self, entries: &[Entry]) -> Accepted {
        self.accept_in(Mode::Live, false, entries)
    }

    pub(crate) fn accept_in(&mut self, mode: Mode, wide: bool, entries: &[Entry]) -> Accepted {
        let rules = Rules {
            mode,
            agent_wide: wide,
            now: self.now,
        };
        self.write(|conn| accept(conn, "telegram", "bot", entries, None, &rules))
    }

    /// Stores a text and gives its turn.
    pub(crate) fn turn(&mut self, chat: &str, text: &str) -> i64 {
        self.turn_in(Mode::Live, false, chat, text)
    }

    pub(crate) fn turn_in(&mut self, mode: Mode, wide: bool, chat: &str, text: &str) -> i64 {
        let entry = self.text(chat, text);
        self.accept_in(mode, wide, &[entry]);
        self.latest_turn()
    }

    pub(crate) fn latest_turn(&mut self) -> i64 {
        let all = broca::store::report::turns(&mut self.conn, None, true, 1).expect("it is read");
        all.first().expect("there is a turn").id
    }

    pub(crate) fn scope(&self) -> Scope {
        scope(self.now)
    }

    /// Claims all that can be claimed now, without beginning attempts.
    pub(crate) fn claim(&mut self) -> Vec<Claimed> {
        let scope = self.scope();
        self.claim_as(&scope)
    }

    pub(crate) fn claim_as(&mut self, scope: &Scope) -> Vec<Claimed> {
        self.write(|conn| queue::claim(conn, 100, scope, &|_| None))
    }

    /// Claims what can be claimed now, beginning an attempt of each.
    pub(crate) fn begin(&mut self) -> Vec<Claimed> {
        let scope = self.scope();
        self.write(|conn| queue::claim(conn, 100, &scope, &|one| Some(request(one.turn))))
    }

    pub(crate) fn settle(&mut self, claimed: &Claimed, ending: &Ending) -> bool {
        let now = self.now;
        self.write(|conn| queue::settle(conn, claimed, None, ending, now))
    }

    pub(crate) fn put_back(&mut self, claimed: &Claimed, back: &PutBack) -> bool {
        let now = self.now;
        self.write(|conn| queue::put_back(conn, claimed, back, now))
    }

    /// A turn's state and latest code.
    pub(crate) fn state(&mut self, turn: i64) -> (String, Option<String>) {
        let turn = self.trace(turn).turn.expect("it is of a turn");
        (turn.state, turn.code)
    }

    /// A turn's whole way.
    pub(crate) fn trace(&mut self, turn: i64) -> Trace {
        let now = self.now;
        trace(&mut self.conn, Subject::Turn(turn), &BOUNDS, now).expect("it is there")
    }

    /// The texts of all replies, oldest first, with their states.
    pub(crate) fn replies(&mut self) -> Vec<(String, String)> {
        use broca::store::schema::replies::dsl::{id, replies, state, text};
        use diesel::prelude::*;
        let all = replies.order(id).select((text, state));
        all.load(&mut self.conn).expect("they are read")
    }

    /// Puts a reply for a chat into the outbox.
    pub(crate) fn say(&mut self, chat: &str, text: &str) -> i64 {
        let now = self.now;
        self.write(|conn| {
            let to = broca::store::people::conversation(conn, &address(chat), now)?;
            let kind = broca::message::ReplyKind::Answer;
            outbox::say(conn, to.id, "telegram", None, kind, text, now)
        })
    }

    /// Claims all replies that can be sent now; each line of one is a part.
    pub(crate) fn claim_replies(&mut self) -> Vec<outbox::Claimed> {
        self.claim_replies_with(Uncertain::Repeat, false)
    }

    pub(crate) fn claim_replies_with(
        &mut self,
        uncertain: Uncertain,
        once: bool,
    ) -> Vec<outbox::Claimed> {
        let scope = outbox::Scope {
            endpoints: vec!["telegram".to_owned()],
            render: &lines,
            shows_once: &|_| once,
            uncertain,
            now: self.now,
        };
        self.write(|conn| outbox::claim(conn, 100, &scope))
    }

    /// The parts of a reply: state, repeats.
    pub(crate) fn parts(&mut self, of: i64) -> Vec<(String, i32)> {
        use broca::store::schema::parts::dsl::{parts, place, repeats, reply, state};
        use diesel::prelude::*;
        let all = parts.filter(reply.eq(of)).order(place);
        let all = all.select((state, repeats)).load(&mut self.conn);
        all.expect("they are read")
    }

    pub(crate) fn count(&mut self, table: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let sql = format!("SELECT count(*) AS n FROM {table}");
        let count: Count = diesel::RunQueryDsl::get_result(diesel::sql_query(sql), &mut self.conn)
            .expect("it can be counted");
        count.n
    }
}

/// Each line of a reply as a part; a reply without text has none.
pub(crate) fn lines(out: &Outbound) -> Vec<Part> {
    out.text.lines().map(|line| Part(line.to_owned())).collect()
}

pub(crate) fn scope(now: Timestamp) -> Scope {
    Scope {
        endpoints: vec!["telegram".to_owned()],
        live: true,
        boot: "boot-1".to_owned(),
        agent: "agent-1".to_owned(),
        now,
    }
}

pub(crate) fn address(chat: &str) -> Address {
    Address {
        endpoint: "telegram".to_owned(),
        account: "bot".to_owned(),
        chat: chat.to_owned(),
        thread: None,
    }
}

/// A message with what intake made of it; its sender has the chat's name.
pub(crate) fn entry(key: &str, chat: &str, wish: Wish) -> Entry {
    let from = Sender {
        id: format!("u-{chat}"),
        username: Some(chat.to_owned()),
        ..Sender::default()
    };
    let inbound = Inbound {
        key: key.to_owned(),
        address: address(chat),
        from,
        standing: Standing::Welcome,
        content: Content::Text(String::new()),
        raw: None,
        join: None,
    };
    Entry { inbound, wish }
}

pub(crate) fn joined(key: &str, chat: &str, text: &str, quiet_ms: u64) -> Entry {
    let join = Some(Join {
        key: "album".to_owned(),
        quiet_ms,
    });
    let text = text.to_owned();
    entry(key, chat, Wish::Turn { text, join })
}

pub(crate) fn request(turn: i64) -> Request {
    Request {
        conversation: "conv-1".to_owned(),
        body: format!("{{\"turn\":{turn}}}"),
        otids: vec![format!("otid-{turn}")],
        tells: "you talk to Ann".to_owned(),
    }
}

pub(crate) fn cursor(text: &str) -> Cursor {
    Cursor(text.to_owned())
}

/// Back into the queue after `wait`, with nothing at work.
pub(crate) fn later(now: Timestamp, wait: Duration) -> PutBack {
    PutBack {
        due: now.plus(wait),
        ended: None,
        counts: false,
        held: false,
        error: None,
    }
}
