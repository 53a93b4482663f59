//! What follows the identity provider, and what a flow carries.

use super::*;

both_databases!(managed_accounts_follow_the_provider, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    vouched(app, &school, "hill.example").await;
    let come_as = async |claims: Value| {
        let came = come(&school, &connection, &provider, claims).await;
        let mira = holder(app, &came.expect_status(200));
        mira.get("/v1/me").await.expect_status(200)
    };
    let first = come_as(json!({ "sub": "mira", "name": "Mira Lind" })).await;
    assert_eq!(first["generated_address"], true);
    // An address at last; and she has married.
    let named = json!({ "sub": "mira", "name": "Mira Berg", "email": "mira@hill.example" });
    let then = come_as(named).await;
    assert_eq!(then["id"], first["id"]);
    assert_eq!(then["username"], "Mira Berg");
    assert_eq!(then["email"], "mira@hill.example");
    assert_eq!(then["generated_address"], false);
    assert_eq!(then["email_verified"], true);
    let found = school.admin.get(&school.path("/members?search=berg")).await;
    assert_eq!(
        found.expect_status(200)["items"].as_array().unwrap().len(),
        1
    );
    let found = school.admin.get(&school.path("/members?search=lind")).await;
    assert_eq!(
        found.expect_status(200)["items"].as_array().unwrap().len(),
        0
    );
    let events = school.events("member.updated").await;
    assert_eq!(events[0]["details"]["email"], "mira@hill.example");
    // What is left out stays.
    let silent = come_as(json!({ "sub": "mira" })).await;
    assert_eq!(silent["username"], "Mira Berg");
    assert_eq!(silent["email"], "mira@hill.example");
    // Neither out of the proven domains, nor to another's address, nor where the provider denies it.
    app.register("bo@hill.example").await;
    for more in [
        json!({ "email": "mira@else.example" }),
        json!({ "email": "bo@hill.example" }),
        json!({ "email": "mira.berg@hill.example", "email_verified": false }),
        json!({ "email": "mira.berg@hill.example", "acct": 1 }),
    ] {
        let mut claims = more.clone();
        claims["sub"] = json!("mira");
        let stays = come_as(claims).await;
        assert_eq!(stays["email"], "mira@hill.example", "{more}");
    }
});

both_databases!(accounts_of_their_owners_own_follow_nobody, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    vouched(app, &school, "hill.example").await;
    let ann = app.register("ann@hill.example").await;
    let claims = json!({ "sub": "ann", "email": "ann@hill.example" });
    let more = json!({ "purpose": "link" });
    let end = go_round(&ann, &connection, (&provider, claims), more).await;
    exchange(app, &ticket_of(&end)).await.expect_status(200);
    let before = ann.get("/v1/me").await.expect_status(200);
    let other = json!({ "sub": "ann", "email": "other@hill.example", "name": "Somebody Else" });
    let came = come(&school, &connection, &provider, other).await;
    assert_eq!(came.expect_status(200)["outcome"], "signed_in");
    let after = ann.get("/v1/me").await.expect_status(200);
    assert_eq!(after["email"], "ann@hill.example");
    assert_eq!(after["username"], before["username"]);
});

/// The token of the invitation's mail.
async fn invited(school: &Organization<'_>, email: &str, group: &str) -> String {
    let body = json!({ "emails": [email], "account_type": "teacher", "group_ids": [group] });
    school.invite_with(body).await.expect_status(200);
    school.admin.app.last_mail_to(email).await.token()
}

