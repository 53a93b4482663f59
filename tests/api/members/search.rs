//! How people, groups and invitations are searched (`docs/members.md#search`).

use rollcall::domain::username::Username;
use rollcall::services::unit_of_work::UnitOfWork;
use rollcall::store::accounts;
use serde_json::{Value, json};

use crate::support::people::{Organization, PASSWORD, send, text};
use crate::support::{both_databases, invariants};

const PEOPLE: &str = "email,password,username\n\
    mira@bücher.example,quiet rivers 11,Mira Kovač\n\
    jean-luc@x.org,quiet rivers 12,Anna‑Lena Picard\n\
    li@x.org,quiet rivers 13,李小龙\n\
    o'neill@sub-domain.example,quiet rivers 14,Shane O’Neill\n\
    wild@x.org,quiet rivers 15,\"100%_\\ \"\"NEAR\"\" a* OR b:c ^(d)\"\n";

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The local parts of the addresses that a list shows.
async fn shown(school: &Organization<'_>, list: &str, query: &str) -> Vec<String> {
    let path = school.path(&format!("/{list}?{query}"));
    let page = school.admin.get(&path).await.expect_status(200);
    let items = page["items"].as_array().unwrap().iter();
    let emails = items.map(|item| text(&item["email"]));
    emails
        .map(|email| email.split('@').next().unwrap().to_owned())
        .collect()
}

async fn found(school: &Organization<'_>, search: &str) -> Vec<String> {
    shown(school, "members", &format!("search={}", encoded(search))).await
}

both_databases!(any_spelling_of_an_address_finds_its_person, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    for search in [
        "mira@bücher.example",
        "  MIRA@BÜCHER.example ",
        "mira@bu\u{308}cher.example",
        "mira@xn--bcher-kva.example",
        "ｍｉｒａ＠ｂｕ\u{308}ｃｈｅｒ．ｅｘａｍｐｌｅ",
        "mira@bücher。example",
        "@bücher.example",
        "@xn--bcher-kva.example",
        "bücher",
        "xn--bcher-kva.example",
    ] {
        assert_eq!(found(&school, search).await, ["mira"], "{search}");
    }
    for domain in [
        "bücher.example",
        " @BU\u{308}CHER.example",
        "xn--bcher-kva.example",
        "ｂüｃｈｅｒ。example",
    ] {
        let query = format!("email_domain={}", encoded(domain));
        assert_eq!(
            shown(&school, "members", &query).await,
            ["mira"],
            "{domain}"
        );
    }
    for (domain, expected) in [
        ("sub-domain.example", vec!["o'neill"]),
        ("subdomain.example", vec![]),
        ("cher.example", vec![]),
        ("ub-domain.example", vec![]),
    ] {
        let query = format!("email_domain={domain}");
        assert_eq!(
            shown(&school, "members", &query).await,
            expected,
            "{domain}"
        );
    }
    for domain in ["x", "a b.org", "%25.org", "x.org@y.org"] {
        let path = school.path(&format!("/members?email_domain={domain}"));
        let refused = school.admin.get(&path).await;
        refused.expect_fields(&[("?email_domain", "invalid")]);
    }
    let all = shown(&school, "members", "email_domain=+&search=+").await;
    assert_eq!(all.len(), 6);
});

both_databases!(words_in_any_order_find_whoever_has_them_all, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    for (search, expected) in [
        ("kovac mira", vec!["mira"]),
        ("KOV  ra", vec!["mira"]),
        ("example kovač", vec!["mira"]),
        ("picard x.org", vec!["jean-luc"]),
        ("anna-lena", vec!["jean-luc"]),
        ("Anna–Lena", vec!["jean-luc"]),
        ("lena anna", vec!["jean-luc"]),
        ("annalena", vec!["jean-luc"]),
        ("jean−luc@x.org", vec!["jean-luc"]),
        ("o'neill", vec!["o'neill"]),
        ("O´Neill", vec!["o'neill"]),
        ("ONEILL shane", vec!["o'neill"]),
        ("o‘neill@sub-domain.example", vec!["o'neill"]),
        ("小龙", vec!["li"]),
        ("龙", vec!["li"]),
        ("李 x.org", vec!["li"]),
        ("mira picard", vec![]),
        ("kovacmira", vec![]),
    ] {
        assert_eq!(found(&school, search).await, expected, "{search}");
    }
    assert_eq!(found(&school, "' -").await.len(), 6);
});

