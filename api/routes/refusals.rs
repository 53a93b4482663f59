//! The refusals that operations list in the document. Each is made as the server makes it, so that the examples
//! have its words; of two with one code, the one that an operation lists last is its own.

use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use super::bulk::refuse_wrong_number;
use super::extract::body::{broken_off, not_json, require_no_body};
use super::extract::idempotency::unusable_key;
use super::extract::reading::{read_json, read_query};
use super::extract::{FieldReason, Form};
use super::middleware::compressed_body;
use super::page::{PageQuery, PageSize};
use super::problem::{body_too_large, problems, timed_out};
use crate::crypto::hashing_lane::busy;
use crate::domain::connections::ConnectionKind;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AccountId, ConnectionId, OrganizationId};
use crate::domain::invitations::InvitationStatus;
use crate::domain::invite_code::CodeStatus;
use crate::domain::organization::{AccountType, OrganizationKind};
use crate::domain::password::Password;
use crate::domain::sign_in_policy::{SignInConnection, SignInOrganization};
use crate::domain::username::Username;
use crate::error::{Error, Result};
use crate::services::admission::account_type_not_in;
use crate::services::authentication::{password_change_required, session_confined};
use crate::services::authorization;
use crate::services::authorization::{ManageOrganization, Permission as _};
use crate::services::context::takes_a_person;
use crate::services::groups::name_taken as group_name_taken;
use crate::services::idempotency::conflict as idempotency_conflict;
use crate::services::invitations::errors::{
    ended, expired as invitation_expired, unknown as invitation_unknown,
};
use crate::services::invite_codes::redemption::{
    blocked as code_blocked, for_other_domains as code_for_other_domains, require_open,
    unknown as code_unknown,
};
use crate::services::members::not_managed_here;
use crate::services::members::removal::member_active;
use crate::services::memberships::last_admin;
use crate::services::reauthentication::password_needed;
use crate::services::sign_on_requirement::{self, last_emergency_admin};
use crate::services::trust::{password_of_others, untrusted, unverified_sender, without_mailbox};
use crate::state::identity_providers::federation_key_missing;

/// The id of anything in examples.
pub const EXAMPLE_ID: Uuid = Uuid::from_u128(0x0199_0f3b_6c1e_7d3a_9b52_0f6f_2a8d_4c11);

problems! {
    /// Of whatever reads a JSON body.
    BodyErrors: malformed_body body_too_large not_json;
    /// Of whatever takes no body.
    NoBodyErrors: broken_off surplus_body body_too_large;
    /// Of lists: the page, and what they are searched for.
    PageErrors: malformed_query page_out_of_range;
    /// Of whatever takes an `Idempotency-Key`.
    KeyErrors: broken_off idempotency_conflict body_too_large unusable_key;
    /// Of everything: a server can always fail, and takes no body that is compressed.
    AnyErrors: compressed_body timed_out failed unavailable;
    /// Of whatever needs a session.
    SessionErrors: not_signed_in password_change_required session_confined takes_a_person;
    /// The same where an account may act that has to change its password first.
    OpenSessionErrors: not_signed_in session_confined takes_a_person;
    /// Of whatever takes a session and needs none.
    OptionalSessionErrors: password_change_required;
    /// Of what Rollcall signs with its own key.
    NoFederationKey: federation_key_missing;
    /// Where an organization requires single sign-on.
    SsoRequired: sso_required;
    /// Of whatever happens within an organization.
    OrganizationErrors: not_signed_in password_change_required role_does_not_allow session_confined
        sso_required no_such_organization;
    /// Where the account is gone.
    NoSuchAccount: no_such_account;
    /// Where there is no such API key.
    NoSuchApiKey: no_such_api_key;
    /// Where there is no such domain.
    NoSuchDomain: no_such_domain;
    /// Where there is no such grant, or group.
    NoSuchGrant: no_such_grant;
    /// Where there is no such group.
    NoSuchGroup: no_such_group;
    /// Where there is no such import.
    NoSuchImport: no_such_import;
    /// Where there is no such invitation.
    NoSuchInvitation: no_such_invitation;
    /// Where there is no such request to join.
    NoSuchJoinRequest: no_such_join_request;
    /// Where there is no such member.
    NoSuchMember: no_such_member;
    /// Where there is no such session.
    NoSuchSession: no_such_session;
    /// Of an address.
    InvalidEmail: invalid_email;
    /// Of a name of something.
    InvalidName: invalid_name;
    /// Of a password that takes the place of another.
    InvalidNewPassword: invalid_new_password;
    /// Of a password.
    InvalidPassword: invalid_password;
    /// Of a name of somebody.
    InvalidUsername: invalid_username;
    /// Of calls on many people.
    NobodyNamed: nobody_named;
    /// Of account types.
    WrongAccountType: wrong_account_type;
    /// Of signing in.
    WrongCredentials: wrong_credentials;
    /// Of a password that has to be right.
    WrongPassword: wrong_password;
    /// Of the password that is changed.
    WrongCurrentPassword: wrong_current_password;
    /// Where the account may be closed.
    AccountDeactivated: account_deactivated;
    /// Of what cannot be undone.
    ReauthenticationErrors: password_needed too_many_tries;
    /// Of whatever is limited.
    TooManyTries: too_many_tries;
    /// Of whatever hashes a password.
    HashingErrors: busy;
    /// Of a group's name.
    GroupNameTaken: group_name_taken;
    /// Of whatever may leave an organization without an admin.
    LastAdmin: last_admin last_emergency_admin;
    /// Of deletions.
    MemberActive: member_active;
    /// Of whatever takes a seat.
    NoSeat: no_seat;
    /// Of what an organization does to its own accounts only.
    NotManagedHere: not_managed_here;
    /// Of what takes a password that nobody else has set.
    PasswordOfOthers: password_of_others without_mailbox;
    /// Of making somebody an admin or staff.
    UntrustedMember: untrusted;
    /// Of sending mail to others.
    UnverifiedSender: unverified_sender;
    /// Of looking for an invite code.
    UnknownCode: code_unknown;
    /// Of using an invite code.
    InviteCodeErrors: code_unknown code_paused code_expired code_used_up code_for_other_domains code_blocked
        no_seat;
    /// Of looking for an invitation by its link.
    UnknownInvitation: invitation_unknown;
    /// Of invitations that have been answered.
    EndedInvitation: invitation_ended;
    /// Of invitations that have expired.
    ExpiredInvitation: invitation_expired;
}

