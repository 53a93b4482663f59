//! Any conditions together, in any order and from any place on, leave whom a plain filter leaves
//! (`docs/decisions/0077-members-search-index.md`).

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use rollcall::domain::email_domain::EmailDomain;
use rollcall::domain::ids::{AccountId, GroupId, OrganizationId};
use rollcall::domain::members::{Direction, MemberKey, MemberOrder, MemberSort};
use rollcall::domain::organization::{AccountType, GroupRole, MembershipStatus, Role};
use rollcall::domain::search_key::SearchWords;
use rollcall::domain::timestamp::Timestamp;
use rollcall::domain::username::Username;
use rollcall::store::accounts::{self, Account};
use rollcall::store::member_list::{self, MemberFilter, MemberPage, MemberRow};
use rollcall::store::memberships::Membership;
use rollcall::store::{Connection, group_members};

use crate::support::{App, both_databases, crowd, invariants};

/// More than are looked at first, and more than are few.
const MEMBERS: usize = 8_000;
const QUESTIONS: usize = 120;
const PAGE: usize = 20;

const WORDS: [&str; 16] = [
    "berg",
    "e",
    "李小龙",
    "龙",
    "late",
    "la",
    "ai",
    "ow al",
    "p4",
    "7",
    "dahl la",
    "rare",
    "xaver",
    "zz",
    "example",
    "@rare",
];

/// The organization as it was made, to be asked about.
struct Crowd {
    organization: OrganizationId,
    rows: Vec<MemberRow>,
    groups: HashMap<GroupId, HashMap<AccountId, GroupRole>>,
    manager: AccountId,
    began: Timestamp,
}

fn person(number: usize, began: Timestamp, organization: OrganizationId) -> Account {
    let family = ["Aalto", "Berg", "Cruz", "Dahl", "李小龙"][number % 5];
    let when = if number < 4_800 { "Main" } else { "Late" };
    let domain = if number % 700 == 9 { "rare" } else { "crowd" };
    let name = format!("{family} {when} {number:04}");
    let email = format!("p{number}@{domain}.example");
    let mut account = crowd::person(&email, &name, second(began, number));
    account.managed_by_organization_id = (number % 900 != 5).then_some(organization);
    account.email_verified_at = (number % 40 == 11).then_some(began);
    if number % 8 == 3 {
        account.last_active_at = second(began, MEMBERS - number);
    }
    account
}

fn second(began: Timestamp, number: usize) -> Timestamp {
    began.plus(Duration::from_secs(u64::try_from(number).unwrap()))
}

fn membership(number: usize, account: &Account, organization: OrganizationId) -> Membership {
    let mut membership = crowd::student(organization, account);
    if number.is_multiple_of(3) {
        membership.account_type = AccountType::Teacher;
    }
    if number % 500 == 2 {
        membership.role = Role::Admin;
    }
    if number % 60 == 4 {
        membership.status = MembershipStatus::Deactivated;
    }
    membership
}

impl Crowd {
    fn populate(app: &App, organization: OrganizationId) -> Self {
        let connection = &mut **invariants::connect(&app.state.services.pool);
        let began = app.now();
        let people: Vec<Account> = (0..MEMBERS)
            .map(|number| person(number, began, organization))
            .collect();
        let members = people.iter().enumerate();
        let members: Vec<_> = members
            .map(|(number, one)| membership(number, one, organization))
            .collect();
        crowd::insert_people(connection, &people, &members);
        let manager = people[3].id;
        let mut crowd = Self {
            organization,
            rows: Vec::new(),
            groups: HashMap::new(),
            manager,
            began,
        };
        let ids: Vec<AccountId> = people.iter().map(|one| one.id).collect();
        crowd.add_group(connection, ids.iter().copied().step_by(300).collect());
        crowd.add_group(connection, ids[3_500..].to_vec());
        crowd.add_group(connection, ids.iter().copied().step_by(2).collect());
        crowd.add_group(connection, ids[1_500..].to_vec());
        for renamed in people.iter().step_by(170) {
            let name = Username::parse(&format!("Xaver {}", renamed.username)).unwrap();
            accounts::rename(connection, renamed, &name).unwrap();
        }
        let everybody = MemberPage {
            order: MemberSort {
                by: MemberOrder::Name,
                direction: Direction::Ascending,
            },
            after: None,
            limit: 10_000,
        };
        crowd.rows = crowd.asked(connection, &MemberFilter::default(), &everybody);
        assert_eq!(crowd.rows.len(), MEMBERS + 1);
        crowd
    }

    /// A group, whose managers are the first and the manager of two of them.
    fn add_group(&mut self, connection: &mut Connection, members: Vec<AccountId>) {
        let name = format!("{} people", members.len());
        let group = crowd::insert_group(connection, (self.organization, self.began), &name);
        let place = (self.organization, group);
        let mut managers = vec![members[0]];
        if self.groups.len() < 2 {
            managers.push(self.manager);
        }
        group_members::insert(
            connection,
            place,
            &managers,
            group_members::Place::by_hand(GroupRole::Manager),
        )
        .unwrap();
        crowd::add_to_group(connection, place, &members);
        let mut roles: HashMap<_, _> = members
            .into_iter()
            .map(|id| (id, GroupRole::Member))
            .collect();
        roles.extend(managers.into_iter().map(|id| (id, GroupRole::Manager)));
        self.groups.insert(group, roles);
    }

    fn asked(
        &self,
        connection: &mut Connection,
        filter: &MemberFilter,
        page: &MemberPage,
    ) -> Vec<MemberRow> {
        member_list::list(connection, self.organization, filter, page).unwrap()
    }

