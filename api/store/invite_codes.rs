//! Invite codes: the organization's own, and one for each group (`docs/invite-codes.md`).

use super::Connection;
use super::backend::{each_backend, first_locked};
use super::groups::Group;
use super::organizations::Organization;
use super::schema::{groups, invite_codes, organizations};
use super::sql_types::JsonColumn;
use crate::clock::new_id;
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::{GroupId, InviteCodeId, OrganizationId};
use crate::domain::invite_code::{CodeBounds, CodeStatus, InviteCode};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use diesel::dsl::{self, case_when};
use diesel::prelude::*;

/// A code as it is kept.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = invite_codes, treat_none_as_default_value = false)]
pub struct StoredCode {
    pub id: InviteCodeId,
    pub organization_id: OrganizationId,
    /// None: the organization's own.
    pub group_id: Option<GroupId>,
    pub code: InviteCode,
    pub issued_at: Timestamp,
    pub paused: bool,
    pub expires_at: Option<Timestamp>,
    pub max_uses: Option<i64>,
    pub uses: i64,
    allowed_email_domains: JsonColumn,
}

impl StoredCode {
    /// A new code, open to everybody.
    pub fn new(
        organization: OrganizationId,
        group: Option<GroupId>,
        code: InviteCode,
        issued_at: Timestamp,
    ) -> Self {
        Self {
            id: new_id::<InviteCodeId>(),
            organization_id: organization,
            group_id: group,
            code,
            issued_at,
            paused: false,
            expires_at: None,
            max_uses: None,
            uses: 0,
            allowed_email_domains: JsonColumn(serde_json::Value::Array(Vec::new())),
        }
    }

    /// Whether it lets people in. [`take_use`] asks the same of the database.
    pub fn status(&self, now: Timestamp) -> CodeStatus {
        let bounds = CodeBounds {
            paused: self.paused,
            expires_at: self.expires_at,
            max_uses: self.max_uses,
        };
        CodeStatus::of(bounds, self.uses, now)
    }

    /// Whose addresses it is for; empty: everybody's.
    ///
    /// # Errors
    /// Where something else stands in the column.
    pub fn allowed_email_domains(&self) -> Result<Vec<EmailDomain>> {
        serde_json::from_value(self.allowed_email_domains.0.clone()).map_err(Error::internal)
    }
}

/// What to change of a code; absent fields stay.
#[derive(Clone, Debug, Default, AsChangeset)]
#[diesel(table_name = invite_codes)]
pub struct CodeChanges {
    pub max_uses: Option<Option<i64>>,
    pub expires_at: Option<Option<Timestamp>>,
    pub paused: Option<bool>,
    allowed_email_domains: Option<JsonColumn>,
}

impl CodeChanges {
    /// Limits the code to these domains; to none where there are none.
    ///
    /// # Errors
    /// Never, for domains.
    pub fn limit_to(&mut self, domains: &[EmailDomain]) -> Result<()> {
        let column = serde_json::to_value(domains).map_err(Error::internal)?;
        self.allowed_email_domains = Some(JsonColumn(column));
        Ok(())
    }

    /// The domains that the code is to be limited to, as JSON.
    pub fn allowed_email_domains(&self) -> Option<&serde_json::Value> {
        self.allowed_email_domains.as_ref().map(|column| &column.0)
    }

    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.max_uses.is_none()
            && self.expires_at.is_none()
            && self.paused.is_none()
            && self.allowed_email_domains.is_none()
    }
}

