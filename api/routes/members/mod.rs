//! Members of an organization (`docs/members.md`).

mod bulk;
mod export;
mod identities;
mod password;
mod query;
mod responses;
mod status;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::{Form, Guard as _, InOrganization, Json, MemberPath, OrganizationPath, Query};
use super::page::Paged;
use super::problem::Problem;
use super::refusals::{
    BodyErrors, InvalidUsername, LastAdmin, NoSeat, NoSuchMember, NotManagedHere,
    OrganizationErrors, PageErrors, UntrustedMember, WrongAccountType,
};
use crate::domain::organization::{AccountType, Role};
use crate::domain::username::Username;
use crate::routes::mounting::{Mounting, operations};
use crate::services::authorization::{ListMembers, ManageMembers, Permission as _};
use crate::services::members;
use crate::services::members::update::{self, MemberChanges};

use query::MemberQuery;
pub use query::{order_of, page_of};
pub use responses::MemberBody;
use responses::MemberListPage;

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(
        mounting,
        list_members,
        export::export_members,
        bulk::update_members,
        get_member,
        update_member,
        status::remove_member,
        status::deactivate_member,
        status::reactivate_member,
        identities::list_member_identities,
        identities::unlink_member_identity,
        password::reset_member_password
    );
}

/// What to change of a member; absent fields stay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(
    json!({ "account_type": "student" }),
    json!({ "role": "admin", "account_type": "teacher" })
))]
pub struct UpdateMemberRequest {
    role: Option<Role>,
    /// Takes a seat of the new type and frees one of the old.
    account_type: Option<AccountType>,
    /// Of accounts that this organization created only.
    #[schema(min_length = 1, max_length = 1000)]
    username: Option<String>,
}

/// List members
///
/// Searched, filtered, in any of three orders.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/members",
    tag = "Members",
    params(OrganizationPath, MemberQuery),
    responses(
        (status = 200, description = "A page.", body = MemberListPage),
        PageErrors, OrganizationErrors
    ),
    extensions(("x-permission" = json!(ListMembers::NAME)))
)]
async fn list_members(
    http: HttpRequest,
    request: InOrganization<ListMembers>,
    query: Query<MemberQuery>,
) -> Result<HttpResponse, Problem> {
    let query = query.into_inner();
    let (limit, page) = page_of(query.order(), query.limit, query.cursor.as_deref())?;
    let order = page.order.by;
    let filter = query.into_filter()?;
    let found = request
        .run(move |tx, permit| members::list(tx, &permit, filter, &page))
        .await?;
    let page = Paged::new(
        found,
        limit,
        |member| member.row.position(order),
        MemberBody::from,
    )?;
    Ok(page.respond(&http, MemberListPage::new))
}

/// Get a member
///
/// As the list shows them, with their groups.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/members/{account_id}",
    tag = "Members",
    params(MemberPath),
    responses(
        (status = 200, description = "The member.", body = MemberBody),
        OrganizationErrors, NoSuchMember
    ),
    extensions(("x-permission" = json!(ListMembers::NAME)))
)]
async fn get_member(
    request: InOrganization<ListMembers>,
    path: web::Path<MemberPath>,
) -> Result<web::Json<MemberBody>, Problem> {
    let account = path.account_id;
    let member = request
        .run(move |tx, permit| members::find(tx, &permit, account))
        .await?;
    Ok(web::Json(member.into()))
}

/// Change a member's role, account type or name
///
/// The last admin cannot lose the role (`last_admin`); a type without a free seat is refused
/// (`no_seat`). Groups are managed by staff and admins: whoever is neither any more becomes a plain
/// member of the groups that they managed. Only accounts that this organization created can be
/// renamed (`not_managed_here`). No API key changes a role, or anything of an admin (`forbidden`).
///
/// Who becomes an admin or staff needs a verified address and a password that nobody else has set; with a
/// generated address, one that was changed, in the organization that manages the account
/// (`email_not_verified`). They are signed out elsewhere.
#[utoipa::path(
    patch,
    path = "/v1/organizations/{organization_id}/members/{account_id}",
    tag = "Members",
    params(MemberPath),
    responses(
        (status = 200, description = "The member as it is now.", body = MemberBody),
        BodyErrors, OrganizationErrors, NoSuchMember, InvalidUsername, WrongAccountType, UntrustedMember,
        NotManagedHere, LastAdmin, NoSeat
    ),
    extensions(("x-permission" = json!(ManageMembers::NAME)))
)]
async fn update_member(
    request: InOrganization<ManageMembers>,
    path: web::Path<MemberPath>,
    body: Json<UpdateMemberRequest>,
) -> Result<web::Json<MemberBody>, Problem> {
    let account = path.account_id;
    let mut form = Form::new();
    let username = body.username.as_deref().map(Username::parse);
    let username = form.take_optional("/username", username);
    if form.has_errors() {
        return Err(form.refusal().into());
    }
    let changes = MemberChanges {
        role: body.role,
        account_type: body.account_type,
        username,
    };
    let member = request
        .change(move |tx, permit| update::update(tx, &permit, account, &changes))
        .await?;
    Ok(web::Json(member.into()))
}
