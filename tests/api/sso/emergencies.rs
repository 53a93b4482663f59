//! Emergency admins are there for the case that the identity provider answers wrongly: its word takes nothing of theirs.

use super::*;
use crate::support::members::choose_password;

/// An account that the school manages, whose owner has set the password by a mailed link and is an admin.
async fn invited_admin<'a>(school: &Organization<'a>, email: &str) -> Person<'a> {
    let invite = json!({ "emails": [email], "account_type": "teacher" });
    school.invite_with(invite).await.expect_status(200);
    let admin = choose_password(school.admin.app, email).await;
    let path = school.path_of(&admin.id);
    let promoted = school.admin.patch(&path, json!({ "role": "admin" })).await;
    promoted.expect_status(200);
    choose_password(school.admin.app, email).await
}

async fn require(school: &Organization<'_>, admins: &[&str]) {
    let policy = json!({ "required": true, "emergency_admins": admins });
    let path = school.path("/sign-in-policy");
    school.admin.put(&path, policy).await.expect_status(200);
}

async fn link_by_session(
    school: &Organization<'_>,
    connection: &Value,
    (provider, claims): (&IdentityProvider, Value),
    who: &Person<'_>,
) {
    let came = come(school, connection, provider, claims).await;
    let link = json!({ "link_token": came.expect_status(200)["link_token"] });
    who.post("/v1/me/identities", link).await.expect_status(204);
}

both_databases!(the_address_of_an_emergency_admin_stays, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let eve = invited_admin(&school, "eve@old.example").await;
    vouched(app, &school, "new.example").await;
    let old = json!({ "sub": "eve", "email": "eve@old.example" });
    link_by_session(&school, &connection, (&provider, old), &eve).await;
    let key = json!({ "name": "Sync", "scopes": ["members:read"] });
    let key = eve.post(&school.path("/api-keys"), key).await;
    let key = Person {
        access_token: Some(text(&key.expect_status(201)["key"])),
        ..Person::anonymous(app)
    };
    require(&school, &[&eve.id, &school.admin.id]).await;
    let moved = json!({ "sub": "eve", "email": "eve@new.example", "name": "Eve Moved" });
    let came = come(&school, &connection, &provider, moved.clone()).await;
    let came = holder(app, &came.expect_status(200));
    let me = came.get("/v1/me").await.expect_status(200);
    assert_eq!(me["email"], "eve@old.example");
    assert_eq!(me["has_password"], true);
    let step = step_of_last(&school, "email", "warning").await;
    let expected = text(&step["expected"]);
    assert!(expected.starts_with("eve@old.example"), "{step:#}");
    for who in [&eve, &key] {
        who.get(&school.path("/members")).await.expect_status(200);
    }
    // Once they are none, the address follows, and takes along what they chose in a mailbox of their own.
    require(&school, &[&school.admin.id]).await;
    let came = come(&school, &connection, &provider, moved).await;
    let came = holder(app, &came.expect_status(200));
    let me = came.get("/v1/me").await.expect_status(200);
    assert_eq!(me["email"], "eve@new.example");
    assert_eq!(me["has_password"], true);
    key.get(&school.path("/members")).await.expect_status(200);
    eve.get("/v1/me").await.expect_status(200);
});

both_databases!(the_providers_word_proves_no_mailbox_of_theirs, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let eve = invited_admin(&school, "eve@hill.example").await;
    vouched(app, &school, "hill.example").await;
    // In the time before, addresses of admins were not verified.
    app.unverify(&eve.id);
    require(&school, &[&eve.id]).await;
    let claims = json!({ "sub": "eve", "email": "eve@hill.example" });
    let came = come(&school, &connection, &provider, claims.clone()).await;
    assert_eq!(came.expect_status(200)["outcome"], "link_required");
    link_by_session(&school, &connection, (&provider, claims.clone()), &eve).await;
    let came = come(&school, &connection, &provider, claims).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "signed_in");
    let me = holder(app, &came).get("/v1/me").await.expect_status(200);
    assert_eq!(
        (&me["email_verified"], &me["has_password"]),
        (&json!(false), &json!(true))
    );
    eve.get(&school.path("/members")).await.expect_status(200);
});

both_databases!(the_last_password_for_emergencies_stays, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let (boss, email) = (&school.admin, &school.admin.email);
    require(&school, &[&boss.id]).await;
    app.unverify(&boss.id);
    let claims = json!({ "sub": "boss", "email": email });
    let required = async || {
        let came = come(&school, &connection, &provider, claims.clone()).await;
        came.expect_status(200)["link_token"].clone()
    };
    let refused = link_by_mail(app, &required().await, email).await;
    refused.expect_problem(409, "emergency_admin_required");
    boss.get(&school.path("/members")).await.expect_status(200);
    app.sign_in(email, PASSWORD).await;
    // Another one with a password frees it.
    let ann = invited_admin(&school, "ann@hill.example").await;
    require(&school, &[&boss.id, &ann.id]).await;
    let linked = link_by_mail(app, &required().await, email).await;
    assert_eq!(linked.expect_status(200)["outcome"], "linked");
    let login = json!({ "email": email, "password": PASSWORD });
    let login = app.anonymous().post("/v1/auth/login", login).await;
    login.expect_problem(401, "wrong_credentials");
    ann.get(&school.path("/members")).await.expect_status(200);
});