/// Adds a code; `false` where its owner has one already, or where the code is another's.
pub(super) fn insert(connection: &mut Connection, new: &StoredCode) -> Result<bool> {
    let inserted = each_backend!(connection, c => diesel::insert_into(invite_codes::table)
        .values(new)
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(inserted == 1)
}

/// The organization's own code, or that of one of its groups.
pub fn find(
    connection: &mut Connection,
    organization: OrganizationId,
    group: Option<GroupId>,
) -> Result<Option<StoredCode>> {
    let mut query = invite_codes::table
        .filter(invite_codes::organization_id.eq(organization))
        .select(StoredCode::as_select())
        .into_boxed();
    query = match group {
        Some(group) => query.filter(invite_codes::group_id.eq(group)),
        None => query.filter(invite_codes::group_id.is_null()),
    };
    Ok(query.first(connection).optional()?)
}

/// A code with what it leads to.
#[derive(Clone, Debug)]
pub struct CodeTarget {
    pub code: StoredCode,
    pub organization: Organization,
    pub group: Option<Group>,
}

/// What a code leads to, for whoever has it: the code itself tells whose it is.
pub fn find_target(connection: &mut Connection, code: &InviteCode) -> Result<Option<CodeTarget>> {
    let found: Option<(StoredCode, Organization, Option<Group>)> = invite_codes::table
        .inner_join(organizations::table)
        .left_join(groups::table.on(invite_codes::group_id.eq(groups::id.nullable())))
        .filter(invite_codes::code.eq(code))
        .select((
            StoredCode::as_select(),
            Organization::as_select(),
            Option::<Group>::as_select(),
        ))
        .first(connection)
        .optional()?;
    Ok(found.map(|(code, organization, group)| CodeTarget {
        code,
        organization,
        group,
    }))
}

/// Whether there is such a code.
pub fn exists(connection: &mut Connection, code: &InviteCode) -> Result<bool> {
    let same = invite_codes::table.filter(invite_codes::code.eq(code));
    Ok(diesel::select(dsl::exists(same)).get_result(connection)?)
}

/// Counts a use of a code that is still the same and open; `false`, and nothing changed, where it is
/// not. [`StoredCode::status`] tells what of it.
pub fn take_use(connection: &mut Connection, known: &StoredCode, now: Timestamp) -> Result<bool> {
    let open = invite_codes::table
        .find(known.id)
        .filter(invite_codes::organization_id.eq(known.organization_id))
        .filter(invite_codes::code.eq(&known.code))
        .filter(invite_codes::paused.eq(false))
        .filter(
            invite_codes::expires_at
                .is_null()
                .or(invite_codes::expires_at.assume_not_null().gt(now)),
        )
        .filter(
            invite_codes::max_uses.is_null().or(invite_codes::max_uses
                .assume_not_null()
                .gt(invite_codes::uses)),
        );
    let changed = diesel::update(open)
        .set(invite_codes::uses.eq(invite_codes::uses + 1))
        .execute(connection)?;
    Ok(changed == 1)
}

/// Locks a code against concurrent use until the transaction ends.
pub fn lock(connection: &mut Connection, id: InviteCodeId) -> Result<()> {
    let code = invite_codes::table.find(id).select(invite_codes::id);
    let _locked: Option<InviteCodeId> = first_locked!(connection, code)?;
    Ok(())
}

/// Locks the codes of an organization and of its groups, in their order, against concurrent use.
pub fn lock_all(connection: &mut Connection, organization: OrganizationId) -> Result<()> {
    let all = invite_codes::table
        .filter(invite_codes::organization_id.eq(organization))
        .order(invite_codes::id.asc())
        .select(invite_codes::id);
    match connection {
        Connection::Sqlite(_) => {}
        Connection::Postgres(postgres) => {
            all.for_no_key_update().load::<InviteCodeId>(postgres)?;
        }
    }
    Ok(())
}

/// Changes a code; `false`, and nothing changed, where the new maximum is below the uses, or where the code
/// is deleted.
pub fn update(
    connection: &mut Connection,
    known: &StoredCode,
    changes: &CodeChanges,
) -> Result<bool> {
    let least = changes.max_uses.flatten().unwrap_or(i64::MAX);
    let fitting = invite_codes::table
        .find(known.id)
        .filter(invite_codes::organization_id.eq(known.organization_id))
        .filter(invite_codes::uses.le(least));
    Ok(diesel::update(fitting).set(changes).execute(connection)? == 1)
}

/// Puts a code in the place of the old one, not used yet and not paused; see `invite_code_draws::reset`.
pub(super) fn replace(
    connection: &mut Connection,
    known: &StoredCode,
    code: &InviteCode,
    now: Timestamp,
) -> Result<()> {
    let same = invite_codes::table
        .find(known.id)
        .filter(invite_codes::organization_id.eq(known.organization_id));
    let still_ahead = invite_codes::expires_at.assume_not_null().gt(now);
    let end = case_when(
        invite_codes::expires_at.is_not_null().and(still_ahead),
        invite_codes::expires_at,
    );
    diesel::update(same)
        .set((
            invite_codes::code.eq(code),
            invite_codes::issued_at.eq(now),
            invite_codes::uses.eq(0),
            invite_codes::paused.eq(false),
            invite_codes::expires_at.eq(end.otherwise(None::<Timestamp>)),
        ))
        .execute(connection)?;
    Ok(())
}