both_databases!(what_is_searched_for_is_plain_text, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    for search in [
        "%",
        "_",
        "\\",
        "100%_",
        "\"",
        "\"NEAR\"",
        "*",
        "a*",
        "OR b:c",
        "NEAR",
        "^(",
        "(d)",
        "b:c",
        ":c",
        "\"NEAR\" OR",
    ] {
        assert_eq!(found(&school, search).await, ["wild"], "{search}");
    }
    for search in [
        "x%org",
        "m_ra",
        "mi*",
        "\"mira\"",
        "mira OR li",
        "NOT mira",
        "NEAR(mira kovac)",
        "mira AND kovac",
        "search_key:mira",
        "';drop",
        "{}",
        "mira\\",
        "&|!<->",
    ] {
        assert_eq!(found(&school, search).await, [""; 0], "{search}");
    }
});

both_databases!(members_of_others_are_never_found, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    let other = app.organization("Other School", "school").await;
    let csv = "email,password,username\nmira@x.net,quiet rivers 11,Mira Kovač\n";
    other.import_students(csv).await;
    assert_eq!(found(&school, "mira").await, ["mira"]);
    assert_eq!(found(&other, "kovač x.net").await, ["mira"]);
    assert!(found(&other, "bücher").await.is_empty());
    assert!(found(&other, "小龙").await.is_empty());
});

both_databases!(a_renamed_member_is_found_by_the_new_name, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    let li = app.sign_in("li@x.org", "quiet rivers 13").await;
    let renamed = json!({ "username": "Bruce Lee" });
    li.patch("/v1/me", renamed).await.expect_status(200);
    assert_eq!(found(&school, "lee bru").await, ["li"]);
    assert!(found(&school, "小龙").await.is_empty());
    let path = school.path("/members?search=mira");
    let page = school.admin.get(&path).await.expect_status(200);
    let mira = school.path(&format!(
        "/members/{}",
        text(&page["items"][0]["account_id"])
    ));
    let renamed = json!({ "username": "Vera" });
    school.admin.patch(&mira, renamed).await.expect_status(200);
    assert_eq!(found(&school, "vera mira@bücher").await, ["mira"]);
    assert!(found(&school, "kovac").await.is_empty());
    school.admin.delete(&mira).await.expect_status(204);
    assert!(found(&school, "vera").await.is_empty());
});

both_databases!(a_new_name_reaches_the_places_in_groups, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    let li = app.sign_in("li@x.org", "quiet rivers 13").await;
    let before = school.new_group("7A").await;
    school.add_to_group(&before, &[&li.id], "member").await;
    let account = app.account(&li.id);
    let rename = move |tx: &mut UnitOfWork<'_>| {
        let name = Username::parse("Bruce Lee").expect("a name");
        accounts::rename(tx.connection, &account, &name)
    };
    let meanwhile = school.new_group("7B").await + "/members";
    let body = json!({ "account_ids": [li.id], "role": "member" });
    let adding = school.admin.post(&meanwhile, body);
    let added = app.during(rename, adding, |_| Ok(())).await;
    assert_eq!(added.expect_status(200)["summary"], json!({ "added": 1 }));
    invariants::check_members(&app.state.services.pool);
});

both_databases!(
    groups_and_invitations_are_searched_by_the_same_rule,
    |app| {
        let school = app.school().await;
        for name in ["Chœur d’été", "7-A", "合唱 100%_\""] {
            school.new_group(name).await;
        }
        let groups = |search: &'static str| {
            let path = school.path(&format!("/groups?search={}", encoded(search)));
            let admin = school.admin.clone();
            async move {
                let page = admin.get(&path).await.expect_status(200);
                let items = page["items"].as_array().unwrap();
                let names: Vec<Value> = items.iter().map(|group| group["name"].clone()).collect();
                names
            }
        };
        for (search, expected) in [
            ("dete CHOEUR", vec!["Chœur d’été"]),
            ("d'ete", vec!["Chœur d’été"]),
            ("7a", vec!["7-A"]),
            ("7–a", vec!["7-A"]),
            ("唱", vec!["合唱 100%_\""]),
            ("%_\"", vec!["合唱 100%_\""]),
            ("7b", vec![]),
        ] {
            assert_eq!(groups(search).await, expected, "{search}");
        }
        assert_eq!(groups(" - ").await.len(), 3);
        let emails = ["mira@bücher.example", "jean-luc@x.org"];
        let body = json!({ "emails": emails, "account_type": "student" });
        let path = school.path("/invitations");
        school.admin.post(&path, body).await.expect_status(200);
        for (search, expected) in [
            ("mira@BÜCHER.example", vec!["mira"]),
            ("@xn--bcher-kva.example", vec!["mira"]),
            ("bücher mira", vec!["mira"]),
            ("jean-luc@x.org", vec!["jean-luc"]),
            ("luc", vec!["jean-luc"]),
            ("mira x.org", vec![]),
        ] {
            let query = format!("search={}", encoded(search));
            assert_eq!(
                shown(&school, "invitations", &query).await,
                expected,
                "{search}"
            );
        }
    }
);

