//! Requests to join: made, withdrawn, approved, declined, and told of.

use futures_util::future::join_all;

use super::joining::{ask, school_with, somebody};
use super::*;
use crate::support::people::Person;

/// Somebody with an open request to a school, whose people have to ask.
async fn asked<'a>(
    app: &'a App,
    (school, name): (&Organization<'_>, &str),
    who: &str,
) -> (Person<'a>, Value) {
    let who = somebody(app, who, name).await;
    let request = ask(&who, school).await.expect_status(201);
    assert_eq!(request["status"], "open");
    (who, request)
}

async fn decide(
    school: &Organization<'_>,
    request: &Value,
    (word, body): (&str, Value),
) -> TestResponse {
    let path = format!("/join-requests/{}/{word}", text(&request["id"]));
    school.admin.post(&school.path(&path), body).await
}

fn as_student() -> (&'static str, Value) {
    ("approve", json!({ "account_type": "student" }))
}

/// The ids of the requests of a status.
async fn listed(school: &Organization<'_>, status: &str) -> Vec<String> {
    let path = school.path(&format!("/join-requests?status={status}"));
    let page = school.admin.get(&path).await.expect_status(200);
    let items = page["items"].as_array().unwrap().iter();
    items.map(|request| text(&request["id"])).collect()
}

/// How many mails about requests the admin has got.
async fn digests(app: &App, school: &Organization<'_>) -> usize {
    let mails = app.mails().await.into_iter();
    let to_admin = mails.filter(|mail| mail.to == school.admin.email);
    to_admin
        .filter(|mail| mail.subject.ends_with("people ask to join"))
        .count()
}

both_databases!(an_admin_lets_people_in_who_ask, |app| {
    let (school, name) = school_with(app, "request").await;
    let group = school.new_group("7A").await;
    let (ann, request) = asked(app, (&school, &name), "ann").await;
    ask(&ann, &school)
        .await
        .expect_problem(409, "join_request_open");
    let joinable = ann.get("/v1/me/joinable").await.expect_status(200);
    assert_eq!(joinable["items"][0]["joining"], "request");
    assert_eq!(listed(&school, "open").await, [text(&request["id"])]);
    let events = school.events("join_request.made").await;
    assert_eq!(
        events[0]["subject"],
        json!({ "type": "join_request", "id": request["id"] })
    );
    assert_eq!(events[0]["details"], json!({ "account_id": ann.id }));

    let terms = json!({ "account_type": "student", "group_ids": [school.id_of(&group)] });
    let approved = decide(&school, &request, ("approve", terms)).await;
    let approved = approved.expect_status(200);
    assert_eq!(approved["status"], "approved");
    let path = school.path(&format!("/members/{}", ann.id));
    let member = school.admin.get(&path).await.expect_status(200);
    assert_eq!(member["joined_via"], "domain");
    assert_eq!(member["groups"][0]["name"], "7A");
    let mail = app.last_mail_to(&ann.email).await;
    assert_eq!(mail.subject, "You are a member of Hill Road School now");
    let events = school.events("join_request.approved").await;
    assert_eq!(events[0]["actor"]["account_id"], school.admin.id);
    let list = ann.get("/v1/me/join-requests").await;
    list.expect(200, json!({ "items": [approved], "next_cursor": null }));
    for decision in [as_student(), ("decline", json!({}))] {
        let again = decide(&school, &request, decision).await;
        again.expect_problem(409, "join_request_ended");
    }
    let own = format!("/v1/me/join-requests/{}", text(&request["id"]));
    ann.delete(&own)
        .await
        .expect_problem(409, "join_request_ended");
});

