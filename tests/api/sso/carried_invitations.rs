//! Invitations whose token a flow carries, which are accepted as when their link is followed.

use super::*;
use crate::support::ReceivedMail;

const FORGED: &str = "rcv_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw";

/// Invites a teacher into a group, and gives the token of the mail.
async fn invited(school: &Organization<'_>, email: &str, group: &str) -> Value {
    let body = json!({
        "emails": [email], "account_type": "teacher", "group_ids": [group], "valid_days": 1
    });
    school.invite_with(body).await.expect_status(200);
    let token = school.admin.app.last_mail_to(email).await.token();
    json!({ "invitation_token": token })
}

/// The status of the newest invitation, and how many seats are reserved.
async fn standing(school: &Organization<'_>) -> (Value, Value) {
    let invitations = school.admin.get(&school.path("/invitations")).await;
    let status = invitations.expect_status(200)["items"][0]["status"].clone();
    let seats = school.admin.get(&school.path("/seats")).await;
    let reserved = seats.expect_status(200)["total"]["reserved"].clone();
    (status, reserved)
}

fn accepted() -> (Value, Value) {
    (json!("accepted"), json!(0))
}

async fn links(who: &Person<'_>, came: &Value) -> TestResponse {
    assert_eq!(came["outcome"], "link_required", "{came:#}");
    let body = json!({ "link_token": came["link_token"] });
    who.post("/v1/me/identities", body).await
}

both_databases!(a_token_that_invites_nobody_lets_no_newcomer_in, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let (here, there) = (
        new_group(&school, "7A").await,
        new_group(&other, "7A").await,
    );
    let joe = app.register("joe@else.example").await;
    app.register("kay@else.example").await;
    let elsewhere = invited(&other, "kay@else.example", &there).await;
    let revoked = invited(&school, "ray@else.example", &here).await;
    let list = school.admin.get(&school.path("/invitations")).await;
    let id = text(&list.expect_status(200)["items"][0]["id"]);
    let path = school.path(&format!("/invitations/{id}"));
    let path = format!("{path}/revoke");
    school
        .admin
        .post(&path, Value::Null)
        .await
        .expect_status(200);
    let declined = invited(&school, "joe@else.example", &here).await;
    let body = json!({ "token": declined["invitation_token"] });
    let anonymous = app.anonymous();
    let preview = anonymous.post("/v1/invitations/preview", body.clone());
    let preview = preview.await.expect_status(200);
    assert_eq!(preview["connections"][0]["id"], connection["id"]);
    let ended = joe.post("/v1/invitations/decline", body).await;
    assert!(ended.status.is_success());
    let garbage = json!({ "invitation_token": "garbage" });
    let forged = json!({ "invitation_token": FORGED });
    let refusals = [
        (garbage, 404, "invitation_unknown"),
        (forged, 404, "invitation_unknown"),
        (elsewhere, 404, "invitation_unknown"),
        (revoked, 404, "invitation_unknown"),
        (declined, 409, "invitation_ended"),
    ];
    let carries = async |token: &Value| {
        let by = (&provider, json!({ "sub": "mira", "name": "Mira" }));
        carry(&app.anonymous(), &connection, by, token.clone()).await
    };
    for (token, status, code) in &refusals {
        let refused = carries(token).await.expect_problem(*status, code);
        let detail = text(&refused["detail"]);
        assert!(detail.contains("Reference: "), "{detail}");
        let last = newest(&school).await["steps"]
            .as_array()
            .unwrap()
            .last()
            .unwrap()
            .clone();
        assert_eq!(last["expected"], "an invitation that the person can accept");
    }
    // Members come in all the same, and the admins read of it.
    let came = carries(&json!({})).await.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
    for (token, ..) in &refusals {
        let came = carries(token).await.expect_status(200);
        assert_eq!(came["outcome"], "signed_in");
        let steps = newest(&school).await["steps"].clone();
        let warned = steps.as_array().unwrap().iter().any(|step| {
            step["result"] == "warning"
                && step["expected"] == "an invitation that the person can accept"
        });
        assert!(warned, "{steps:#}");
    }
});

both_databases!(an_invitation_that_has_expired_lets_no_newcomer_in, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let group = new_group(&school, "7A").await;
    let late = invited(&school, "jane@else.example", &group).await;
    app.advance(Duration::from_secs(2 * 24 * 60 * 60));
    let by = (&provider, json!({ "sub": "jane", "name": "Jane" }));
    let refused = carry(&app.anonymous(), &connection, by, late).await;
    refused.expect_problem(410, "invitation_expired");
});

