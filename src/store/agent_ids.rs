//! What conversations and people here are called at an agent.

use diesel::prelude::*;

use crate::error::Result;
use crate::exchange::AgentIds;
use crate::time::Timestamp;

use super::Conn;
use super::kept::{on, update};
use super::schema::{agent_ids, attachments};

const CONVERSATION: &str = "conversation";
const IDENTITY: &str = "identity";
const BLOCK: &str = "block";

/// The ids at `agent` of a conversation and its person, and what the agent was last told there.
pub fn known(
    conn: &mut Conn,
    agent: &str,
    conversation: i64,
    person: i64,
) -> Result<(AgentIds, Option<String>)> {
    let here = look_up(conn, agent, CONVERSATION, conversation)?;
    let (remote, told) = here.unzip();
    let ids = AgentIds {
        conversation: remote,
        identity: look_up(conn, agent, IDENTITY, person)?.map(|(remote, _)| remote),
        block: look_up(conn, agent, BLOCK, person)?.map(|(remote, _)| remote),
    };
    Ok((ids, told.flatten()))
}

fn look_up(
    conn: &mut Conn,
    agent: &str,
    kind: &str,
    owner: i64,
) -> Result<Option<(String, Option<String>)>> {
    let row = agent_ids::table
        .find((agent, kind, owner))
        .select((agent_ids::remote, agent_ids::told));
    Ok(on!(conn, row.first(conn)).optional()?)
}

/// Stores the ids, in place of those before. A conversation that changed has been told nothing.
pub fn store(
    conn: &mut Conn,
    agent: &str,
    conversation: i64,
    person: i64,
    ids: &AgentIds,
) -> Result<()> {
    put(
        conn,
        agent,
        CONVERSATION,
        conversation,
        ids.conversation.as_deref(),
    )?;
    put(conn, agent, IDENTITY, person, ids.identity.as_deref())?;
    put(conn, agent, BLOCK, person, ids.block.as_deref())
}

fn put(conn: &mut Conn, agent: &str, kind: &str, owner: i64, remote: Option<&str>) -> Result<()> {
    let Some(remote) = remote else { return Ok(()) };
    let row = agent_ids::table.find((agent, kind, owner));
    let old: Option<String> = row.select(agent_ids::remote).first(conn).optional()?;
    if old.as_deref() == Some(remote) {
        return Ok(());
    }
    diesel::delete(row).execute(conn)?;
    diesel::insert_into(agent_ids::table)
        .values((
            agent_ids::agent.eq(agent),
            agent_ids::kind.eq(kind),
            agent_ids::owner.eq(owner),
            agent_ids::remote.eq(remote),
        ))
        .execute(conn)?;
    Ok(())
}

/// Forgets the ids of a conversation and its person, so that they are found or made anew.
pub fn forget(conn: &mut Conn, agent: &str, conversation: i64, person: i64) -> Result<()> {
    for (kind, owner) in [
        (CONVERSATION, conversation),
        (IDENTITY, person),
        (BLOCK, person),
    ] {
        diesel::delete(agent_ids::table.find((agent, kind, owner))).execute(conn)?;
    }
    Ok(())
}

/// Notes what the agent has been told of the person in a conversation.
pub fn told(conn: &mut Conn, agent: &str, conversation: i64, tells: &str) -> Result<()> {
    let row = agent_ids::table.find((agent, CONVERSATION, conversation));
    update!(conn, row, agent_ids::told.eq(tells))?;
    Ok(())
}

/// Notes that a block is about to be attached.
pub fn attaching(conn: &mut Conn, agent: &str, ids: &AgentIds, now: Timestamp) -> Result<()> {
    let (Some(block), Some(conversation)) = (&ids.block, &ids.conversation) else {
        return Ok(());
    };
    let row = attachments::table.find((agent, block));
    diesel::delete(row).execute(conn)?;
    diesel::insert_into(attachments::table)
        .values((
            attachments::agent.eq(agent),
            attachments::block.eq(block),
            attachments::conversation.eq(conversation),
            attachments::since.eq(now.0),
        ))
        .execute(conn)?;
    Ok(())
}

/// Notes that a block is attached no more.
pub fn detached(conn: &mut Conn, agent: &str, block: &str) -> Result<()> {
    diesel::delete(attachments::table.find((agent, block))).execute(conn)?;
    Ok(())
}

/// The blocks that may be attached, with their conversations.
pub fn attached(conn: &mut Conn, agent: &str) -> Result<Vec<AgentIds>> {
    let rows: Vec<(String, String)> = attachments::table
        .filter(attachments::agent.eq(agent))
        .select((attachments::block, attachments::conversation))
        .load(conn)?;
    let ids = |(block, conversation)| AgentIds {
        block: Some(block),
        conversation: Some(conversation),
        identity: None,
    };
    Ok(rows.into_iter().map(ids).collect())
}
