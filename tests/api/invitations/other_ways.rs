//! People who are invited, and become members in another way: they take the seat that is reserved for them.

use serde_json::{Value, json};

use crate::domains::joining::{ask, school_with, somebody};
use crate::support::App;
use crate::support::both_databases;
use crate::support::people::{Organization, Person, seats_in_total, text};

/// Invites somebody into a group, and leaves no other seat.
async fn with_the_last_seat(school: &Organization<'_>, who: &Person<'_>) {
    let group = school.class("7A").await;
    let body = json!({ "emails": [who.email], "account_type": "teacher", "group_ids": [group] });
    let invited = school.invite_with(body).await.expect_status(200);
    assert_eq!(
        invited["results"][0]["outcome"], "join_link_sent",
        "{invited:#}"
    );
    let operator = school.admin.app.operator().await;
    let full = operator
        .put(&school.path("/seats"), seats_in_total(Some(2)))
        .await;
    assert_eq!(full.expect_status(200)["total"]["free"], 0);
}

async fn invitation(school: &Organization<'_>) -> Value {
    let page = school.admin.get(&school.path("/invitations")).await;
    page.expect_status(200)["items"][0]["status"].clone()
}

/// Nothing is reserved any more, and the person is in the group.
async fn took_it(school: &Organization<'_>, who: &Person<'_>) {
    assert_eq!(invitation(school).await, "accepted");
    assert_eq!(school.students().await, (1, 0));
    let path = school.path(&format!("/members/{}", who.id));
    let member = school.admin.get(&path).await.expect_status(200);
    assert_eq!(member["groups"][0]["name"], "7A", "{member:#}");
    let accepted = school.events("invitation.accepted").await;
    assert_eq!(accepted.as_array().unwrap().len(), 1);
}

async fn redeems(school: &Organization<'_>, who: &Person<'_>) -> crate::support::TestResponse {
    let code = school.admin.get(&school.path("/invite-code")).await;
    let body = json!({ "code": code.expect_status(200)["code"] });
    who.post("/v1/invite-codes/redeem", body).await
}

async fn verified<'a>(app: &'a App, email: &str) -> Person<'a> {
    let person = app.register(email).await;
    app.verify_email(&person.id);
    person
}

both_databases!(by_a_code, |app| {
    let school = app.school().await;
    let joe = verified(app, "joe@else.example").await;
    let pip = verified(app, "pip@else.example").await;
    with_the_last_seat(&school, &joe).await;
    let refused = redeems(&school, &pip).await;
    refused.expect_problem(409, "no_seat");
    let joined = redeems(&school, &joe).await.expect_status(200);
    assert_eq!(joined["outcome"], "joined");
    took_it(&school, &joe).await;
    let again = redeems(&school, &joe).await.expect_status(200);
    assert_eq!(again["outcome"], "already_member");
});

both_databases!(by_a_domain, |app| {
    let (school, name) = school_with(app, "open").await;
    let ann = somebody(app, "ann", &name).await;
    with_the_last_seat(&school, &ann).await;
    ask(&ann, &school).await.expect_status(201);
    took_it(&school, &ann).await;
});

both_databases!(by_a_request, |app| {
    let (school, name) = school_with(app, "request").await;
    let ann = somebody(app, "ann", &name).await;
    with_the_last_seat(&school, &ann).await;
    let request = ask(&ann, &school).await.expect_status(201);
    let path = format!("/join-requests/{}/approve", text(&request["id"]));
    let body = json!({ "account_type": "student" });
    let approved = school.admin.post(&school.path(&path), body).await;
    approved.expect_status(200);
    took_it(&school, &ann).await;
});

both_databases!(who_has_not_shown_the_mailbox_takes_nobodys_seat, |app| {
    let school = app.school().await;
    let squatter = app.register_unverified("joe@else.example").await;
    with_the_last_seat(&school, &squatter).await;
    let refused = redeems(&school, &squatter).await;
    refused.expect_problem(409, "no_seat");
    assert_eq!(invitation(&school).await, "pending");
    let operator = app.operator().await;
    let free = operator
        .put(&school.path("/seats"), seats_in_total(None))
        .await;
    free.expect_status(200);
    redeems(&school, &squatter).await.expect_status(200);
    assert_eq!(
        invitation(&school).await,
        "pending",
        "its link still says what they are to be"
    );
});
