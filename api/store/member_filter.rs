//! Which members a list shows.

use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::{AccountId, GroupId};
use crate::domain::organization::{AccountType, GroupRole, MembershipStatus, Role};
use crate::domain::search_key::SearchWords;
use crate::domain::timestamp::Timestamp;

/// Which members a list shows; absent fields do not narrow it.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct MemberFilter {
    /// Each any part of the name or the address.
    pub search: Option<SearchWords>,
    pub account_type: Option<AccountType>,
    pub role: Option<Role>,
    pub status: Option<MembershipStatus>,
    pub group: Option<GroupId>,
    /// As what they are in the group.
    pub group_role: Option<GroupRole>,
    pub email_domain: Option<EmailDomain>,
    pub email_verified: Option<bool>,
    pub managed: Option<bool>,
    pub registered_from: Option<Timestamp>,
    pub registered_to: Option<Timestamp>,
    pub active_from: Option<Timestamp>,
    pub active_to: Option<Timestamp>,
    /// Only people in a group that this account manages.
    pub managed_by: Option<AccountId>,
}

impl MemberFilter {
    /// The words that a member's search key has to have, those of the domain among them.
    pub fn words(&self) -> Vec<SearchWords> {
        let domain = self.email_domain.as_ref();
        let domain = domain.and_then(|domain| SearchWords::parse(&format!("@{domain}")));
        self.search.iter().cloned().chain(domain).collect()
    }
}
