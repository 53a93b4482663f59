//! Whether an organization requires single sign-on (`docs/sso.md#required-single-sign-on`).

use actix_web::web;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Guard as _, InOrganization, Json, OrganizationPath};
use super::mounting::{Mounting, operations};
use super::problem::{Problem, problems};
use super::refusals::{BodyErrors, EXAMPLE_ID, OrganizationErrors};
use crate::domain::ids::AccountId;
use crate::domain::sign_in_policy::SignInPolicy;
use crate::error::{Error, Result};
use crate::services::authorization::{ManageSignInPolicy, Permission as _};
use crate::services::sso::policy::{
    self, no_active_connection, no_emergency_admin, no_tested_connection, not_an_admin,
};

/// Mounts these operations.
pub fn mount(mounting: &mut Mounting<'_>) {
    operations!(mounting, get_sign_in_policy, set_sign_in_policy);
}

/// The most emergency admins that an organization has.
const MAX_EMERGENCY_ADMINS: usize = 50;

/// How people have to sign in.
#[derive(Serialize, ToSchema)]
#[schema(as = SignInPolicy, examples(json!({
    "required": false, "emergency_admins": ["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11"]
})))]
pub struct SignInPolicyBody {
    /// Whether the organization opens only to sessions with a proof of its own connections (`sso_required`).
    required: bool,
    /// Admins whom it opens to with a password all the same.
    #[schema(max_items = 50)]
    emergency_admins: Vec<AccountId>,
}

impl From<SignInPolicy> for SignInPolicyBody {
    fn from(policy: SignInPolicy) -> Self {
        Self {
            required: policy.required,
            emergency_admins: policy.emergency_admins,
        }
    }
}

/// How people have to sign in from now on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({ "required": false, "emergency_admins": [] })))]
pub struct SetSignInPolicyRequest {
    required: bool,
    /// Active admins of the organization.
    #[schema(max_items = 50)]
    emergency_admins: Vec<AccountId>,
}

problems! {
    /// Of emergency admins.
    EmergencyAdminErrors: no_admin no_emergency_admin;
    /// Where nobody could sign in.
    NoWayIn: no_active_connection no_tested_connection;
}

fn no_admin() -> Error {
    Error::invalid_fields(vec![not_an_admin(&AccountId::from(EXAMPLE_ID))])
}

/// Get the sign-in policy
///
/// Whether single sign-on is required, and who may come with a password all the same.
#[utoipa::path(
    get,
    path = "/v1/organizations/{organization_id}/sign-in-policy",
    tag = "Single sign-on",
    params(OrganizationPath),
    responses(
        (status = 200, description = "The policy.", body = SignInPolicyBody),
        OrganizationErrors
    ),
    extensions(("x-permission" = json!(ManageSignInPolicy::NAME)))
)]
async fn get_sign_in_policy(
    request: InOrganization<ManageSignInPolicy>,
) -> Result<web::Json<SignInPolicyBody>, Problem> {
    let policy = request.run(|tx, permit| policy::find(tx, &permit)).await?;
    Ok(web::Json(policy.into()))
}

/// Set the sign-in policy
///
/// Where single sign-on is required, whatever belongs to the organization opens only to sessions with a proof of its own
/// connections; others get `sso_required`, at once. Emergency admins come with a password all the same. It can be
/// required only with an active, tested connection, and with an emergency admin who has signed in with a password within
/// the last 30 days.
#[utoipa::path(
    put,
    path = "/v1/organizations/{organization_id}/sign-in-policy",
    tag = "Single sign-on",
    params(OrganizationPath),
    responses(
        (status = 200, description = "The policy as it is now.", body = SignInPolicyBody),
        BodyErrors, OrganizationErrors, EmergencyAdminErrors, NoWayIn
    ),
    extensions(("x-permission" = json!(ManageSignInPolicy::NAME)))
)]
async fn set_sign_in_policy(
    request: InOrganization<ManageSignInPolicy>,
    body: Json<SetSignInPolicyRequest>,
) -> Result<web::Json<SignInPolicyBody>, Problem> {
    let SetSignInPolicyRequest {
        required,
        emergency_admins,
    } = body.into_inner();
    if emergency_admins.len() > MAX_EMERGENCY_ADMINS {
        let detail = format!("Name at most {MAX_EMERGENCY_ADMINS} emergency admins.");
        return Err(Error::invalid("/emergency_admins", "too_many", detail).into());
    }
    let new = SignInPolicy {
        required,
        emergency_admins,
    };
    let policy = request
        .change(move |tx, permit| policy::set(tx, &permit, new.clone()))
        .await?;
    Ok(web::Json(policy.into()))
}