both_databases!(
    an_invitation_is_carried_to_the_account_that_it_made,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let expected = json!({ "arrivals": "expected" });
        let path = path_of(&school, &connection);
        school.admin.patch(&path, expected).await.expect_status(200);
        let group = school.class("7A").await;
        let token = invited(&school, "jane@else.example", &group).await;
        let come_with = async |claims: Value, token: &str| {
            let more = json!({ "invitation_token": token });
            let nobody = app.anonymous();
            let end = go_round(&nobody, &connection, (&provider, claims), more).await;
            exchange(app, &ticket_of(&end)).await
        };
        // Without it nobody is expected, and a forged one opens nothing.
        let claims = json!({ "sub": "jane", "name": "Jane" });
        let refused = come(&school, &connection, &provider, claims.clone()).await;
        refused.expect_problem(403, "not_expected_here");
        let forged = "rcp_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw";
        let refused = come_with(claims.clone(), forged).await;
        refused.expect_problem(404, "invitation_unknown");
        let came = come_with(claims.clone(), &token).await.expect_status(200);
        assert_eq!(came["outcome"], "linked");
        let jane = holder(app, &came);
        let me = jane.get("/v1/me").await.expect_status(200);
        assert_eq!(me["email"], "jane@else.example");
        assert_eq!(me["email_verified"], true);
        let memberships = jane.get("/v1/me/memberships").await.expect_status(200);
        assert_eq!(memberships["items"][0]["account_type"], "teacher");
        let invitations = school.admin.get(&school.path("/invitations")).await;
        assert_eq!(
            invitations.expect_status(200)["items"][0]["status"],
            "accepted"
        );
        let again = come(&school, &connection, &provider, claims).await;
        assert_eq!(again.expect_status(200)["outcome"], "signed_in");
        // It was used: nobody else comes in by it.
        let other = json!({ "sub": "eve", "name": "Eve" });
        let refused = come_with(other, &token).await;
        refused.expect_problem(404, "invitation_unknown");
    }
);

both_databases!(an_invitation_to_an_account_waits_for_its_owner, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let expected = json!({ "arrivals": "expected" });
    let path = path_of(&school, &connection);
    school.admin.patch(&path, expected).await.expect_status(200);
    let group = school.class("7A").await;
    app.register("joe@else.example").await;
    let joe = app.sign_in("joe@else.example", PASSWORD).await;
    let token = invited(&school, "joe@else.example", &group).await;
    let elsewhere = invited(&other, "joe@else.example", &other.class("7B").await).await;
    let claims = json!({ "sub": "joe", "email": "joe@else.example" });
    let carry = async |token: &str| {
        let more = json!({ "invitation_token": token });
        let nobody = app.anonymous();
        let end = go_round(&nobody, &connection, (&provider, claims.clone()), more).await;
        let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
        assert_eq!(came["outcome"], "link_required");
        let body = json!({ "link_token": came["link_token"] });
        joe.post("/v1/me/identities", body).await
    };
    let refused = carry(&elsewhere).await;
    refused.expect_problem(404, "invitation_unknown");
    carry(&token).await.expect_status(204);
    let memberships = joe.get("/v1/me/memberships").await.expect_status(200);
    assert_eq!(memberships["items"][0]["joined_via"], "invitation");
    assert_eq!(memberships["items"][0]["account_type"], "teacher");
    let members = school.path(&format!("/groups/{group}/members"));
    let members = school.admin.get(&members).await.expect_status(200);
    let is_in = |member: &Value| member["account_id"] == joe.id;
    assert!(
        members["items"].as_array().unwrap().iter().any(is_in),
        "{members:#}"
    );
});

both_databases!(who_was_removed_and_is_invited_again_is_welcome, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    vouched(app, &school, "hill.example").await;
    let claims = json!({ "sub": "mira", "email": "mira@hill.example" });
    let came = come(&school, &connection, &provider, claims.clone()).await;
    let mira = holder(app, &came.expect_status(200));
    let id = text(&mira.get("/v1/me").await.expect_status(200)["id"]);
    let path = school.path(&format!("/members/{id}"));
    school.admin.delete(&path).await.expect_status(204);
    let refused = come(&school, &connection, &provider, claims.clone()).await;
    refused.expect_problem(403, "removed_by_admin");
    let group = school.class("7A").await;
    let token = invited(&school, "mira@hill.example", &group).await;
    let more = json!({ "invitation_token": token });
    let nobody = app.anonymous();
    let end = go_round(&nobody, &connection, (&provider, claims), more).await;
    let back = exchange(app, &ticket_of(&end)).await.expect_status(200);
    let back = holder(app, &back).get("/v1/me/memberships").await;
    assert_eq!(
        back.expect_status(200)["items"][0]["joined_via"],
        "invitation"
    );
});
