//! The orders in which members are listed, where in one of them a page begins, and how each ends
//! where many are changed.

use super::ids::AccountId;
use super::string_enum::string_enum;
use super::timestamp::Timestamp;

string_enum! {
    /// What members are ordered by.
    MemberOrder {
        Name = "name",
        Registered = "registered",
        LastActive = "last_active",
    }
}

string_enum! {
    /// Which way a list runs.
    Direction {
        Ascending = "asc",
        Descending = "desc",
    }
}

/// An order and its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberSort {
    pub by: MemberOrder,
    pub direction: Direction,
}

/// The last member of a page: the next page begins behind it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MemberPosition {
    pub key: MemberKey,
    pub account: AccountId,
}

/// A member's place in one of the orders.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberKey {
    /// The name, folded for order.
    Name(String),
    Registered(Timestamp),
    /// 1970 where never.
    LastActive(Timestamp),
}

impl MemberKey {
    /// The order that this is a place in.
    pub const fn order(&self) -> MemberOrder {
        match self {
            Self::Name(_) => MemberOrder::Name,
            Self::Registered(_) => MemberOrder::Registered,
            Self::LastActive(_) => MemberOrder::LastActive,
        }
    }
}

string_enum! {
    /// How one of many members who were to be changed ended.
    BulkOutcome {
        Updated = "updated",
        /// It was so already.
        Unchanged = "unchanged",
        /// No member of the organization.
        NotFound = "not_found",
        /// No seat of the new account type is free: nothing of this member changed.
        NoSeat = "no_seat",
        /// Who is to become staff has to verify the address first: nothing of this member changed.
        EmailNotVerified = "email_not_verified",
        /// An admin, on whom no API key acts: nothing of this member changed.
        Forbidden = "forbidden",
        /// Named before in the same request.
        DuplicateInRequest = "duplicate_in_request",
    }
}
