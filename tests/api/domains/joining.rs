//! Who may join by an address, at once or by asking.

use futures_util::future::join_all;

use super::*;
use crate::support::people::{Person, seats_in_total};

/// A school that has proven a domain, by which people join like this.
pub async fn school_with<'a>(app: &'a App, joining: &str) -> (Organization<'a>, String) {
    let school = app.school().await;
    let name = name_in(app, "hill");
    let domain = prove(&school, &name).await;
    let path = path_of(&school, &domain);
    let joining = json!({ "joining": joining });
    school.admin.patch(&path, joining).await.expect_status(200);
    (school, name)
}

/// Somebody with a verified address in a domain.
pub async fn somebody<'a>(app: &'a App, who: &str, domain: &str) -> Person<'a> {
    let person = app.register_unverified(&format!("{who}@{domain}")).await;
    app.verify_email(&person.id);
    person
}

pub async fn ask(who: &Person<'_>, school: &Organization<'_>) -> TestResponse {
    let body = json!({ "organization_id": school.id });
    who.post("/v1/me/join-requests", body).await
}

/// The organizations that somebody may join.
async fn joinable(who: &Person<'_>) -> Vec<Value> {
    let list = who.get("/v1/me/joinable").await.expect_status(200);
    list["items"].as_array().unwrap().clone()
}

async fn is_member(who: &Person<'_>, school: &Organization<'_>) -> bool {
    let path = school.path(&format!("/members/{}", who.id));
    school.admin.get(&path).await.status == 200
}

both_databases!(where_joining_is_open_people_are_in_at_once, |app| {
    let (school, name) = school_with(app, "open").await;
    let ann = somebody(app, "ann", &name).await;
    let offer = json!({
        "organization": { "id": school.id, "name": "Hill Road School" },
        "domain": name,
        "joining": "open",
        "account_type": "student",
    });
    assert_eq!(joinable(&ann).await, [offer]);
    let body = json!({ "organization_id": school.id, "note": " Hi!\r\n " });
    let joined = ann.post("/v1/me/join-requests", body).await;
    let request = joined.expect(
        201,
        json!({
            "id": "<uuid>",
            "account": { "id": ann.id, "username": "ann", "email": ann.email },
            "organization": { "id": school.id, "name": "Hill Road School" },
            "note": "Hi!",
            "status": "approved",
            "created_at": "2026-09-01T07:30:00Z",
            "decided_at": "2026-09-01T07:30:00Z",
        }),
    );
    let own = joined.header("location").to_owned();
    ann.get(&own).await.expect(200, request.clone());
    let path = school.path(&format!("/members/{}", ann.id));
    let member = school.admin.get(&path).await.expect_status(200);
    assert_eq!(member["joined_via"], "domain");
    assert_eq!(member["account_type"], "student");
    let events = school.events("member.joined").await;
    assert_eq!(events[0]["details"]["via"], "domain");
    assert_eq!(events[0]["details"]["join_request_id"], request["id"]);
    assert!(joinable(&ann).await.is_empty());
    ask(&ann, &school)
        .await
        .expect_problem(409, "already_member");
    assert_eq!(count_events(&school, "join_request.made").await, 0);
});

both_databases!(joining_takes_a_seat, |app| {
    let (school, name) = school_with(app, "open").await;
    let operator = app.operator().await;
    let limit = seats_in_total(Some(3));
    let seats = school.path("/seats");
    operator.put(&seats, limit).await.expect_status(200);
    let mut people = Vec::new();
    for number in 0..5 {
        people.push(somebody(app, &format!("p{number}"), &name).await);
    }
    // Each of them twice, at once.
    let asking = people.iter().chain(&people).map(|who| ask(who, &school));
    let answers = join_all(asking).await;
    let joined = answers.iter().filter(|it| it.status == 201).count();
    assert_eq!(joined, 2);
    let ledger = school.admin.get(&seats).await.expect_status(200);
    assert_eq!(ledger["total"]["used"], 3);
    for answer in answers.iter().filter(|it| it.status != 201) {
        assert_eq!(answer.status, 409, "{}", answer.text);
    }
    let late = somebody(app, "late", &name).await;
    ask(&late, &school).await.expect_problem(409, "no_seat");
});

both_databases!(an_address_that_nobody_proved_lets_nobody_in, |app| {
    let (school, name) = school_with(app, "open").await;
    let ann = app.register_unverified(&format!("ann@{name}")).await;
    assert!(joinable(&ann).await.is_empty());
    ask(&ann, &school)
        .await
        .expect_problem(403, "email_not_verified");
    // Somebody else knows the password: it shows nothing of the mailbox.
    let other = app.organization("Other School", "school").await;
    let csv = format!("email,password,username\nbob@{name},quiet rivers 11,Bob\n");
    other.import_students(csv).await;
    let bob = app.sign_in(&format!("bob@{name}"), "quiet rivers 11").await;
    app.verify_email(&bob.id);
    assert!(joinable(&bob).await.is_empty());
    ask(&bob, &school)
        .await
        .expect_problem(403, "email_not_verified");
    assert!(!is_member(&ann, &school).await && !is_member(&bob, &school).await);
    app.verify_email_by_reset(&bob.id);
    ask(&bob, &school).await.expect_status(201);
});

