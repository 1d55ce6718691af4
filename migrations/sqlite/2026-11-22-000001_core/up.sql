-- Times are unix milliseconds (UTC). What is unsettled has no `settled_at`: every index that serves
-- the flow covers only those rows, so that a long history costs nothing.
--
-- Checks say `OR` where `IN` would do: of a list of more than two SQLite makes a table at each write.

-- A human.
CREATE TABLE people (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    active     INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    notes      TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL
) STRICT;

-- That human on one endpoint.
CREATE TABLE profiles (
    id           INTEGER PRIMARY KEY,
    person       INTEGER NOT NULL REFERENCES people (id),
    endpoint     TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    username     TEXT,
    display_name TEXT,
    language     TEXT,
    created_at   INTEGER NOT NULL,
    UNIQUE (endpoint, user_id)
) STRICT;
CREATE INDEX profiles_person ON profiles (person);

-- An address: a chat, or a thread of it (`''` where it has none).
CREATE TABLE conversations (
    id         INTEGER PRIMARY KEY,
    endpoint   TEXT NOT NULL,
    account    TEXT NOT NULL,
    chat       TEXT NOT NULL,
    thread     TEXT NOT NULL DEFAULT '',
    reachable  INTEGER NOT NULL DEFAULT 1 CHECK (reachable IN (0, 1)),
    created_at INTEGER NOT NULL,
    UNIQUE (endpoint, account, chat, thread)
) STRICT;

-- One or more messages on their way through the agent. AUTOINCREMENT: pages know turns by their id.
CREATE TABLE turns (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    profile      INTEGER NOT NULL REFERENCES profiles (id),
    endpoint     TEXT NOT NULL,
    -- What is answered in order: `c<conversation>`, or `agent` where turns touch the whole agent.
    lane         TEXT NOT NULL,
    mode         TEXT NOT NULL CHECK (mode = 'echo' OR mode = 'listen' OR mode = 'live'),
    state        TEXT NOT NULL CHECK
                     (state = 'ready' OR state = 'running' OR state = 'kept' OR state = 'replied' OR
                      state = 'silent' OR state = 'failed' OR state = 'stopped' OR state = 'refused'),
    -- The fence: grows at each claim, never falls.
    claim        INTEGER NOT NULL DEFAULT 0,
    -- Claims since the last outcome; many mean that the turn kills its worker.
    barren       INTEGER NOT NULL DEFAULT 0,
    -- Failures that the agent reported.
    failures     INTEGER NOT NULL DEFAULT 0,
    -- Its lane is taken: it runs, or waits while an attempt of it may be at work at the agent.
    held         INTEGER NOT NULL DEFAULT 0 CHECK (held IN (0, 1)),
    stop_asked   INTEGER NOT NULL DEFAULT 0 CHECK (stop_asked IN (0, 1)),
    due_at       INTEGER NOT NULL,
    -- When it was last claimed.
    claimed_at   INTEGER,
    -- The daemon's start that runs it.
    boot         TEXT,
    join_key     TEXT,
    noticed_at   INTEGER,
    last_code    TEXT,
    last_error   TEXT,
    created_at   INTEGER NOT NULL,
    settled_at   INTEGER,
    CHECK ((state IN ('ready', 'running')) = (settled_at IS NULL)),
    CHECK ((state = 'running') = (boot IS NOT NULL)),
    CHECK (state <> 'running' OR held),
    CHECK (settled_at IS NULL OR NOT held)
) STRICT;
CREATE INDEX turns_open ON turns (conversation, id) WHERE settled_at IS NULL;
CREATE INDEX turns_order ON turns (id) WHERE settled_at IS NULL;
CREATE INDEX turns_held ON turns (lane, id) WHERE held;
-- What waits for its time, which few do.
CREATE INDEX turns_due ON turns (due_at) WHERE settled_at IS NULL AND due_at <> created_at;
CREATE UNIQUE INDEX turns_running ON turns (lane) WHERE state = 'running';

-- What came in. A message without a turn asked nothing of the agent: a command, or a kind that is only kept.
CREATE TABLE messages (
    id           INTEGER PRIMARY KEY,
    turn         INTEGER REFERENCES turns (id),
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    profile      INTEGER NOT NULL REFERENCES profiles (id),
    endpoint     TEXT NOT NULL,
    account      TEXT NOT NULL,
    key          TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK
                     (kind = 'text' OR kind = 'edit' OR kind = 'command' OR kind = 'other'),
    text         TEXT,
    raw          TEXT,
    received_at  INTEGER NOT NULL,
    UNIQUE (endpoint, account, key)
) STRICT;
CREATE INDEX messages_turn ON messages (turn);
CREATE INDEX messages_conversation ON messages (conversation, id);

