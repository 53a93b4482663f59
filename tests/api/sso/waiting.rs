//! Who came by a code that waits until their address is verified.

use super::*;

fn mira() -> Value {
    json!({ "sub": "mira", "email": "mira@hill.example", "name": "Mira" })
}

/// How often the organization's code was used.
async fn uses(school: &Organization<'_>) -> Value {
    let code = school.admin.get(&school.path("/invite-code")).await;
    code.expect_status(200)["uses"].clone()
}

both_databases!(a_proven_domain_ends_the_wait_at_the_next_sign_in, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    only_expected(&school, &connection).await;
    let code = limited(&school, "/invite-code").await;
    let by = (&provider, mira());
    let came = carry(&app.anonymous(), &connection, by, code).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "waits_for_verification");
    let early = holder(app, &came);
    vouched(app, &school, "hill.example").await;
    let came = come(&school, &connection, &provider, mira()).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "signed_in");
    let own = holder(app, &came);
    let me = own.get("/v1/me").await.expect_status(200);
    assert_eq!(me["email_verified"], true);
    let memberships = memberships_of(&own).await;
    assert_eq!(memberships[0]["joined_via"], "organization_code");
    assert_eq!(uses(&school).await, 1);
    let ended = early.get("/v1/me").await;
    // Whoever opened the account before the proof may have been somebody else.
    ended.expect_problem(401, "not_signed_in");
});

both_databases!(another_address_in_a_proven_domain_ends_it_too, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    only_expected(&school, &connection).await;
    let staff = json!({ "default_account_type": "teacher" });
    let changed = school.admin.patch(&school.path(""), staff).await;
    changed.expect_status(200);
    let code = school.admin.get(&school.path("/invite-code")).await;
    let code = json!({ "invite_code": code.expect_status(200)["code"] });
    let came = carry(&app.anonymous(), &connection, (&provider, mira()), code).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "waits_for_verification");
    vouched(app, &school, "new.example").await;
    let moved = json!({ "sub": "mira", "email": "mira@new.example" });
    let came = come(&school, &connection, &provider, moved).await;
    let own = holder(app, &came.expect_status(200));
    let me = own.get("/v1/me").await.expect_status(200);
    assert_eq!(me["email"], "mira@new.example");
    assert_eq!(memberships_of(&own).await[0]["account_type"], "teacher");
});

both_databases!(
    who_waited_is_told_why_the_code_lets_them_in_no_more,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        only_expected(&school, &connection).await;
        let code = limited(&school, "/invite-code").await;
        let came = carry(&app.anonymous(), &connection, (&provider, mira()), code).await;
        came.expect_status(200);
        vouched(app, &school, "hill.example").await;
        limit_seats(&school, 1).await;
        let refused = come(&school, &connection, &provider, mira()).await;
        refused.expect_problem(409, "no_seat");
        let steps = newest(&school).await["steps"].to_string();
        assert!(steps.contains("none is free"), "{steps}");
        limit_seats(&school, 2).await;
        let path = school.path("/invite-code");
        let paused = school.admin.patch(&path, json!({ "paused": true })).await;
        paused.expect_status(200);
        let refused = come(&school, &connection, &provider, mira()).await;
        refused.expect_problem(409, "code_paused");
        let open = school.admin.patch(&path, json!({ "paused": false })).await;
        open.expect_status(200);
        let came = come(&school, &connection, &provider, mira()).await;
        came.expect_status(200);
        assert_eq!(uses(&school).await, 1);
    }
);

both_databases!(an_account_that_only_waits_for_a_code_goes_with_it, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    only_expected(&school, &connection).await;
    let group = new_group(&school, "7A").await;
    let of_group = format!("/groups/{group}");
    let anonymous = app.anonymous();
    let comes = async |sub: &str, code: &Value| {
        let claims = json!({ "sub": sub, "email": format!("{sub}@hill.example") });
        let came = carry(&anonymous, &connection, (&provider, claims), code.clone()).await;
        came.expect_status(200)
    };
    // Whose account is their own, and who is a member by another code, keep theirs.
    let ann = app.register_unverified("ann@hill.example").await;
    let code = limited(&school, "/invite-code").await;
    let body = json!({ "code": code["invite_code"] });
    let waits = ann.post("/v1/invite-codes/redeem", body).await;
    assert_eq!(
        waits.expect_status(200)["outcome"],
        "waits_for_verification"
    );
    let waits = comes("mira", &code).await;
    let by_both = comes("bo", &code).await;
    let in_group = limited(&school, &format!("{of_group}/invite-code")).await;
    comes("bo", &in_group).await;
    let by_group = comes("pip", &in_group).await;
    let reset = school.path("/invite-code/reset");
    let reset = school.admin.post(&reset, Value::Null).await;
    let new = json!({ "invite_code": reset.expect_status(200)["code"] });
    let ended = holder(app, &waits).get("/v1/me").await;
    ended.expect_problem(401, "not_signed_in");
    for kept in [&ann, &holder(app, &by_both), &holder(app, &by_group)] {
        kept.get("/v1/me").await.expect_status(200);
    }
    let refused = come(&school, &connection, &provider, mira()).await;
    refused.expect_problem(403, "not_expected_here");
    let again = comes("mira", &new).await;
    assert_eq!(again["outcome"], "waits_for_verification");
    let deleted = school.admin.delete(&school.path(&of_group)).await;
    deleted.expect_status(204);
    for gone in [&by_both, &by_group] {
        let ended = holder(app, gone).get("/v1/me").await;
        ended.expect_problem(401, "not_signed_in");
    }
    holder(app, &again).get("/v1/me").await.expect_status(200);
});
