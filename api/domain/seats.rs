//! The pools of the seat ledger (`docs/organizations.md#seats`): the total, and one for each
//! account type.

use super::organization::AccountType;
use super::string_enum::string_enum;

string_enum! {
    /// What a line of the seat ledger counts.
    SeatPool {
        /// Every active member, whatever their account type.
        Total = "total",
        Student = "student",
        Teacher = "teacher",
        Learner = "learner",
        Creator = "creator",
    }
}

impl From<AccountType> for SeatPool {
    fn from(account_type: AccountType) -> Self {
        match account_type {
            AccountType::Student => Self::Student,
            AccountType::Teacher => Self::Teacher,
            AccountType::Learner => Self::Learner,
            AccountType::Creator => Self::Creator,
        }
    }
}

/// One line of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct SeatCount {
    /// The most there may be; `null` means unlimited.
    #[schema(minimum = 0)]
    pub limit: Option<i64>,
    /// Taken by active members.
    #[schema(minimum = 0)]
    pub used: i64,
    /// Promised to invitations that wait for an answer, and to accepted import rows that are not
    /// created yet.
    #[schema(minimum = 0)]
    pub reserved: i64,
    /// What is left; `null` means unlimited.
    #[schema(minimum = 0)]
    pub free: Option<i64>,
}

impl SeatCount {
    /// The line for these numbers. A limit below what is taken leaves nothing free.
    pub fn new(limit: Option<i64>, used: i64, reserved: i64) -> Self {
        let free = limit.map(|limit| limit.saturating_sub(used).saturating_sub(reserved).max(0));
        Self {
            limit,
            used,
            reserved,
            free,
        }
    }
}