both_databases!(the_index_has_exactly_the_members, |app| {
    let school = app.school().await;
    school.import_students(PEOPLE).await;
    let other = app.organization("Other School", "school").await;
    let check = || invariants::check_members(&app.state.services.pool);
    check();
    let li = app.sign_in("li@x.org", "quiet rivers 13").await;
    let code = other
        .admin
        .get(&other.path("/invite-code"))
        .await
        .expect_status(200);
    let redeem = json!({ "code": code["code"] });
    li.post("/v1/invite-codes/redeem", redeem)
        .await
        .expect_status(200);
    check();
    assert_eq!(found(&other, "龙").await, ["li"]);
    let leave = format!("/v1/me/memberships/{}", other.id);
    li.delete(&leave).await.expect_status(204);
    check();
    assert!(found(&other, "龙").await.is_empty());
    let path = school.path("/members?search=wild");
    let page = school.admin.get(&path).await.expect_status(200);
    let wild = school.path(&format!(
        "/members/{}",
        text(&page["items"][0]["account_id"])
    ));
    school.admin.delete(&wild).await.expect_status(204);
    check();
    let delete = json!({ "password": PASSWORD });
    let path = format!("/v1/organizations/{}", school.id);
    let request = school.admin.request(reqwest::Method::DELETE, &path);
    send(request.json(&delete)).await.expect_status(204);
    check();
});

/// Only where there are many members is a page chosen among few, or the order read beyond its first members.
mod large_organizations {
    use super::*;
    use crate::support::crowd;
    use rollcall::domain::email_address::EmailAddress;
    use rollcall::domain::ids::GroupId;
    use rollcall::domain::organization::{AccountType, JoinedVia, Role};
    use rollcall::store::accounts::Account;
    use rollcall::store::memberships::{self, Membership, Terms};

    const MEMBERS: usize = 12_700;
    /// Whoever registered before is `Soon`, and no page of the first that are looked at has anybody else.
    const MAIN: usize = 2_100;
    /// More members than are candidates stand before.
    const LATE: usize = 12_200;

    /// A name for each number: every part of it tells something of the number.
    fn name(number: usize) -> String {
        let family = ["Aalto", "Berg", "Cruz", "Dahl", "李小龙"][number % 5];
        let when = match number {
            0..MAIN => "Soon",
            MAIN..LATE => "Main",
            _ => "Late",
        };
        format!("{family} {when} {number:05}")
    }

    /// Whoever is in a group: neither those who are looked at first nor the first by name have both.
    fn is_grouped(number: &usize) -> bool {
        (1_000..MAIN).contains(number) || (7_000..LATE).contains(number)
    }

    /// The people, and a group of more than are candidates.
    fn populate(school: &Organization<'_>, app: &crate::support::App) -> GroupId {
        let mut connection = invariants::connect(&app.state.services.pool);
        let terms = Terms {
            organization: school.id.parse().unwrap(),
            account_type: AccountType::Student,
            role: Role::Member,
            joined_via: JoinedVia::CsvImport,
            joined_at: app.now(),
        };
        let place = (terms.organization, terms.joined_at);
        let group = crowd::insert_group(&mut connection, place, "7A");
        for numbers in (0..MEMBERS).collect::<Vec<_>>().chunks(500) {
            let people: Vec<Account> = numbers
                .iter()
                .map(|number| {
                    let email = EmailAddress::parse(&format!("p{number}@crowd.example")).unwrap();
                    let name = Username::parse(&name(*number)).unwrap();
                    let seconds = u64::try_from(*number).unwrap();
                    let at = app.now().plus(std::time::Duration::from_secs(seconds));
                    let mut account = Account::new(email, name, at);
                    account.managed_by_organization_id =
                        (number % 3_000 != 0).then_some(terms.organization);
                    account
                })
                .collect();
            accounts::insert_new(&mut connection, &people).unwrap();
            let members: Vec<_> = people
                .iter()
                .map(|one| Membership::new(one, &terms))
                .collect();
            memberships::insert_all(&mut connection, &members).unwrap();
            let grouped = numbers.iter().zip(&people);
            let grouped = grouped.filter(|(number, _)| is_grouped(number));
            let grouped: Vec<_> = grouped.map(|(_, one)| one.id).collect();
            crowd::add_to_group(&mut connection, (terms.organization, group), &grouped);
        }
        group
    }

