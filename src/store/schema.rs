//! The tables, for both backends. Hand-kept; a test holds it against the migrations.
#![expect(missing_docs, reason = "the columns are described in the migrations")]

diesel::table! {
    people (id) {
        id -> BigInt,
        name -> Text,
        active -> Bool,
        notes -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    profiles (id) {
        id -> BigInt,
        person -> BigInt,
        endpoint -> Text,
        user_id -> Text,
        username -> Nullable<Text>,
        display_name -> Nullable<Text>,
        language -> Nullable<Text>,
        created_at -> BigInt,
    }
}

diesel::table! {
    conversations (id) {
        id -> BigInt,
        endpoint -> Text,
        account -> Text,
        chat -> Text,
        thread -> Text,
        reachable -> Bool,
        created_at -> BigInt,
    }
}

diesel::table! {
    turns (id) {
        id -> BigInt,
        conversation -> BigInt,
        profile -> BigInt,
        endpoint -> Text,
        lane -> Text,
        mode -> Text,
        state -> Text,
        claim -> BigInt,
        barren -> Integer,
        failures -> Integer,
        held -> Bool,
        stop_asked -> Bool,
        due_at -> BigInt,
        claimed_at -> Nullable<BigInt>,
        boot -> Nullable<Text>,
        join_key -> Nullable<Text>,
        noticed_at -> Nullable<BigInt>,
        last_code -> Nullable<Text>,
        last_error -> Nullable<Text>,
        created_at -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    messages (id) {
        id -> BigInt,
        turn -> Nullable<BigInt>,
        conversation -> BigInt,
        profile -> BigInt,
        endpoint -> Text,
        account -> Text,
        key -> Text,
        kind -> Text,
        text -> Nullable<Text>,
        raw -> Nullable<Text>,
        received_at -> BigInt,
    }
}

diesel::table! {
    attempts (id) {
        id -> BigInt,
        turn -> BigInt,
        claim -> BigInt,
        conversation -> Text,
        body -> Text,
        otids -> Text,
        tells -> Text,
        state -> Text,
        code -> Nullable<Text>,
        error -> Nullable<Text>,
        created_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    replies (id) {
        id -> BigInt,
        turn -> Nullable<BigInt>,
        conversation -> BigInt,
        endpoint -> Text,
        kind -> Text,
        text -> Text,
        state -> Text,
        claim -> BigInt,
        failures -> Integer,
        due_at -> BigInt,
        claimed_at -> Nullable<BigInt>,
        send_key -> Nullable<Text>,
        last_code -> Nullable<Text>,
        last_error -> Nullable<Text>,
        created_at -> BigInt,
        settled_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    parts (reply, place) {
        reply -> BigInt,
        place -> Integer,
        payload -> Text,
        state -> Text,
        repeats -> Integer,
        receipt -> Nullable<Text>,
        said_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    cursors (endpoint, account) {
        endpoint -> Text,
        account -> Text,
        value -> Text,
        updated_at -> BigInt,
    }
}

diesel::table! {
    shelf (id) {
        id -> BigInt,
        endpoint -> Text,
        drawer -> Text,
        key -> Text,
        value -> Text,
        person -> Nullable<BigInt>,
        expires_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    agent_ids (agent, kind, owner) {
        agent -> Text,
        kind -> Text,
        owner -> BigInt,
        remote -> Text,
        told -> Nullable<Text>,
    }
}

diesel::table! {
    attachments (agent, block) {
        agent -> Text,
        block -> Text,
        conversation -> Text,
        since -> BigInt,
    }
}

diesel::table! {
    refusals (endpoint, account, sender) {
        endpoint -> Text,
        account -> Text,
        sender -> Text,
        code -> Text,
        times -> Integer,
        first_at -> BigInt,
        last_at -> BigInt,
        noticed_at -> Nullable<BigInt>,
    }
}

diesel::joinable!(profiles -> people (person));
diesel::joinable!(turns -> conversations (conversation));
diesel::joinable!(turns -> profiles (profile));
diesel::joinable!(messages -> profiles (profile));
diesel::joinable!(messages -> conversations (conversation));
diesel::joinable!(replies -> conversations (conversation));
diesel::allow_tables_to_appear_in_same_query!(
    people,
    profiles,
    conversations,
    turns,
    messages,
    attempts,
    replies,
    parts,
);
