//! Who used which invite code, and when.

use diesel::prelude::*;

use super::Connection;
use super::invite_codes::StoredCode;
use super::schema::{accounts, invite_code_uses, invite_codes};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, InviteCodeId, InviteCodeUseId};
use crate::domain::invite_code::{CodeOutcome, InviteCode};
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;
use crate::error::Result;

/// A use of a code.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = invite_code_uses)]
pub struct CodeUse {
    pub id: InviteCodeUseId,
    pub invite_code_id: InviteCodeId,
    pub account_id: AccountId,
    /// The code as it was then.
    pub code: InviteCode,
    pub outcome: CodeOutcome,
    pub used_at: Timestamp,
}

/// Notes a use.
pub fn insert(connection: &mut Connection, new: &CodeUse) -> Result<()> {
    diesel::insert_into(invite_code_uses::table)
        .values(new)
        .execute(connection)?;
    Ok(())
}

/// A use with the name and the address of the person who joined by it.
pub type NamedUse = (CodeUse, Username, EmailAddress);

/// A page of a code's uses, the newest first.
pub fn list(
    connection: &mut Connection,
    known: &StoredCode,
    after: Option<InviteCodeUseId>,
    limit: i64,
) -> Result<Vec<NamedUse>> {
    let mut query = invite_code_uses::table
        .inner_join(accounts::table)
        .inner_join(invite_codes::table)
        .filter(invite_codes::organization_id.eq(known.organization_id))
        .filter(invite_code_uses::invite_code_id.eq(known.id))
        .order(invite_code_uses::id.desc())
        .limit(limit)
        .select((CodeUse::as_select(), accounts::username, accounts::email))
        .into_boxed();
    if let Some(after) = after {
        query = query.filter(invite_code_uses::id.lt(after));
    }
    Ok(query.load(connection)?)
}