    /// Conditions of which each stands alone in some questions and beside others in most.
    fn filter(&self, random: &mut fastrand::Rng) -> MemberFilter {
        let groups: Vec<&GroupId> = self.groups.keys().collect();
        let mut filter = MemberFilter::default();
        for _ in 0..random.usize(1..4) {
            match random.usize(0..12) {
                0..3 => filter.search = SearchWords::parse(random.choice(WORDS).unwrap()),
                3 => filter.account_type = random.choice(AccountType::ALL).copied(),
                4 => filter.role = random.choice(Role::ALL).copied(),
                5 => filter.status = random.choice(MembershipStatus::ALL).copied(),
                6 | 7 => {
                    filter.group = random.choice(&groups).map(|group| **group);
                    filter.group_role = random
                        .choice([
                            None,
                            None,
                            Some(GroupRole::Member),
                            Some(GroupRole::Manager),
                        ])
                        .unwrap();
                }
                8 => {
                    let domain = random.choice(["rare.example", "crowd.example", "no.example"]);
                    filter.email_domain = EmailDomain::parse(domain.unwrap()).ok();
                }
                9 => {
                    filter.email_verified = random.choice([None, Some(true), Some(false)]).unwrap();
                    filter.managed = random.choice([Some(true), Some(false)]).unwrap();
                }
                10 => {
                    let from = random.usize(0..MEMBERS);
                    filter.registered_from = Some(second(self.began, from));
                    filter.registered_to = Some(second(self.began, from + 900));
                    filter.active_from = random.bool().then_some(self.began);
                }
                _ => filter.managed_by = Some(self.manager),
            }
        }
        filter
    }

    /// Whom a plain filter leaves, in the order.
    fn expected(&self, filter: &MemberFilter, sort: MemberSort) -> Vec<Place> {
        let mut left: Vec<Place> = self
            .rows
            .iter()
            .filter(|row| self.fulfils(row, filter))
            .map(|row| place(row, sort.by))
            .collect();
        left.sort();
        if sort.direction == Direction::Descending {
            left.reverse();
        }
        left
    }

    fn fulfils(&self, row: &MemberRow, filter: &MemberFilter) -> bool {
        let (key, ..) = place(row, MemberOrder::Name);
        let mut words = filter.search.iter().flat_map(SearchWords::iter);
        let role_in = |group: &GroupId| self.groups[group].get(&row.account_id).copied();
        let managed: HashSet<&GroupId> = self
            .groups
            .iter()
            .filter(|(_, people)| people.get(&self.manager) == Some(&GroupRole::Manager))
            .map(|(id, _)| id)
            .collect();
        words.all(|word| key.contains(word))
            && is(filter.account_type, row.account_type)
            && is(filter.role, row.role)
            && is(filter.status, row.status)
            && is(filter.managed, row.managed)
            && is(filter.email_verified, row.email_verified)
            && filter
                .email_domain
                .as_ref()
                .is_none_or(|domain| key.ends_with(&format!("@{domain}")))
            && filter
                .group
                .is_none_or(|group| role_in(&group).is_some_and(|role| is(filter.group_role, role)))
            && (filter.managed_by.is_none() || managed.iter().any(|group| role_in(group).is_some()))
            && filter
                .registered_from
                .is_none_or(|from| row.registered_at >= from)
            && filter.registered_to.is_none_or(|to| row.registered_at < to)
            && filter
                .active_from
                .is_none_or(|from| row.last_active_at >= from)
    }
}

fn is<T: PartialEq>(asked: Option<T>, is: T) -> bool {
    asked.is_none_or(|asked| asked == is)
}

/// Where a member stands in an order.
type Place = (String, Option<Timestamp>, AccountId);

fn place(row: &MemberRow, by: MemberOrder) -> Place {
    match row.position(by).key {
        MemberKey::Name(name) => (name, None, row.account_id),
        MemberKey::Registered(at) | MemberKey::LastActive(at) => {
            (String::new(), Some(at), row.account_id)
        }
    }
}

both_databases!(any_conditions_leave_whom_a_plain_filter_leaves, |app| {
    let school = app.school().await;
    let crowd = Crowd::populate(app, school.id.parse().unwrap());
    invariants::check_members(&app.state.services.pool);
    let connection = &mut **invariants::connect(&app.state.services.pool);
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..QUESTIONS {
        let filter = crowd.filter(&mut random);
        let order = MemberSort {
            by: *random.choice(MemberOrder::ALL).unwrap(),
            direction: *random.choice(Direction::ALL).unwrap(),
        };
        let expected = crowd.expected(&filter, order);
        // From the beginning, behind somebody who is among them, and behind anybody.
        let anybody = random.choice(&crowd.rows);
        let among = random.choice(&expected).map(|place| place.2);
        let among = crowd.rows.iter().find(|row| Some(row.account_id) == among);
        for after in [None, among, anybody] {
            let begin = after.map(|row| place(row, order.by));
            let is_behind = |place: &&Place| match (&begin, order.direction) {
                (None, _) => true,
                (Some(begin), Direction::Ascending) => *place > begin,
                (Some(begin), Direction::Descending) => *place < begin,
            };
            let expected = expected.iter().filter(is_behind).take(PAGE);
            let expected: Vec<AccountId> = expected.map(|place| place.2).collect();
            let page = MemberPage {
                order,
                after: after.map(|row| row.position(order.by)),
                limit: i64::try_from(PAGE).unwrap(),
            };
            let found = crowd.asked(connection, &filter, &page);
            let found: Vec<AccountId> = found.iter().map(|row| row.account_id).collect();
            assert_eq!(found, expected, "{filter:?} {page:?}");
        }
    }
});
