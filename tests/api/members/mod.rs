//! Members: listed, changed by many, deactivated, removed, helped, exported (`docs/members.md`).

mod bulk;
mod export;
mod filters;
mod list;
mod managed_line;
mod offboarding;
mod password;
mod races;
mod rejoining;
mod search;
mod status;

use serde_json::Value;

use crate::support::App;
use crate::support::members::students;
use crate::support::people::{Organization, Person, text};

/// Some students without an account of a real person behind each: `p0@…`, `p1@…`, ….
async fn crowd(school: &Organization<'_>, people: usize) -> Vec<String> {
    let mut csv = String::from("email,password,username\n");
    for number in 0..people {
        csv.push_str(&format!(
            "p{number}@crowd.example,quiet rivers {number},Pupil {number:04}\n"
        ));
    }
    school.import_students(csv).await;
    let mut ids = Vec::new();
    let mut query = String::new();
    loop {
        let path = format!("/members?limit=200&email_domain=crowd.example{query}");
        let page = school.admin.get(&school.path(&path)).await;
        let page = page.expect_status(200);
        let items = page["items"].as_array().unwrap();
        ids.extend(items.iter().map(|member| text(&member["account_id"])));
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("&cursor={cursor}"),
            None => return ids,
        }
    }
}

/// The ledger says what the memberships are, and the admins are counted right.
fn check_invariants(app: &App, school: &Organization<'_>) {
    use diesel::prelude::*;
    use rollcall::domain::ids::OrganizationId;
    use rollcall::domain::invitations::{InvitationKind, InvitationStatus};
    use rollcall::domain::organization::{AccountType, MembershipStatus, Role};
    use rollcall::domain::seats::SeatPool;
    use rollcall::store::schema::{invitations, memberships, organizations};
    let id: OrganizationId = school.id.parse().unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    let active: Vec<(AccountType, Role)> = memberships::table
        .filter(memberships::organization_id.eq(id))
        .filter(memberships::status.eq(MembershipStatus::Active))
        .select((memberships::account_type, memberships::role))
        .load(&mut **connection)
        .unwrap();
    let admins: i64 = organizations::table
        .find(id)
        .select(organizations::active_admins)
        .first(&mut **connection)
        .unwrap();
    let counted = active.iter().filter(|(_, role)| *role == Role::Admin);
    assert_eq!(admins, i64::try_from(counted.count()).unwrap());
    assert!(admins >= 1);
    let offered: Vec<AccountType> = invitations::table
        .filter(invitations::organization_id.eq(id))
        .filter(invitations::status.eq(InvitationStatus::Pending))
        .filter(invitations::kind.eq(InvitationKind::Join))
        .select(invitations::account_type)
        .load(&mut **connection)
        .unwrap();
    for (pool, count) in rollcall::store::seats::list(&mut connection, id).unwrap() {
        let is_of_pool = |account_type: AccountType| {
            pool == SeatPool::Total || pool == SeatPool::from(account_type)
        };
        let used = active.iter().filter(|(of, _)| is_of_pool(*of));
        assert_eq!(count.used, i64::try_from(used.count()).unwrap(), "{pool}");
        let reserved = offered.iter().filter(|of| is_of_pool(**of)).count();
        assert_eq!(count.reserved, i64::try_from(reserved).unwrap(), "{pool}");
    }
}

/// Sets the limits of a licence as an operator.
async fn limit_seats(operator: &Person<'_>, school: &Organization<'_>, limits: Value) {
    let path = school.path("/seats");
    operator.put(&path, limits).await.expect_status(200);
}

/// The actions of the organization's log on one account, the latest first.
async fn actions_on(school: &Organization<'_>, account: &str) -> Vec<String> {
    let events = school.events_on(account).await;
    let events = events.as_array().unwrap();
    events.iter().map(|event| text(&event["action"])).collect()
}