both_databases!(approving_keeps_the_rules_of_joining, |app| {
    let (school, name) = school_with(app, "request").await;
    let (ann, request) = asked(app, (&school, &name), "ann").await;
    let learner = json!({ "account_type": "learner" });
    let refused = decide(&school, &request, ("approve", learner)).await;
    refused.expect_problem(422, "account_type_not_in_kind");
    let nowhere = json!(["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11"]);
    let nowhere = json!({ "account_type": "student", "group_ids": nowhere });
    let refused = decide(&school, &request, ("approve", nowhere)).await;
    refused.expect_fields(&[("/group_ids", "group_unknown")]);
    let operator = app.operator().await;
    let full = crate::support::people::seats_in_total(Some(1));
    operator
        .put(&school.path("/seats"), full)
        .await
        .expect_status(200);
    let refused = decide(&school, &request, as_student()).await;
    refused.expect_problem(409, "no_seat");
    assert_eq!(listed(&school, "open").await, [text(&request["id"])]);
    let free = crate::support::people::seats_in_total(None);
    operator
        .put(&school.path("/seats"), free)
        .await
        .expect_status(200);
    // The domain may have gone meanwhile: the admin decides all the same.
    let list = school
        .admin
        .get(&school.path("/domains"))
        .await
        .expect_status(200);
    let path = path_of(&school, &list["items"][0]);
    school.admin.delete(&path).await.expect_status(204);
    let teacher = json!({ "account_type": "teacher" });
    app.unverify(&ann.id);
    let refused = decide(&school, &request, ("approve", teacher.clone())).await;
    refused.expect_problem(403, "email_not_verified");
    app.verify_email(&ann.id);
    decide(&school, &request, ("approve", teacher))
        .await
        .expect_status(200);
    // Who becomes staff is signed out.
    ann.get("/v1/me").await.expect_problem(401, "not_signed_in");
});

both_databases!(who_was_declined_or_withdrew_may_ask_again, |app| {
    let (school, name) = school_with(app, "request").await;
    let (ann, request) = asked(app, (&school, &name), "ann").await;
    let declined = decide(&school, &request, ("decline", json!({}))).await;
    assert_eq!(declined.expect_status(200)["status"], "declined");
    let told = school.events("join_request.declined").await;
    assert_eq!(told.as_array().unwrap().len(), 1);
    assert_eq!(told[0]["actor"]["account_id"], school.admin.id, "{told:#}");
    let mail = app.last_mail_to(&ann.email).await;
    assert_eq!(
        mail.subject,
        "Your request to join Hill Road School was declined"
    );
    let request = ask(&ann, &school).await.expect_status(201);
    let own = format!("/v1/me/join-requests/{}", text(&request["id"]));
    let bob = somebody(app, "bob", &name).await;
    bob.get(&own).await.expect_problem(404, "not_found");
    bob.delete(&own).await.expect_problem(404, "not_found");
    ann.delete(&own).await.expect_status(204);
    assert_eq!(
        ann.get(&own).await.expect_status(200)["status"],
        "withdrawn"
    );
    let late = decide(&school, &request, as_student()).await;
    late.expect_problem(409, "join_request_ended");
    assert_eq!(count_events(&school, "join_request.withdrawn").await, 1);
    // Ten a day in all.
    for _ in 0..8 {
        let request = ask(&ann, &school).await.expect_status(201);
        let own = format!("/v1/me/join-requests/{}", text(&request["id"]));
        ann.delete(&own).await.expect_status(204);
    }
    ask(&ann, &school).await.expect_problem(429, "rate_limited");
    assert!(listed(&school, "open").await.is_empty());
    assert_eq!(listed(&school, "withdrawn").await.len(), 9);
});

both_databases!(
    a_request_ends_when_its_account_joins_otherwise_or_goes,
    |app| {
        let (school, name) = school_with(app, "request").await;
        let (ann, request) = asked(app, (&school, &name), "ann").await;
        let code = school.admin.get(&school.path("/invite-code")).await;
        let code = json!({ "code": code.expect_status(200)["code"] });
        ann.post("/v1/invite-codes/redeem", code)
            .await
            .expect_status(200);
        assert_eq!(listed(&school, "approved").await, [text(&request["id"])]);
        let (bob, _) = asked(app, (&school, &name), "bob").await;
        let password = json!({ "password": PASSWORD });
        let delete = bob
            .request(reqwest::Method::DELETE, "/v1/me")
            .json(&password);
        crate::support::people::send(delete)
            .await
            .expect_status(204);
        assert!(listed(&school, "open").await.is_empty());
        // Where joining is open by now, an open request is the one that lets in.
        let (eve, request) = asked(app, (&school, &name), "eve").await;
        let list = school
            .admin
            .get(&school.path("/domains"))
            .await
            .expect_status(200);
        let open = json!({ "joining": "open" });
        let path = path_of(&school, &list["items"][0]);
        school.admin.patch(&path, open).await.expect_status(200);
        let joined = ask(&eve, &school).await.expect_status(201);
        assert_eq!(
            (&joined["id"], &joined["status"]),
            (&request["id"], &json!("approved"))
        );
    }
);

