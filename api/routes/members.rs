//! Members of an organization (PRODUCT 3.9).

use actix_web::{HttpRequest, HttpResponse, get, patch, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::extract::Caller;
use super::groups::GroupName;
use super::page::{Limit, Paged, bad_cursor, page_body, parse_cursor, refuse_unusable};
use super::problem::{OfBody, OfConflict, OfOrganization, OfQuery, Problem};
use crate::domain::ids::{AccountId, GroupId, OrganizationId};
use crate::domain::instant::Instant;
use crate::domain::members::{Direction, MemberOrder, MemberPosition, MemberSort};
use crate::domain::organization::{AccountType, JoinedVia, MembershipStatus, Role};
use crate::error::Result;
use crate::services::authorization::{ListMembers, ManageMembers};
use crate::services::members::{self, Member, MemberChanges};
use crate::store::memberships::{MemberFilter, MemberPage, MemberRow};

/// Mounts these operations.
pub fn mount(config: &mut ServiceConfig<'_>) {
    config
        .service(list_members)
        .service(get_member)
        .service(update_member);
}

/// A member, as those who look after them see them.
#[derive(Serialize, ToSchema)]
#[schema(as = Member, examples(json!({
    "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "username": "Jane Doe",
    "email": "jane.doe@school.example",
    "account_type": "student",
    "role": "member",
    "status": "active",
    "managed": true,
    "generated_address": false,
    "joined_via": "csv_import",
    "joined_at": "2026-09-01T07:30:00Z",
    "registered_at": "2026-09-01T07:30:00Z",
    "last_active_at": null,
    "groups": [{ "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12", "name": "7A" }]
})))]
pub struct MemberBody {
    account_id: AccountId,
    #[schema(min_length = 1, max_length = 100)]
    username: String,
    /// The address to sign in with.
    #[schema(max_length = 254)]
    email: String,
    account_type: AccountType,
    role: Role,
    status: MembershipStatus,
    /// Whether this organization created the account, and so may manage it.
    managed: bool,
    /// Whether Rollcall made the address up: nothing is ever mailed to it.
    generated_address: bool,
    joined_via: JoinedVia,
    joined_at: Instant,
    registered_at: Instant,
    /// To five minutes; `null`: never.
    last_active_at: Option<Instant>,
    #[schema(max_items = 10000)]
    groups: Vec<GroupName>,
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        let MemberRow {
            account,
            membership,
        } = member.row;
        Self {
            account_id: account.id,
            managed: account.managed_by_organization_id == Some(membership.organization_id),
            username: account.username.to_string(),
            email: account.email.to_string(),
            account_type: membership.account_type,
            role: membership.role,
            status: membership.status,
            generated_address: account.generated_address,
            joined_via: membership.joined_via,
            joined_at: membership.joined_at,
            registered_at: account.created_at,
            last_active_at: account.last_active_at.unless_never(),
            groups: member.groups.into_iter().map(GroupName::from).collect(),
        }
    }
}

page_body! {
    /// A page of members.
    MemberListPage of MemberBody
}

/// Which members, in which order.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MemberQuery {
    /// Any part of the name or the address; case and accents do not matter.
    #[param(max_length = 100)]
    search: Option<String>,
    account_type: Option<AccountType>,
    role: Option<Role>,
    status: Option<MembershipStatus>,
    /// Members of this group.
    group_id: Option<GroupId>,
    /// The part of the address behind the `@`.
    #[param(max_length = 253)]
    email_domain: Option<String>,
    /// Whether this organization created the account.
    managed: Option<bool>,
    /// Registered at this moment or later.
    registered_from: Option<Instant>,
    /// Registered before this moment.
    registered_to: Option<Instant>,
    /// Last active at this moment or later.
    last_active_from: Option<Instant>,
    /// Last active before this moment.
    last_active_to: Option<Instant>,
    /// `name` unless given.
    sort: Option<MemberOrder>,
    /// `asc` unless given.
    direction: Option<Direction>,
    /// How many entries: 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<i64>,
    /// The `next_cursor` of the page before, in the same order.
    #[param(max_length = 1000)]
    cursor: Option<String>,
}

impl MemberQuery {
    fn order(&self) -> MemberSort {
        MemberSort {
            by: self.sort.unwrap_or(MemberOrder::Name),
            direction: self.direction.unwrap_or(Direction::Ascending),
        }
    }

