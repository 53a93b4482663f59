//! New invite codes, drawn at random until one is free.

use diesel::dsl::{self, not};
use diesel::prelude::*;

use super::Connection;
use super::invite_codes::{StoredCode, exists, find, insert, replace};
use super::schema::{groups, invite_codes, organizations};
use crate::crypto::random;
use crate::domain::ids::{GroupId, OrganizationId};
use crate::domain::invite_code::InviteCode;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// Gives an owner without a code a new one; call it in the transaction that creates the owner.
pub fn create(
    connection: &mut Connection,
    organization: OrganizationId,
    group: Option<GroupId>,
    now: Timestamp,
) -> Result<()> {
    let new = StoredCode::new(organization, group, generate()?, now);
    create_with(connection, new, generate)
}

/// How many codes are drawn for one owner. One in 2^49 clashes with a given other.
const MAX_DRAWS: usize = 10;

/// As [`create`], with a first code and a source of others: where the code is another owner's, the
/// next one is tried.
///
/// # Errors
/// `internal` where every code that was drawn is another's.
pub fn create_with(
    connection: &mut Connection,
    mut new: StoredCode,
    mut draw: impl FnMut() -> Result<InviteCode>,
) -> Result<()> {
    let (organization, group) = (new.organization_id, new.group_id);
    for _ in 0..MAX_DRAWS {
        if insert(connection, &new)? || find(connection, organization, group)?.is_some() {
            return Ok(());
        }
        new.code = draw()?;
    }
    Err(Error::internal("no invite code is free"))
}

/// A random code.
///
/// # Errors
/// `internal` where the system has no randomness to give.
fn generate() -> Result<InviteCode> {
    random::invite_code()
}

/// Gives every organization and every group that has no code a new one, and tells how many.
pub fn create_missing(connection: &mut Connection, now: Timestamp) -> Result<usize> {
    let missing = without_code(connection)?;
    for (organization, group) in &missing {
        create(connection, *organization, *group, now)?;
    }
    Ok(missing.len())
}

fn without_code(connection: &mut Connection) -> Result<Vec<(OrganizationId, Option<GroupId>)>> {
    let own = invite_codes::table
        .filter(invite_codes::organization_id.eq(organizations::id))
        .filter(invite_codes::group_id.is_null());
    let organizations: Vec<OrganizationId> = organizations::table
        .filter(not(dsl::exists(own)))
        .select(organizations::id)
        .load(connection)?;
    let of_group = invite_codes::table.filter(invite_codes::group_id.eq(groups::id.nullable()));
    let groups: Vec<(OrganizationId, GroupId)> = groups::table
        .filter(not(dsl::exists(of_group)))
        .select((groups::organization_id, groups::id))
        .load(connection)?;
    let groups = groups
        .into_iter()
        .map(|(organization, id)| (organization, Some(id)));
    Ok(organizations
        .into_iter()
        .map(|id| (id, None))
        .chain(groups)
        .collect())
}

/// Puts a new code in the place of the old one, not used yet and not paused. An end that is over is
/// dropped; the maximum and the domains stay.
///
/// # Errors
/// As `create_with`.
pub fn reset(connection: &mut Connection, known: &StoredCode, now: Timestamp) -> Result<()> {
    reset_with(connection, known, now, generate)
}

/// As [`reset`], with a source of codes: where one is another owner's, the next one is tried.
///
/// # Errors
/// `internal` where every code that was drawn is another's.
pub fn reset_with(
    connection: &mut Connection,
    known: &StoredCode,
    now: Timestamp,
    mut draw: impl FnMut() -> Result<InviteCode>,
) -> Result<()> {
    for _ in 0..MAX_DRAWS {
        let code = draw()?;
        // One that is given away at this very moment fails at the index: the request may be sent again.
        if !exists(connection, &code)? {
            return replace(connection, known, &code, now);
        }
    }
    Err(Error::internal("no invite code is free"))
}