both_databases!(requests_are_decided_once_and_by_their_organization, |app| {
    let (school, name) = school_with(app, "request").await;
    let other = app.organization("Other School", "school").await;
    let (ann, request) = asked(app, (&school, &name), "ann").await;
    for decision in [as_student(), ("decline", json!({}))] {
        let refused = decide(&other, &request, decision).await;
        refused.expect_problem(404, "not_found");
    }
    assert!(listed(&other, "open").await.is_empty());
    let own = format!("/v1/me/join-requests/{}", text(&request["id"]));
    let withdrawn = ann.delete(&own);
    let decisions = [as_student(), ("decline", json!({})), as_student()];
    let decided = decisions.map(|decision| decide(&school, &request, decision));
    let (withdrawn, decided) = futures_util::future::join(withdrawn, join_all(decided)).await;
    let ended = decided.iter().filter(|it| it.status == 200).count();
    assert_eq!(ended + usize::from(withdrawn.status == 204), 1);
    for refused in decided.iter().filter(|it| it.status != 200) {
        refused.expect_problem(409, "join_request_ended");
    }
    let stands = ann.get(&own).await.expect_status(200);
    let path = school.path(&format!("/members/{}", ann.id));
    let is_in = school.admin.get(&path).await.status == 200;
    assert_eq!(is_in, stands["status"] == "approved");
});

both_databases!(admins_are_told_of_requests_once_a_day_at_most, |app| {
    let (mut school, name) = school_with(app, "request").await;
    asked(app, (&school, &name), "ann").await;
    assert_eq!(digests(app, &school).await, 1);
    let mail = app.last_mail_to(&school.admin.email).await;
    assert!(mail.text.contains("Requests to join: 1"), "{}", mail.text);
    asked(app, (&school, &name), "bob").await;
    asked(app, (&school, &name), "eve").await;
    assert_eq!(digests(app, &school).await, 1);
    a_day_later(app, &mut [&mut school]).await;
    assert_eq!(digests(app, &school).await, 2);
    let mail = app.last_mail_to(&school.admin.email).await;
    assert!(mail.text.contains("Requests to join: 3"), "{}", mail.text);
    // Nobody else has asked: nothing more is told, and the next one is told of at once.
    for _ in 0..3 {
        a_day_later(app, &mut [&mut school]).await;
    }
    assert_eq!(digests(app, &school).await, 2);
    asked(app, (&school, &name), "dan").await;
    assert_eq!(digests(app, &school).await, 3);
});

both_databases!(what_has_ended_is_kept_for_ninety_days, |app| {
    let (mut school, name) = school_with(app, "request").await;
    let (_, request) = asked(app, (&school, &name), "ann").await;
    asked(app, (&school, &name), "bob").await;
    decide(&school, &request, ("decline", json!({})))
        .await
        .expect_status(200);
    app.advance(89 * DAY);
    a_day_later(app, &mut [&mut school]).await;
    assert_eq!(listed(&school, "declined").await.len(), 1);
    a_day_later(app, &mut [&mut school]).await;
    assert!(listed(&school, "declined").await.is_empty());
    assert_eq!(listed(&school, "open").await.len(), 1);
    let paged = school
        .admin
        .get(&school.path("/join-requests?limit=1"))
        .await;
    assert_eq!(paged.expect_status(200)["next_cursor"], Value::Null);
});
