//! Who writes, and where: people, their profiles, their conversations.

use diesel::prelude::*;

use crate::error::Result;
use crate::message::{About, Address, Sender};
use crate::time::Timestamp;

use super::Conn;
use super::kept::{insert, on};
use super::schema::{conversations, people, profiles};

/// A profile as intake needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Its id.
    pub id: i64,
    /// Its person.
    pub person: i64,
    /// Whether the operator lets the person talk.
    pub active: bool,
}

/// A conversation as intake needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversation {
    /// Its id.
    pub id: i64,
    /// Whether replies can reach it.
    pub reachable: bool,
}

/// The profile of `sender` on `endpoint`, with a person made for it the first time. Names that changed
/// are brought up to date.
pub fn meet(conn: &mut Conn, endpoint: &str, sender: &Sender, now: Timestamp) -> Result<Profile> {
    type Row = (
        i64,
        i64,
        bool,
        Option<String>,
        Option<String>,
        Option<String>,
    );
    let known = profiles::table
        .inner_join(people::table)
        .filter(
            profiles::endpoint
                .eq(endpoint)
                .and(profiles::user_id.eq(&sender.id)),
        )
        .select((
            profiles::id,
            profiles::person,
            people::active,
            profiles::username,
            profiles::display_name,
            profiles::language,
        ));
    let known: Option<Row> = on!(conn, known.first(conn)).optional()?;
    let Some((id, person, active, username, name, language)) = known else {
        return introduce(conn, endpoint, sender, now);
    };
    if (&username, &name, &language) != (&sender.username, &sender.name, &sender.language) {
        diesel::update(profiles::table.find(id))
            .set((
                profiles::username.eq(&sender.username),
                profiles::display_name.eq(&sender.name),
                profiles::language.eq(&sender.language),
            ))
            .execute(conn)?;
    }
    Ok(Profile { id, person, active })
}

fn introduce(conn: &mut Conn, endpoint: &str, sender: &Sender, now: Timestamp) -> Result<Profile> {
    let name = sender
        .name
        .as_ref()
        .or(sender.username.as_ref())
        .unwrap_or(&sender.id);
    let row = diesel::insert_into(people::table).values((
        people::name.eq(name),
        people::active.eq(true),
        people::notes.eq(""),
        people::created_at.eq(now.0),
    ));
    let person = insert!(conn, row, people::id)?;
    let row = diesel::insert_into(profiles::table).values((
        profiles::person.eq(person),
        profiles::endpoint.eq(endpoint),
        profiles::user_id.eq(&sender.id),
        profiles::username.eq(&sender.username),
        profiles::display_name.eq(&sender.name),
        profiles::language.eq(&sender.language),
        profiles::created_at.eq(now.0),
    ));
    let id = insert!(conn, row, profiles::id)?;
    Ok(Profile {
        id,
        person,
        active: true,
    })
}

/// The conversation at `address`, made the first time.
pub fn conversation(conn: &mut Conn, address: &Address, now: Timestamp) -> Result<Conversation> {
    if let Some(found) = find_conversation(conn, address)? {
        return Ok(found);
    }
    let row = diesel::insert_into(conversations::table).values((
        conversations::endpoint.eq(&address.endpoint),
        conversations::account.eq(&address.account),
        conversations::chat.eq(&address.chat),
        conversations::thread.eq(address.thread.as_deref().unwrap_or_default()),
        conversations::reachable.eq(true),
        conversations::created_at.eq(now.0),
    ));
    let id = insert!(conn, row, conversations::id)?;
    Ok(Conversation {
        id,
        reachable: true,
    })
}

/// The conversation at `address`, if there is one.
pub fn find_conversation(conn: &mut Conn, address: &Address) -> Result<Option<Conversation>> {
    let found = conversations::table
        .filter(
            conversations::endpoint
                .eq(&address.endpoint)
                .and(conversations::account.eq(&address.account))
                .and(conversations::chat.eq(&address.chat))
                .and(conversations::thread.eq(address.thread.as_deref().unwrap_or_default())),
        )
        .select((conversations::id, conversations::reachable));
    let found: Option<(i64, bool)> = on!(conn, found.first(conn)).optional()?;
    Ok(found.map(|(id, reachable)| Conversation { id, reachable }))
}

/// Where a conversation is.
pub fn address(conn: &mut Conn, conversation: i64) -> Result<Address> {
    let row = conversations::table.find(conversation).select(PLACE);
    Ok(at(on!(conn, row.first(conn))?))
}

/// A profile's and its person's columns of [`WHO`].
pub(super) type Who = (
    i64,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// What is told of a person.
pub(super) const WHO: (
    people::id,
    people::name,
    people::notes,
    profiles::user_id,
    profiles::username,
    profiles::display_name,
    profiles::language,
) = (
    people::id,
    people::name,
    people::notes,
    profiles::user_id,
    profiles::username,
    profiles::display_name,
    profiles::language,
);

/// The person that [`WHO`] holds.
pub(super) fn about(who: Who) -> About {
    let (person, name, notes, user_id, username, display_name, language) = who;
    About {
        person,
        name: display_name.or(Some(name)).filter(|name| !name.is_empty()),
        username,
        user_id,
        language,
        notes,
    }
}

/// A conversation's columns of [`PLACE`].
pub(super) type Place = (String, String, String, String);

/// Where a conversation is.
pub(super) const PLACE: (
    conversations::endpoint,
    conversations::account,
    conversations::chat,
    conversations::thread,
) = (
    conversations::endpoint,
    conversations::account,
    conversations::chat,
    conversations::thread,
);

/// The address that [`PLACE`] holds.
pub(super) fn at((endpoint, account, chat, thread): Place) -> Address {
    Address {
        endpoint,
        account,
        chat,
        thread: Some(thread).filter(|thread| !thread.is_empty()),
    }
}
