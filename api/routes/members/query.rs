//! Which members, in which order: the same questions for the list and for the file.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::domain::email_address::EmailAddressError;
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::GroupId;
use crate::domain::members::{Direction, MemberOrder, MemberPosition, MemberSort};
use crate::domain::organization::{AccountType, MembershipStatus, Role};
use crate::domain::spreadsheet::Delimiter;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};
use crate::routes::extract::time_or_day;
use crate::routes::page::{MAX_SEARCH, PageSize, bad_cursor, parse_cursor, parse_search};
use crate::store::member_list::{MemberFilter, MemberPage};

/// Declares query parameters that filter and order members, with further ones where given. (Flattened
/// into another struct, numbers and booleans of a query cannot be read.)
macro_rules! member_query {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$doc])*
        #[derive(Deserialize, IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        pub struct $name {
            /// Words in any order, each any part of the name or the address; case, accents, apostrophes
            /// and hyphens do not matter.
            #[param(max_length = 254, example = "jane")]
            search: Option<String>,
            account_type: Option<AccountType>,
            role: Option<Role>,
            status: Option<MembershipStatus>,
            /// Members of this group.
            group_id: Option<GroupId>,
            /// The part of the address behind the `@`, in any spelling.
            #[param(max_length = 253, example = "school.example")]
            email_domain: Option<String>,
            /// Whether the address is verified.
            email_verified: Option<bool>,
            /// Whether this organization manages the account.
            managed: Option<bool>,
            /// Registered at this moment or later.
            #[serde(default, deserialize_with = "time_or_day")]
            #[param(example = "2026-09-01T00:00:00Z")]
            registered_from: Option<Timestamp>,
            /// Registered before this moment.
            #[serde(default, deserialize_with = "time_or_day")]
            registered_to: Option<Timestamp>,
            /// Last active at this moment or later.
            #[serde(default, deserialize_with = "time_or_day")]
            #[param(example = "2026-09-01T00:00:00Z")]
            last_active_from: Option<Timestamp>,
            /// Last active before this moment, or never.
            #[serde(default, deserialize_with = "time_or_day")]
            last_active_to: Option<Timestamp>,
            /// `name` unless given.
            sort: Option<MemberOrder>,
            /// `asc` unless given.
            direction: Option<Direction>,
            $($(#[$field_meta])* pub $field: $kind,)*
        }

        impl $name {
            /// The order asked for.
            pub fn order(&self) -> MemberSort {
                order_of(self.sort, self.direction)
            }

            /// Which members.
            ///
            /// # Errors
            /// `validation_failed` for a text that cannot be looked for and for what is no domain.
            pub fn into_filter(self) -> Result<MemberFilter> {
                Ok(MemberFilter {
                    search: parse_search(self.search.as_deref(), MAX_SEARCH)?,
                    account_type: self.account_type,
                    role: self.role,
                    status: self.status,
                    group: self.group_id,
                    group_role: None,
                    email_domain: parse_domain(self.email_domain.as_deref())?,
                    email_verified: self.email_verified,
                    managed: self.managed,
                    registered_from: self.registered_from,
                    registered_to: self.registered_to,
                    active_from: self.last_active_from,
                    active_to: self.last_active_to,
                    managed_by: None,
                })
            }
        }
    };
}

member_query! {
    /// Which members, in which order, from where on.
    MemberQuery {
        /// How many entries: 1 to 200.
        #[param(minimum = 1, maximum = 200, default = 50)]
        limit: Option<i64>,
        /// The `next_cursor` of the page before, in the same order.
        #[param(max_length = 1000)]
        cursor: Option<String>,
    }
}

member_query! {
    /// Which members, in which order.
    ExportQuery {
        /// What divides the cells: `comma` unless given. Spreadsheet programs expect `semicolon` where the
        /// comma is the decimal separator.
        delimiter: Option<Delimiter>,
    }
}

/// The domain asked for; blank is none.
fn parse_domain(text: Option<&str>) -> Result<Option<EmailDomain>> {
    let text = text.map(str::trim).filter(|text| !text.is_empty());
    let refused =
        |error: EmailAddressError| Error::invalid("?email_domain", "invalid", error.to_string());
    text.map(EmailDomain::parse).transpose().map_err(refused)
}

/// The order asked for, by name upwards unless given.
pub fn order_of(sort: Option<MemberOrder>, direction: Option<Direction>) -> MemberSort {
    MemberSort {
        by: sort.unwrap_or(MemberOrder::Name),
        direction: direction.unwrap_or(Direction::Ascending),
    }
}

/// The page asked for, and how long it is.
///
/// # Errors
/// `validation_failed` for a limit out of range and for a cursor of another list or order.
pub fn page_of(
    order: MemberSort,
    limit: Option<i64>,
    cursor: Option<&str>,
) -> Result<(PageSize, MemberPage)> {
    let limit = PageSize::parse(limit)?;
    let after: Option<MemberPosition> = parse_cursor(cursor)?;
    let is_of_another = |position: &MemberPosition| position.key.order() != order.by;
    if after.as_ref().is_some_and(is_of_another) {
        return Err(bad_cursor());
    }
    let page = MemberPage {
        order,
        after,
        limit: limit.with_lookahead(),
    };
    Ok((limit, page))
}
