//! Those who may not talk: counted, and told so once a day.

use std::time::Duration;

use diesel::prelude::*;

use crate::error::{Code, Error, Result};
use crate::message::{Inbound, Outcome, ReplyKind};
use crate::time::Timestamp;

use super::super::schema::refusals;
use super::super::{Conn, outbox, people};

/// A refused sender is told so at most once in this time.
const NOTICE_EVERY: Duration = Duration::from_hours(24);

/// Counts a message that is not taken, and tells its sender so if that has not been done today.
pub(super) fn refuse(
    conn: &mut Conn,
    inbound: &Inbound,
    code: Code,
    notice: Option<&str>,
    now: Timestamp,
) -> Result<Outcome> {
    let address = &inbound.address;
    let row = refusals::table.find((&address.endpoint, &address.account, &inbound.from.id));
    let known: Option<Option<i64>> = row.select(refusals::noticed_at).first(conn).optional()?;
    let told_at = known.flatten().map(Timestamp);
    let tell = notice.filter(|_| told_at.is_none_or(|at| now.since(at) >= NOTICE_EVERY));
    let noticed = if tell.is_some() {
        Some(now.0)
    } else {
        told_at.map(|at| at.0)
    };
    let set = (
        refusals::code.eq(code.as_str()),
        refusals::last_at.eq(now.0),
        refusals::noticed_at.eq(noticed),
    );
    if known.is_some() {
        let more = refusals::times.eq(refusals::times + 1);
        diesel::update(row)
            .set((more, set.0, set.1, set.2))
            .execute(conn)?;
    } else {
        diesel::insert_into(refusals::table)
            .values((
                refusals::endpoint.eq(&address.endpoint),
                refusals::account.eq(&address.account),
                refusals::sender.eq(&inbound.from.id),
                refusals::times.eq(1),
                refusals::first_at.eq(now.0),
                (set.0, set.1, set.2),
            ))
            .execute(conn)?;
    }
    if let Some(words) = tell {
        let place = people::conversation(conn, address, now)?;
        outbox::say(
            conn,
            place.id,
            &address.endpoint,
            None,
            ReplyKind::Notice,
            words,
            now,
        )?;
    }
    Ok(Outcome::Refused(Error::new(
        code,
        format!("`{}` may not talk to this agent", inbound.from.id),
    )))
}
