//! Which turn a write may touch: each names what must still hold for it.

use diesel::dsl::{And, Eq, Filter, Find};
use diesel::prelude::*;

use super::super::schema::turns;
use super::super::state::TurnState;

type One<P> = Filter<Find<turns::table, i64>, And<Eq<turns::state, &'static str>, P>>;

/// The turn, as long as it runs under this claim.
pub(super) fn held_by(turn: i64, claim: i64) -> One<Eq<turns::claim, i64>> {
    turns::table.find(turn).filter(
        turns::state
            .eq(TurnState::Running.as_str())
            .and(turns::claim.eq(claim)),
    )
}

/// The turn, as long as it waits and nothing of it can be at work.
pub(in crate::store) fn idle(turn: i64) -> One<Eq<turns::held, bool>> {
    turns::table.find(turn).filter(
        turns::state
            .eq(TurnState::Ready.as_str())
            .and(turns::held.eq(false)),
    )
}

/// The turn, as long as no worker has ever seen it.
pub(in crate::store) fn untouched(turn: i64) -> One<Eq<turns::claim, i64>> {
    turns::table.find(turn).filter(
        turns::state
            .eq(TurnState::Ready.as_str())
            .and(turns::claim.eq(0)),
    )
}