both_databases!(
    only_a_proven_domain_that_is_not_closed_lets_people_in,
    |app| {
        let (school, name) = school_with(app, "closed").await;
        let ann = somebody(app, "ann", &name).await;
        let is_refused = async |who: &Person<'_>| {
            assert!(joinable(who).await.is_empty());
            ask(who, &school).await.expect_problem(404, "not_found");
        };
        is_refused(&ann).await;
        let pending = json!({ "domain": name_in(app, "dale"), "joining": "open" });
        let domains = school.path("/domains");
        school
            .admin
            .post(&domains, pending)
            .await
            .expect_status(201);
        is_refused(&somebody(app, "bob", &name_in(app, "dale")).await).await;
        is_refused(&somebody(app, "eve", &format!("mail.{name}")).await).await;
        is_refused(&somebody(app, "eve", "x.example").await).await;
        let nowhere = json!({ "organization_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11" });
        let refused = ann.post("/v1/me/join-requests", nowhere).await;
        refused.expect_problem(404, "not_found");
        // The domain of one organization is no way into another.
        let other = app.organization("Other School", "school").await;
        let list = school.admin.get(&domains).await.expect_status(200);
        let path = path_of(&school, &list["items"][0]);
        let open = json!({ "joining": "open" });
        school.admin.patch(&path, open).await.expect_status(200);
        ask(&ann, &other).await.expect_problem(404, "not_found");
        school.admin.delete(&path).await.expect_status(204);
        is_refused(&ann).await;
    }
);

both_databases!(
    whom_an_admin_removed_does_not_come_back_by_the_address,
    |app| {
        let (school, name) = school_with(app, "open").await;
        let (ann, bob) = (
            somebody(app, "ann", &name).await,
            somebody(app, "bob", &name).await,
        );
        for who in [&ann, &bob] {
            ask(who, &school).await.expect_status(201);
        }
        let of = |who: &Person<'_>| school.path(&format!("/members/{}", who.id));
        school.admin.delete(&of(&ann)).await.expect_status(204);
        let deactivate = format!("{}/deactivate", of(&bob));
        school
            .admin
            .post(&deactivate, json!({}))
            .await
            .expect_status(200);
        for who in [&ann, &bob] {
            assert!(joinable(who).await.is_empty());
            ask(who, &school)
                .await
                .expect_problem(403, "removed_by_admin");
        }
        // Nor by another address of the same mailbox.
        let alias = somebody(app, "bob+again", &name).await;
        let other = somebody(app, "ann+again", &name).await;
        for who in [&alias, &other] {
            assert!(joinable(who).await.is_empty());
            ask(who, &school)
                .await
                .expect_problem(403, "removed_by_admin");
        }
        let (uma, stranger) = ("uma_x+school", "umaax+school");
        let uma = somebody(app, uma, &name).await;
        ask(&uma, &school).await.expect_status(201);
        school.admin.delete(&of(&uma)).await.expect_status(204);
        for again in ["uma_x", "uma_x+other"] {
            let again = somebody(app, again, &name).await;
            ask(&again, &school)
                .await
                .expect_problem(403, "removed_by_admin");
        }
        let stranger = somebody(app, stranger, &name).await;
        ask(&stranger, &school).await.expect_status(201);
        // Who leaves may come back.
        let eve = somebody(app, "eve", &name).await;
        ask(&eve, &school).await.expect_status(201);
        let leave = format!("/v1/me/memberships/{}", school.id);
        eve.delete(&leave).await.expect_status(204);
        ask(&eve, &school).await.expect_status(201);
    }
);

both_databases!(
    who_becomes_staff_by_the_address_is_signed_out_elsewhere,
    |app| {
        let (school, name) = school_with(app, "open").await;
        let staff = json!({ "default_account_type": "teacher" });
        school
            .admin
            .patch(&school.path(""), staff)
            .await
            .expect_status(200);
        let tom = somebody(app, "tom", &name).await;
        let here = app.sign_in(&tom.email, PASSWORD).await;
        ask(&here, &school).await.expect_status(201);
        let path = school.path(&format!("/members/{}", tom.id));
        let member = school.admin.get(&path).await.expect_status(200);
        assert_eq!(member["account_type"], "teacher");
        tom.get("/v1/me").await.expect_problem(401, "not_signed_in");
        here.get("/v1/me").await.expect_status(200);
    }
);

both_databases!(a_key_and_a_long_note_are_refused, |app| {
    let (school, name) = school_with(app, "open").await;
    let ann = somebody(app, "ann", &name).await;
    let long = json!({ "organization_id": school.id, "note": "x".repeat(501) });
    let refused = ann.post("/v1/me/join-requests", long).await;
    refused.expect_problem(422, "validation_failed");
    let key = json!({ "name": "Reader", "scopes": ["members:write", "members:read"] });
    let key = school.admin.post(&school.path("/api-keys"), key).await;
    let key = Person {
        access_token: Some(text(&key.expect_status(201)["key"])),
        ..Person::anonymous(app)
    };
    for path in ["/domains", "/join-requests"] {
        key.get(&school.path(path))
            .await
            .expect_problem(403, "forbidden");
    }
    key.get("/v1/me/joinable")
        .await
        .expect_problem(403, "forbidden");
    ask(&key, &school).await.expect_problem(403, "forbidden");
});