both_databases!(an_invitation_leads_to_the_account_that_it_is_for, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    only_expected(&school, &connection).await;
    let group = new_group(&school, "7A").await;
    let joe = app.register("joe@else.example").await;
    let ann = app.register("ann@else.example").await;
    let token = invited(&school, "joe@else.example", &group).await;
    let comes = async |claims: Value| {
        let by = (&provider, claims);
        let came = carry(&app.anonymous(), &connection, by, token.clone()).await;
        came.expect_status(200)
    };
    // Under the address of somebody else's account they are asked for that, which the invitation is not for.
    let came = comes(json!({ "sub": "ann", "email": "ann@else.example" })).await;
    let refused = links(&ann, &came).await;
    refused.expect_problem(403, "invitation_for_another_address");
    // Neither without an address nor under another one an account is made beside.
    for claims in [
        json!({ "sub": "joe", "name": "Joe" }),
        json!({ "sub": "joe", "email": "joe.stone@hill.example" }),
    ] {
        let came = comes(claims).await;
        assert!(came["access_token"].is_null());
        links(&ann, &came)
            .await
            .expect_problem(409, "identity_taken");
        assert_eq!(standing(&school).await, (json!("pending"), json!(1)));
    }
    let came = comes(json!({ "sub": "joe", "name": "Joe" })).await;
    links(&joe, &came).await.expect_status(204);
    assert_eq!(standing(&school).await, accepted());
    let of_joe = member(&school, &json!(joe.id)).await;
    assert_eq!(of_joe["joined_via"], "invitation");
    assert_eq!(of_joe["account_type"], "teacher");
    assert_eq!(groups_of(&of_joe), ["7A"]);
    // Once more it changes nothing, and nobody is warned.
    let came = comes(json!({ "sub": "joe", "name": "Joe" })).await;
    assert_eq!(came["outcome"], "signed_in");
    let steps = newest(&school).await["steps"].to_string();
    assert!(
        !steps.contains("warning") || steps.contains("no address"),
        "{steps}"
    );
});

both_databases!(a_mailed_code_opens_the_account_of_an_invitation, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let group = new_group(&school, "7A").await;
    app.register_unverified("joe@else.example").await;
    let token = invited(&school, "joe@else.example", &group).await;
    let by = (&provider, json!({ "sub": "joe", "name": "Joe" }));
    let came = carry(&app.anonymous(), &connection, by, token).await;
    let link_token = came.expect_status(200)["link_token"].clone();
    let anonymous = app.anonymous();
    let body = json!({ "link_token": link_token });
    let mailed = anonymous.post("/v1/sign-in/link-mail", body).await;
    mailed.expect_status(202);
    let typed = link_code(app, "joe@else.example").await;
    let body = json!({ "link_token": link_token, "code": typed });
    let linked = anonymous.post("/v1/sign-in/link", body).await;
    let linked = linked.expect_status(200);
    assert_eq!(linked["outcome"], "linked");
    assert_eq!(standing(&school).await, accepted());
});

both_databases!(who_joins_without_their_invitation_has_one_seat, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let group = new_group(&school, "7A").await;
    let joe = app.register("joe@else.example").await;
    app.verify_email(&joe.id);
    let ann = app.register_unverified("ann@else.example").await;
    for (who, groups) in [(&joe, vec!["7A"]), (&ann, vec![])] {
        invited(&school, &who.email, &group).await;
        let claims = json!({ "sub": who.id, "email": who.email });
        let came = come(&school, &connection, &provider, claims).await;
        links(who, &came.expect_status(200))
            .await
            .expect_status(204);
        assert_eq!(standing(&school).await, accepted());
        let joined = member(&school, &json!(who.id)).await;
        assert_eq!(joined["joined_via"], "sso");
        assert_eq!(groups_of(&joined), groups);
    }
    // What was offered to an address that nobody had verified comes with the proof.
    let mails = app.mails().await;
    let is_link =
        |mail: &&ReceivedMail| mail.to == ann.email && mail.text.contains("/verify-email?");
    let mail = mails.iter().find(is_link).expect("no link to verify");
    let body = json!({ "token": mail.token_of("verify-email") });
    let verified = ann.post("/v1/auth/email/verify", body).await;
    verified.expect_status(200);
    let joined = member(&school, &json!(ann.id)).await;
    assert_eq!(groups_of(&joined), ["7A"]);
});

both_databases!(
    who_is_linked_without_their_invitation_has_accepted_it,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        vouched(app, &school, "hill.example").await;
        let group = new_group(&school, "7A").await;
        invited(&school, "mira@hill.example", &group).await;
        let mira = json!({ "sub": "mira", "email": "mira@hill.example" });
        let came = come(&school, &connection, &provider, mira).await;
        assert_eq!(came.expect_status(200)["outcome"], "linked");
        assert_eq!(standing(&school).await, accepted());
    }
);

both_databases!(the_last_seat_is_that_of_whom_it_is_reserved_for, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let group = new_group(&school, "7A").await;
    let joe = app.register("joe@else.example").await;
    app.verify_email(&joe.id);
    invited(&school, &joe.email, &group).await;
    limit_seats(&school, 2).await;
    let claims = |who: &str| json!({ "sub": who, "email": format!("{who}@else.example") });
    let pip = come(&school, &connection, &provider, claims("pip")).await;
    pip.expect_problem(409, "no_seat");
    let came = come(&school, &connection, &provider, claims("joe")).await;
    let linked = links(&joe, &came.expect_status(200)).await;
    linked.expect_status(204);
    assert_eq!(standing(&school).await, accepted());
    let joined = member(&school, &json!(joe.id)).await;
    assert_eq!(joined["joined_via"], "sso");
    assert_eq!(groups_of(&joined), ["7A"]);
});