-- One sending of a turn: stored exactly as it leaves, before it leaves.
CREATE TABLE attempts (
    id           INTEGER PRIMARY KEY,
    turn         INTEGER NOT NULL REFERENCES turns (id),
    claim        INTEGER NOT NULL,
    conversation TEXT NOT NULL,
    body         TEXT NOT NULL,
    otids        TEXT NOT NULL,
    tells        TEXT NOT NULL,
    state        TEXT NOT NULL CHECK
                     (state = 'open' OR state = 'answered' OR state = 'failed' OR state = 'cancelled'),
    code         TEXT,
    error        TEXT,
    created_at   INTEGER NOT NULL,
    ended_at     INTEGER,
    CHECK ((state = 'open') = (ended_at IS NULL))
) STRICT;
CREATE INDEX attempts_turn ON attempts (turn);
CREATE UNIQUE INDEX attempts_open ON attempts (turn) WHERE ended_at IS NULL;

-- The outbox: one text for one address. AUTOINCREMENT: endpoints tell parts apart by the reply's id.
CREATE TABLE replies (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    turn         INTEGER REFERENCES turns (id),
    conversation INTEGER NOT NULL REFERENCES conversations (id),
    endpoint     TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK
                     (kind = 'answer' OR kind = 'notice' OR kind = 'error' OR kind = 'operator'),
    text         TEXT NOT NULL,
    state        TEXT NOT NULL CHECK
                     (state = 'ready' OR state = 'sending' OR state = 'parked' OR
                      state = 'said' OR state = 'failed' OR state = 'dropped'),
    claim        INTEGER NOT NULL DEFAULT 0,
    failures     INTEGER NOT NULL DEFAULT 0,
    due_at       INTEGER NOT NULL,
    -- When it was last claimed.
    claimed_at   INTEGER,
    send_key     TEXT,
    last_code    TEXT,
    last_error   TEXT,
    created_at   INTEGER NOT NULL,
    settled_at   INTEGER,
    CHECK ((state = 'ready' OR state = 'sending' OR state = 'parked') = (settled_at IS NULL))
) STRICT;
CREATE INDEX replies_open ON replies (conversation, id) WHERE settled_at IS NULL;
CREATE INDEX replies_order ON replies (id) WHERE settled_at IS NULL;
CREATE INDEX replies_due ON replies (due_at) WHERE settled_at IS NULL AND due_at <> created_at;
CREATE UNIQUE INDEX replies_sending ON replies (conversation) WHERE state = 'sending';
CREATE INDEX replies_turn ON replies (turn);
CREATE UNIQUE INDEX replies_send_key ON replies (send_key) WHERE send_key IS NOT NULL;

-- A piece of a reply that one `send` takes.
CREATE TABLE parts (
    reply    INTEGER NOT NULL REFERENCES replies (id),
    place    INTEGER NOT NULL,
    payload  TEXT NOT NULL,
    state    TEXT NOT NULL CHECK
                 (state = 'planned' OR state = 'sending' OR state = 'said' OR state = 'unknowable'),
    -- How often it was sent again although the network may have had it.
    repeats  INTEGER NOT NULL DEFAULT 0,
    receipt  TEXT,
    said_at  INTEGER,
    PRIMARY KEY (reply, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX parts_repeated ON parts (reply) WHERE repeats > 0;
CREATE INDEX parts_unknowable ON parts (reply) WHERE state = 'unknowable';

-- Where an endpoint stands.
CREATE TABLE cursors (
    endpoint   TEXT NOT NULL,
    account    TEXT NOT NULL,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (endpoint, account)
) STRICT;

-- What an endpoint keeps for itself. AUTOINCREMENT: a number is an event id that readers resume from.
CREATE TABLE shelf (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint   TEXT NOT NULL,
    drawer     TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      TEXT NOT NULL,
    person     INTEGER REFERENCES people (id),
    expires_at INTEGER,
    UNIQUE (endpoint, drawer, key)
) STRICT;
CREATE INDEX shelf_drawer ON shelf (endpoint, drawer, id);
CREATE INDEX shelf_expiry ON shelf (expires_at) WHERE expires_at IS NOT NULL;

-- Ids at an agent of what is here: a conversation's conversation, a person's identity and block.
CREATE TABLE agent_ids (
    agent  TEXT NOT NULL,
    kind   TEXT NOT NULL CHECK (kind = 'conversation' OR kind = 'identity' OR kind = 'block'),
    owner  INTEGER NOT NULL,
    remote TEXT NOT NULL,
    -- What the agent was last told of the person in that conversation.
    told   TEXT,
    PRIMARY KEY (agent, kind, owner)
) STRICT;

-- Memory blocks that are, or may be, attached to the agent for a turn.
CREATE TABLE attachments (
    agent        TEXT NOT NULL,
    block        TEXT NOT NULL,
    conversation TEXT NOT NULL,
    since        INTEGER NOT NULL,
    PRIMARY KEY (agent, block)
) STRICT;

-- Who wrote without being allowed to; nothing of what they wrote.
CREATE TABLE refusals (
    endpoint   TEXT NOT NULL,
    account    TEXT NOT NULL,
    sender     TEXT NOT NULL,
    code       TEXT NOT NULL,
    times      INTEGER NOT NULL,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    noticed_at INTEGER,
    PRIMARY KEY (endpoint, account, sender)
) STRICT;
