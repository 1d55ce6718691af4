//! The real binary between a stand-in for Telegram and a stand-in for Letta.

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};

use super::broca::{Broca, SOON};
use super::letta::Letta;
use super::telegram::{Sent, Telegram};

/// The person who writes where only one does.
pub(crate) const ANN: i64 = 1001;
/// Another person.
pub(crate) const BEN: i64 = 1002;

/// All three.
pub(crate) struct Scene {
    pub(crate) telegram: Telegram,
    pub(crate) letta: Letta,
    pub(crate) broca: Broca,
}

impl Scene {
    /// Everything runs, in mode `live`, and everyone may write.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// The same, with further tables in `broca.toml`.
    pub(crate) fn start_with(tables: &str) -> Self {
        let scene = Self::ready_with(tables);
        scene.broca.start();
        scene
    }

    /// The same, but no daemon runs yet.
    pub(crate) fn ready_with(tables: &str) -> Self {
        let (telegram, letta) = (Telegram::start(), Letta::start());
        let broca = Broca::new(&format!(
            "{}\n{tables}",
            toml(&telegram, &letta, "conversation")
        ));
        secrets(&broca, "open sesame", &telegram);
        Self {
            telegram,
            letta,
            broca,
        }
    }

    /// Everything runs in this isolation mode.
    pub(crate) fn isolated(isolation: &str) -> Self {
        let scene = Self::ready_with("");
        scene.broca.edit(
            "isolation = \"conversation\"",
            &format!("isolation = \"{isolation}\""),
        );
        scene.broca.start();
        scene
    }

    /// Changes the key that Broca shows to Letta.
    pub(crate) fn give_key(&self, key: &str) {
        secrets(&self.broca, key, &self.telegram);
    }

    /// The person writes, and this many messages have been sent once this returns.
    pub(crate) fn say(&self, chat: i64, text: &str, sent: usize) -> Vec<Sent> {
        self.telegram.push(chat, text);
        self.telegram.wait_sent(sent, SOON)
    }

    /// The texts sent to a chat so far.
    pub(crate) fn texts(&self, chat: i64) -> Vec<String> {
        let sent = self.telegram.sent().into_iter();
        sent.filter(|sent| sent.chat == chat)
            .map(|sent| sent.text)
            .collect()
    }

    /// Kills the daemon and starts it again.
    pub(crate) fn revive(&self) {
        self.broca.kill();
        self.broca.start();
    }

    /// Keeps every write out of the database, until the value is dropped.
    pub(crate) fn freeze(&self) -> Frozen {
        let mut conn = self.database();
        conn.batch_execute("BEGIN IMMEDIATE")
            .expect("the database is not busy for long");
        Frozen(conn)
    }

    /// Changes the database behind Broca's back.
    pub(crate) fn execute(&self, sql: &str) {
        self.database()
            .batch_execute(sql)
            .expect("the statement is right");
    }

    /// How many rows the database has for this, such as `turns WHERE held`.
    pub(crate) fn count(&self, of: &str) -> i64 {
        #[derive(diesel::QueryableByName)]
        struct Count {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            n: i64,
        }
        let query = diesel::sql_query(format!("SELECT count(*) AS n FROM {of}"));
        let count: Count = diesel::RunQueryDsl::get_result(query, &mut self.database())
            .expect("the statement is right");
        count.n
    }

    fn database(&self) -> SqliteConnection {
        let path = self.broca.path("broca.db");
        let mut conn = SqliteConnection::establish(&path.to_string_lossy()).expect("it is there");
        conn.batch_execute("PRAGMA busy_timeout = 20000")
            .expect("it is known");
        conn
    }
}

/// A database that takes no write.
pub(crate) struct Frozen(SqliteConnection);

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = self.0.batch_execute("ROLLBACK");
    }
}

/// `broca.toml` for both stand-ins.
pub(crate) fn toml(telegram: &Telegram, letta: &Letta, isolation: &str) -> String {
    let (api, url, agent) = (telegram.url(), letta.url(), letta.agent());
    format!(
        "mode = \"live\"\n\
         [agent]\nid = \"{agent}\"\nendpoint = \"{url}\"\nisolation = \"{isolation}\"\n\
         template = \"{{text}}\"\nturn_timeout = \"60s\"\n\
         [log]\nlevel = \"debug\"\n\
         [shutdown]\ngrace = \"500ms\"\n\
         [endpoint.telegram]\napi_url = \"{api}\"\naccess = \"open\"\n"
    )
}

/// The `.env` for both.
pub(super) fn secrets(broca: &Broca, key: &str, telegram: &Telegram) {
    let token = telegram.token();
    broca.write(
        ".env",
        &format!("AGENT_API_KEY={key}\nTELEGRAM_BOT_TOKEN={token}\n"),
    );
}