    /// All that a list shows, page by page.
    async fn all(school: &Organization<'_>, query: &str) -> Vec<String> {
        let mut emails = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = school.path(&format!("/members?limit=200&{query}{cursor}"));
            let page = school.admin.get(&path).await.expect_status(200);
            let items = page["items"].as_array().unwrap();
            emails.extend(items.iter().map(|item| text(&item["email"])));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return emails,
            }
        }
    }

    both_databases!(every_way_to_a_page_finds_the_same, |app| {
        let school = app.school().await;
        let group = populate(&school, app);
        invariants::check_members(&app.state.services.pool);
        let numbers = |is_in: fn(&usize) -> bool| -> Vec<String> {
            let numbers = (0..MEMBERS).filter(is_in);
            numbers
                .map(|number| format!("p{number}@crowd.example"))
                .collect()
        };
        for (query, expected) in [
            ("search=late".to_owned(), numbers(|n| *n >= LATE)),
            ("search=08777".to_owned(), numbers(|n| *n == 8_777)),
            (
                format!("search={}", encoded("小龙")),
                numbers(|n| n % 5 == 4),
            ),
            (
                format!("search={}", encoded("龙 late")),
                numbers(|n| *n >= LATE && n % 5 == 4),
            ),
            (
                "search=la+berg+crowd".to_owned(),
                numbers(|n| *n >= LATE && n % 5 == 1),
            ),
            (
                "search=main".to_owned(),
                numbers(|n| (MAIN..LATE).contains(n)),
            ),
            ("search=late+soon".to_owned(), Vec::new()),
            ("search=zz".to_owned(), Vec::new()),
            ("search=%25late".to_owned(), Vec::new()),
            (
                "managed=false&search=crowd".to_owned(),
                numbers(|n| n % 3_000 == 0),
            ),
            (
                "managed=false&search=main".to_owned(),
                numbers(|n| *n >= MAIN && n % 3_000 == 0),
            ),
            (
                "email_domain=crowd.example&search=late".to_owned(),
                numbers(|n| *n >= LATE),
            ),
            ("email_domain=rowd.example".to_owned(), Vec::new()),
            ("role=admin&search=crowd".to_owned(), Vec::new()),
            (
                "account_type=student&search=soon+dahl".to_owned(),
                numbers(|n| *n < MAIN && n % 5 == 3),
            ),
            (
                format!("group_id={group}&search=ai"),
                numbers(|n| is_grouped(n) && *n >= MAIN),
            ),
            (
                format!("group_id={group}&search=ai+ma+al"),
                numbers(|n| is_grouped(n) && *n >= MAIN && n % 5 == 0),
            ),
            (format!("group_id={group}&search=te"), Vec::new()),
            (
                format!("group_id={group}&search=soon"),
                numbers(|n| (1_000..MAIN).contains(n)),
            ),
            (
                "registered_from=2026-09-01T10:53:20Z&managed=true".to_owned(),
                numbers(|n| *n >= LATE && n % 3_000 != 0),
            ),
        ] {
            let by_registration = format!("{query}&sort=registered");
            assert_eq!(all(&school, &by_registration).await, expected, "{query}");
            let down = format!("{by_registration}&direction=desc");
            let mut found = all(&school, &down).await;
            found.reverse();
            assert_eq!(found, expected, "{down}");
            for order in ["sort=name&direction=desc", "sort=last_active", "sort=name"] {
                let mut found = all(&school, &format!("{query}&{order}")).await;
                let mut expected = expected.clone();
                found.sort();
                expected.sort();
                assert_eq!(found, expected, "{query} {order}");
            }
        }
        let path = "/members?search=main&sort=registered&limit=3";
        let page = school
            .admin
            .get(&school.path(path))
            .await
            .expect_status(200);
        let first = page["items"].as_array().unwrap().iter();
        let first: Vec<String> = first.map(|item| text(&item["email"])).collect();
        assert_eq!(first, numbers(|n| (MAIN..MAIN + 3).contains(n)));
    });
}