/// The refusal that a call has to end in.
pub fn refusal_of<T>(ended: Result<T>) -> Error {
    let taken = || Error::internal("an example of what is refused was taken");
    ended.err().unwrap_or_else(taken)
}

fn malformed_body() -> Error {
    refusal_of(read_json::<Value>(b"{ \"name\": "))
}

fn surplus_body() -> Error {
    refusal_of(require_no_body(b"surplus"))
}

fn malformed_query() -> Error {
    refusal_of(read_query::<PageQuery>("limit=many"))
}

fn page_out_of_range() -> Error {
    refusal_of(PageSize::parse(Some(1_000)))
}

fn failed() -> Error {
    Error::internal("an example")
}

fn unavailable() -> Error {
    Error::unavailable("an example")
}

fn not_signed_in() -> Error {
    Error::not_signed_in()
}

fn role_does_not_allow() -> Error {
    authorization::role_does_not_allow(ManageOrganization::access_level)
}

fn sso_required() -> Error {
    sign_on_requirement::sso_required(vec![SignInConnection {
        id: ConnectionId::from(EXAMPLE_ID),
        name: "School accounts".to_owned(),
        kind: ConnectionKind::Oidc,
        organization: SignInOrganization {
            id: OrganizationId::from(EXAMPLE_ID),
            name: "Hill Road School".to_owned(),
        },
    }])
}

fn no_such_organization() -> Error {
    Error::not_found("organization")
}

fn no_such_account() -> Error {
    Error::not_found("account")
}

fn no_such_api_key() -> Error {
    Error::not_found("API key")
}

fn no_such_domain() -> Error {
    Error::not_found("domain")
}

fn no_such_grant() -> Error {
    Error::not_found("grant")
}

fn no_such_group() -> Error {
    Error::not_found("group")
}

fn no_such_import() -> Error {
    Error::not_found("import")
}

fn no_such_invitation() -> Error {
    Error::not_found("invitation")
}

fn no_such_join_request() -> Error {
    Error::not_found("join request")
}

fn no_such_member() -> Error {
    Error::not_found("member")
}

fn no_such_session() -> Error {
    Error::not_found("session")
}

/// The refusal of one field.
fn invalid<T, E: FieldReason>(pointer: &'static str, parsed: Result<T, E>) -> Error {
    let mut form = Form::new();
    form.take(pointer, parsed);
    form.refusal()
}

fn invalid_email() -> Error {
    invalid("/email", EmailAddress::parse("jane.doe"))
}

fn invalid_name() -> Error {
    let mut form = Form::new();
    form.text("/name", "", 1);
    form.refusal()
}

fn invalid_new_password() -> Error {
    invalid("/new_password", Password::parse("short 1".to_owned()))
}

fn invalid_password() -> Error {
    invalid("/password", Password::parse("short 1".to_owned()))
}

fn invalid_username() -> Error {
    invalid("/username", Username::parse(""))
}

fn nobody_named() -> Error {
    refusal_of(refuse_wrong_number::<AccountId>("/account_ids", &[]))
}

/// The refusal of an account type of a company in a school.
pub fn wrong_account_type() -> Error {
    account_type_not_in(OrganizationKind::School, AccountType::Learner)
}

fn wrong_credentials() -> Error {
    Error::wrong_credentials()
}

fn wrong_password() -> Error {
    Error::wrong_password("/password")
}

fn wrong_current_password() -> Error {
    Error::wrong_password("/current_password")
}

fn account_deactivated() -> Error {
    Error::account_deactivated()
}

fn too_many_tries() -> Error {
    Error::rate_limited(Duration::from_secs(60))
}

fn no_seat() -> Error {
    Error::no_seat()
}

fn code_paused() -> Error {
    refusal_of(require_open(CodeStatus::Paused))
}

fn code_expired() -> Error {
    refusal_of(require_open(CodeStatus::Expired))
}

fn code_used_up() -> Error {
    refusal_of(require_open(CodeStatus::UsedUp))
}

fn invitation_ended() -> Error {
    ended(InvitationStatus::Declined)
}