    fn page(&self, limit: Limit) -> Result<MemberPage> {
        let order = self.order();
        let after: Option<MemberPosition> = parse_cursor(self.cursor.as_deref())?;
        if after
            .as_ref()
            .is_some_and(|position| position.key.order() != order.by)
        {
            return Err(bad_cursor());
        }
        Ok(MemberPage {
            order,
            after,
            limit: limit.with_lookahead(),
        })
    }

    fn into_filter(self) -> Result<MemberFilter> {
        refuse_unusable("?search", self.search.as_deref(), 100)?;
        refuse_unusable("?email_domain", self.email_domain.as_deref(), 253)?;
        Ok(MemberFilter {
            search: self.search,
            account_type: self.account_type,
            role: self.role,
            status: self.status,
            group: self.group_id,
            email_domain: self.email_domain,
            managed: self.managed,
            registered_from: self.registered_from,
            registered_to: self.registered_to,
            active_from: self.last_active_from,
            active_to: self.last_active_to,
            managed_by: None,
        })
    }
}

/// What to change of a member; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "role": "admin" })))]
pub struct UpdateMemberRequest {
    role: Option<Role>,
    /// Takes a seat of the new type and frees one of the old.
    account_type: Option<AccountType>,
}

/// List members
///
/// Searched, filtered, in any of three orders. *Requires:* admin or operator; staff see the members
/// of the groups they manage.
#[utoipa::path(
    tag = "Members",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        MemberQuery
    ),
    responses(
        (status = 200, description = "A page.", body = MemberListPage),
        OfQuery, OfOrganization
    )
)]
#[get("/v1/organizations/{organization_id}/members")]
async fn list_members(
    http: HttpRequest,
    caller: Caller,
    path: web::Path<(OrganizationId,)>,
    query: web::Query<MemberQuery>,
) -> Result<HttpResponse, Problem> {
    let (id,) = path.into_inner();
    let query = query.into_inner();
    let limit = Limit::parse(query.limit)?;
    let page = query.page(limit)?;
    let order = page.order.by;
    let filter = query.into_filter()?;
    let found = caller
        .permitted::<ListMembers, _>(id, move |connection, permit| {
            members::list(connection, &permit, filter, &page)
        })
        .await?;
    let page = Paged::new(
        found,
        limit,
        |member| position(member, order),
        MemberBody::from,
    )?;
    Ok(page.respond(&http, MemberListPage::new))
}

fn position(member: &Member, order: MemberOrder) -> MemberPosition {
    let membership = &member.row.membership;
    MemberPosition {
        key: membership.key(order),
        account: membership.account_id,
    }
}

/// Get a member
///
/// *Requires:* admin or operator; staff for members of the groups they manage.
#[utoipa::path(
    tag = "Members",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("account_id" = AccountId, Path, description = "The member's account.")
    ),
    responses((status = 200, description = "The member.", body = MemberBody), OfOrganization)
)]
#[get("/v1/organizations/{organization_id}/members/{account_id}")]
async fn get_member(
    caller: Caller,
    path: web::Path<(OrganizationId, AccountId)>,
) -> Result<web::Json<MemberBody>, Problem> {
    let (id, account) = path.into_inner();
    let member = caller
        .permitted::<ListMembers, _>(id, move |connection, permit| {
            members::find(connection, &permit, account)
        })
        .await?;
    Ok(web::Json(member.into()))
}

/// Change a member's role or account type
///
/// The last admin cannot lose the role (`last_admin`); a type without a free seat is refused
/// (`no_seat`). *Requires:* admin, or operator.
#[utoipa::path(
    tag = "Members",
    params(
        ("organization_id" = OrganizationId, Path, description = "The organization."),
        ("account_id" = AccountId, Path, description = "The member's account.")
    ),
    responses(
        (status = 200, description = "The member as it is now.", body = MemberBody),
        OfBody, OfOrganization, OfConflict
    )
)]
#[patch("/v1/organizations/{organization_id}/members/{account_id}")]
async fn update_member(
    caller: Caller,
    path: web::Path<(OrganizationId, AccountId)>,
    body: web::Json<UpdateMemberRequest>,
) -> Result<web::Json<MemberBody>, Problem> {
    let (id, account) = path.into_inner();
    let changes = MemberChanges {
        role: body.role,
        account_type: body.account_type,
    };
    let member = caller
        .permitted::<ManageMembers, _>(id, move |connection, permit| {
            members::update(connection, &permit, account, changes)
        })
        .await?;
    Ok(web::Json(member.into()))
}
