//! The tables as plain rows: the model is made of them, and the store's are read into them.

use diesel::prelude::*;

use broca::store::Conn;
use broca::store::schema::{
    attempts, conversations, cursors, messages, parts, people, profiles, refusals, replies, turns,
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tables {
    pub(super) people: Vec<bool>,
    pub(super) profiles: Vec<Profile>,
    pub(super) conversations: Vec<Conversation>,
    pub(super) turns: Vec<Turn>,
    pub(super) messages: Vec<Message>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) replies: Vec<Reply>,
    pub(super) parts: Vec<Part>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) cursor: Vec<String>,
}

macro_rules! rows {
    ($($name:ident { $($field:ident: $type:ty,)+ })+) => {
        $(#[derive(Debug, Clone, PartialEq, Eq, Queryable)]
        pub(super) struct $name { $(pub(super) $field: $type,)+ })+
    };
}

rows! {
    Profile {
        person: i64,
        endpoint: String,
        user: String,
    }
    Conversation {
        endpoint: String,
        chat: String,
        thread: String,
        reachable: bool,
    }
    Turn {
        id: i64,
        conversation: i64,
        profile: i64,
        endpoint: String,
        lane: String,
        mode: String,
        state: String,
        claim: i64,
        barren: i32,
        failures: i32,
        held: bool,
        stop_asked: bool,
        due: i64,
        joins: Option<String>,
        noticed: Option<i64>,
        code: Option<String>,
        created: i64,
        settled: Option<i64>,
    }
    Message {
        turn: Option<i64>,
        conversation: i64,
        profile: i64,
        endpoint: String,
        key: String,
        kind: String,
        text: Option<String>,
    }
    Attempt {
        turn: i64,
        claim: i64,
        body: String,
        state: String,
        code: Option<String>,
    }
    Reply {
        id: i64,
        turn: Option<i64>,
        conversation: i64,
        endpoint: String,
        kind: String,
        text: String,
        state: String,
        claim: i64,
        failures: i32,
        due: i64,
        key: Option<String>,
        code: Option<String>,
        settled: Option<i64>,
    }
    Part {
        reply: i64,
        place: i32,
        payload: String,
        state: String,
        repeats: i32,
        receipt: Option<String>,
    }
    Refusal {
        endpoint: String,
        sender: String,
        code: String,
        times: i32,
        noticed: Option<i64>,
    }
}

impl Tables {
    /// All that the store has. Rows without a lasting id come in the order in which they were written.
    pub(super) fn read(conn: &mut Conn) -> Self {
        Self::try_read(conn).expect("the tables are read")
    }

    fn try_read(conn: &mut Conn) -> QueryResult<Self> {
        let mut all = Self {
            people: people::table
                .order(people::id)
                .select(people::active)
                .load(conn)?,
            cursor: cursors::table.select(cursors::value).load(conn)?,
            ..Self::default()
        };
        all.read_places(conn)?;
        all.read_queue(conn)?;
        all.read_outbox(conn)?;
        Ok(all)
    }

    fn read_places(&mut self, conn: &mut Conn) -> QueryResult<()> {
        use {conversations as c, profiles as p, refusals as r};
        self.profiles = p::table
            .order(p::id)
            .select((p::person, p::endpoint, p::user_id))
            .load(conn)?;
        self.conversations = c::table
            .order(c::id)
            .select((c::endpoint, c::chat, c::thread, c::reachable))
            .load(conn)?;
        self.refusals = r::table
            .order((r::endpoint, r::sender))
            .select((r::endpoint, r::sender, r::code, r::times, r::noticed_at))
            .load(conn)?;
        Ok(())
    }

    fn read_queue(&mut self, conn: &mut Conn) -> QueryResult<()> {
        use {attempts as a, messages as m, turns as t};
        self.turns = t::table
            .order(t::id)
            .select((
                t::id,
                t::conversation,
                t::profile,
                t::endpoint,
                t::lane,
                t::mode,
                t::state,
                t::claim,
                t::barren,
                t::failures,
                t::held,
                t::stop_asked,
                t::due_at,
                t::join_key,
                t::noticed_at,
                t::last_code,
                t::created_at,
                t::settled_at,
            ))
            .load(conn)?;
        self.messages = m::table
            .order(m::id)
            .select((
                m::turn,
                m::conversation,
                m::profile,
                m::endpoint,
                m::key,
                m::kind,
                m::text,
            ))
            .load(conn)?;
        self.attempts = a::table
            .order(a::id)
            .select((a::turn, a::claim, a::body, a::state, a::code))
            .load(conn)?;
        Ok(())
    }

    fn read_outbox(&mut self, conn: &mut Conn) -> QueryResult<()> {
        use {parts as p, replies as r};
        self.replies = r::table
            .order(r::id)
            .select((
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
                r::send_key,
                r::last_code,
                r::settled_at,
            ))
            .load(conn)?;
        self.parts = p::table
            .order((p::reply, p::place))
            .select((
                p::reply,
                p::place,
                p::payload,
                p::state,
                p::repeats,
                p::receipt,
            ))
            .load(conn)?;
        Ok(())
    }
}
