//! States are closed, and the schema itself holds the invariants.

use crate::support::database::{Database, each, try_run};

fn refuses(db: &mut Database, sql: &str) {
    assert!(try_run(&mut db.conn, sql).is_err(), "it took: {sql}");
}

#[test]
fn the_schema_refuses_states_that_do_not_exist() {
    each(|db| {
        db.turn("ann", "hi");
        db.begin();
        db.say("ann", "hello");
        db.claim_replies();
        for sql in [
            "UPDATE turns SET state = 'lost'",
            "UPDATE turns SET mode = 'shout'",
            "UPDATE turns SET settled_at = 1",
            "UPDATE turns SET state = 'ready'",
            "UPDATE turns SET state = 'replied', boot = NULL",
            "UPDATE messages SET kind = 'song'",
            "UPDATE attempts SET state = 'answered'",
            "UPDATE attempts SET ended_at = 1",
            "UPDATE attempts SET state = 'lost', ended_at = 1",
            "UPDATE replies SET state = 'lost'",
            "UPDATE replies SET state = 'said'",
            "UPDATE replies SET kind = 'joke'",
            "UPDATE parts SET state = 'lost'",
            "INSERT INTO agent_ids (agent, kind, owner, remote) VALUES ('a', 'pet', 1, 'x')",
        ] {
            refuses(db, sql);
        }
    });
}

#[test]
fn the_schema_refuses_a_second_of_what_there_may_be_one() {
    each(|db| {
        for chat in ["ann", "ann", "bob"] {
            db.turn(chat, "hi");
            db.say(chat, "hello");
        }
        db.begin();
        db.claim_replies();
        for sql in [
            "UPDATE turns SET state = 'running', boot = 'x' WHERE state = 'ready'",
            "UPDATE replies SET state = 'sending' WHERE state = 'ready'",
            "UPDATE messages SET key = 'k1'",
            "INSERT INTO attempts (turn, claim, conversation, body, otids, tells, state, created_at) \
             SELECT turn, claim, conversation, body, otids, tells, state, created_at FROM attempts",
            "INSERT INTO shelf (endpoint, drawer, key, value) \
             VALUES ('e', 'd', 'k', 'v'), ('e', 'd', 'k', 'v')",
            "DELETE FROM conversations",
            "DELETE FROM people",
        ] {
            refuses(db, sql);
        }
    });
}

#[test]
fn every_state_of_the_code_is_one_of_the_schema() {
    use broca::store::state::{ReplyState, TurnState};
    each(|db| {
        db.turn("ann", "hi");
        db.say("ann", "hello");
        for state in TurnState::ALL {
            let (state, open) = (
                state.as_str(),
                matches!(state, TurnState::Ready | TurnState::Running),
            );
            let running = state == "running";
            let boot = if running { "'b'" } else { "NULL" };
            let settled = if open { "NULL" } else { "1" };
            let sql = format!(
                "UPDATE turns SET state = '{state}', boot = {boot}, held = {running}, settled_at = {settled}"
            );
            crate::support::database::run(&mut db.conn, &sql);
            assert_eq!(TurnState::parse(state).map(TurnState::as_str), Some(state));
        }
        for state in ReplyState::ALL {
            let open = matches!(
                state,
                ReplyState::Ready | ReplyState::Sending | ReplyState::Parked
            );
            let settled = if open { "NULL" } else { "1" };
            let state = state.as_str();
            let sql = format!("UPDATE replies SET state = '{state}', settled_at = {settled}");
            crate::support::database::run(&mut db.conn, &sql);
            assert_eq!(
                ReplyState::parse(state).map(ReplyState::as_str),
                Some(state)
            );
        }
    });
}
