//! People, memberships and groups that are put into the database past the API, as an import leaves them: for tests and
//! benchmarks of large organizations.

use rollcall::clock::new_id;
use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::ids::{AccountId, GroupId, OrganizationId};
use rollcall::domain::organization::{AccountType, GroupRole, JoinedVia, Role};
use rollcall::domain::search_key::{name_key, search_key};
use rollcall::domain::timestamp::Timestamp;
use rollcall::domain::username::Username;
use rollcall::store::accounts::{self, Account};
use rollcall::store::group_members::Place;
use rollcall::store::groups::{self, Group};
use rollcall::store::memberships::{self, Membership, Terms};
use rollcall::store::{Connection, ROWS_AT_ONCE, group_members, transaction};

/// An account that is registered at that time.
pub fn person(email: &str, username: &str, at: Timestamp) -> Account {
    let email = EmailAddress::parse(email).expect("no address");
    let username = Username::parse(username).expect("no name");
    Account::new(email, username, at)
}

/// The membership of a student, since the account is there.
pub fn student(organization: OrganizationId, account: &Account) -> Membership {
    let terms = Terms {
        organization,
        account_type: AccountType::Student,
        role: Role::Member,
        joined_via: JoinedVia::CsvImport,
        joined_at: account.created_at,
    };
    Membership::new(account, &terms)
}

/// Stores people with their memberships.
pub fn insert_people(connection: &mut Connection, people: &[Account], members: &[Membership]) {
    let chunks = people.chunks(ROWS_AT_ONCE);
    for (people, members) in chunks.zip(members.chunks(ROWS_AT_ONCE)) {
        transaction(connection, |connection| {
            accounts::insert_new(connection, people)?;
            memberships::insert_all(connection, members)
        })
        .expect("no people");
    }
}

/// Stores a group without an invite code.
pub fn insert_group(
    connection: &mut Connection,
    (organization_id, created_at): (OrganizationId, Timestamp),
    name: &str,
) -> GroupId {
    let group = Group {
        id: new_id::<GroupId>(),
        organization_id,
        name_key: name_key(name),
        search_key: search_key(name),
        name: name.to_owned(),
        description: None,
        created_at,
    };
    assert!(groups::insert(connection, &group).expect("no group"));
    group.id
}

/// Puts people into a group, as members.
pub fn add_to_group(
    connection: &mut Connection,
    place: (OrganizationId, GroupId),
    people: &[AccountId],
) {
    for some in people.chunks(ROWS_AT_ONCE) {
        group_members::insert(connection, place, some, Place::by_hand(GroupRole::Member))
            .expect("no members");
    }
}
