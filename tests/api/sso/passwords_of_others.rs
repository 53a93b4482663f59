//! Whoever has set an account's password in one organization does not come along into another by single sign-on.

use super::*;
use crate::support::members::choose_password;

const ADDRESS: &str = "ann@hill.example";
const ASSIGNED: &str = "quiet rivers 11";

/// Ann, whom the school has given a password, and whose address its provider has vouched for.
async fn known_to_school(
    app: &App,
    school: &Organization<'_>,
    provider: &IdentityProvider,
) -> (Value, String) {
    let csv = format!("email,password,username\n{ADDRESS},{ASSIGNED},Ann\n");
    school.import_students(csv).await;
    vouched(app, school, "hill.example").await;
    let connection = active(school, provider).await;
    let claims = json!({ "sub": "ann", "email": ADDRESS });
    let came = come(school, &connection, provider, claims).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "linked");
    let me = holder(app, &came).get("/v1/me").await.expect_status(200);
    (connection, text(&me["id"]))
}

async fn login(app: &App, password: &str) -> TestResponse {
    let body = json!({ "email": ADDRESS, "password": password });
    app.anonymous().post("/v1/auth/login", body).await
}

/// The token by which the owner of Ann's address links who came by another organization's provider.
async fn link_token(
    other: &Organization<'_>,
    connection: &Value,
    (provider, subject): (&IdentityProvider, &str),
) -> Value {
    let claims = json!({ "sub": subject, "email": ADDRESS });
    let came = come(other, connection, provider, claims).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "link_required");
    came["link_token"].clone()
}

both_databases!(a_session_by_it_links_nothing_elsewhere, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    known_to_school(app, &school, &provider).await;
    let elsewhere = active(&other, &provider).await;
    let as_whom = (&provider, "ann-2");
    let ann = app.sign_in(ADDRESS, ASSIGNED).await;
    let refused = async |who: &Person<'_>| {
        let link = json!({ "link_token": link_token(&other, &elsewhere, as_whom).await });
        let refused = who.post("/v1/me/identities", link).await;
        refused.expect_problem(403, "email_not_verified");
        for purpose in ["link", "step_up"] {
            let more = json!({ "purpose": purpose });
            let claims = json!({ "sub": "ann-2" });
            let end = go_round(who, &elsewhere, (&provider, claims), more).await;
            let refused = exchange(app, &ticket_of(&end)).await;
            refused.expect_problem(403, "email_not_verified");
        }
    };
    refused(&ann).await;
    // Nor by another one that whoever knew it has chosen.
    let change = json!({ "current_password": ASSIGNED, "new_password": "seven purple geese 9" });
    let changed = ann.post("/v1/auth/password/change", change).await;
    assert!(changed.status.is_success(), "{}", changed.text);
    refused(&app.sign_in(ADDRESS, "seven purple geese 9").await).await;
    let members = other.admin.get(&other.path("/members")).await;
    let members = members.expect_status(200);
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
    // Her own, by the mailbox, is hers.
    let ann = choose_password(app, ADDRESS).await;
    let link = json!({ "link_token": link_token(&other, &elsewhere, as_whom).await });
    ann.post("/v1/me/identities", link).await.expect_status(204);
    ann.get(&other.path("")).await.expect_status(200);
});

both_databases!(a_mailed_code_ends_it, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let (of_school, id) = known_to_school(app, &school, &provider).await;
    let by_password = app.sign_in(ADDRESS, ASSIGNED).await;
    let elsewhere = active(&other, &provider).await;
    let token = link_token(&other, &elsewhere, (&provider, "ann-2")).await;
    let linked = link_by_mail(app, &token, ADDRESS).await.expect_status(200);
    assert_eq!(linked["outcome"], "linked");
    let by_other = holder(app, &linked);
    let me = by_other.get("/v1/me").await.expect_status(200);
    assert_eq!((text(&me["id"]), &me["has_password"]), (id, &json!(false)));
    let refused = login(app, ASSIGNED).await;
    refused.expect_problem(401, "wrong_credentials");
    let ended = by_password.get("/v1/me").await;
    ended.expect_problem(401, "not_signed_in");
    // Who comes by the first school shows once more whose the account is.
    let again = json!({ "sub": "ann", "email": ADDRESS });
    let again = come(&school, &of_school, &provider, again).await;
    assert_eq!(again.expect_status(200)["outcome"], "link_required");
    // A password of her own opens both.
    let ann = choose_password(app, ADDRESS).await;
    for organization in [&school, &other] {
        ann.get(&organization.path("")).await.expect_status(200);
    }
});

both_databases!(a_domain_that_changes_hands_takes_it_along, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    vouched(app, &school, "hill.example").await;
    let of_school = active(&school, &provider).await;
    let claims = json!({ "sub": "earlier", "email": ADDRESS });
    let came = come(&school, &of_school, &provider, claims.clone()).await;
    let earlier = holder(app, &came.expect_status(200));
    let id = text(&earlier.get("/v1/me").await.expect_status(200)["id"]);
    let reset = format!("{}/password-reset", school.path_of(&id));
    let reset = school.admin.post(&reset, json!({})).await;
    let slip = text(&reset.expect_status(200)["password"]);
    let change = json!({ "current_password": slip, "new_password": ASSIGNED });
    let changed = app.sign_in(ADDRESS, &slip).await;
    let changed = changed.post("/v1/auth/password/change", change).await;
    assert!(changed.status.is_success(), "{}", changed.text);
    let domains = school.admin.get(&school.path("/domains")).await;
    let domain = text(&domains.expect_status(200)["items"][0]["id"]);
    let domain = school.path(&format!("/domains/{domain}"));
    school.admin.delete(&domain).await.expect_status(204);
    vouched(app, &other, "hill.example").await;
    let elsewhere = active(&other, &provider).await;
    let token = link_token(&other, &elsewhere, (&provider, "ann")).await;
    let linked = link_by_mail(app, &token, ADDRESS).await.expect_status(200);
    assert_eq!(linked["outcome"], "linked");
    let refused = login(app, ASSIGNED).await;
    refused.expect_problem(401, "wrong_credentials");
    let ended = earlier.get("/v1/me").await;
    ended.expect_problem(401, "not_signed_in");
    let back = come(&school, &of_school, &provider, claims).await;
    assert_eq!(back.expect_status(200)["outcome"], "link_required");
});

both_databases!(
    it_stays_in_the_organization_that_manages_the_account,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let csv = format!("email,password,username\n{ADDRESS},{ASSIGNED},Ann\n");
        school.import_students(csv).await;
        let connection = active(&school, &provider).await;
        let ann = app.sign_in(ADDRESS, ASSIGNED).await;
        app.verify_email(&ann.id);
        let link =
            json!({ "link_token": link_token(&school, &connection, (&provider, "1")).await });
        ann.post("/v1/me/identities", link).await.expect_status(204);
        let token = link_token(&school, &connection, (&provider, "2")).await;
        let linked = link_by_mail(app, &token, ADDRESS).await;
        linked.expect_status(200);
        login(app, ASSIGNED).await.expect_status(200);
        ann.get("/v1/me").await.expect_status(200);
    }
);

both_databases!(a_mailbox_is_no_proof_beside_an_identity_that_stays, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let (first, id) = known_to_school(app, &school, &provider).await;
    let ann = app.sign_in(ADDRESS, ASSIGNED).await;
    // The account is her own from now on, with the password that the school has set.
    app.join(&other, &ann, "student").await;
    let second = active(&school, &provider).await;
    let policy = json!({ "required": true, "emergency_admins": [school.admin.id] });
    let path = school.path("/sign-in-policy");
    school.admin.put(&path, policy).await.expect_status(200);
    let token = link_token(&school, &second, (&provider, "reader")).await;
    let refused = link_by_mail(app, &token, ADDRESS).await;
    refused.expect_problem(409, "identity_taken");
    login(app, ASSIGNED).await.expect_status(200);
    let open = json!({ "required": false, "emergency_admins": [] });
    let path = school.path("/sign-in-policy");
    school.admin.put(&path, open).await.expect_status(200);
    let token = link_token(&school, &second, (&provider, "reader")).await;
    let linked = link_by_mail(app, &token, ADDRESS).await;
    linked.expect_status(200);
    let refused = login(app, ASSIGNED).await;
    refused.expect_problem(401, "wrong_credentials");
    let claims = json!({ "sub": "ann", "email": ADDRESS });
    let came = come(&school, &first, &provider, claims).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "signed_in");
    let me = holder(app, &came).get("/v1/me").await.expect_status(200);
    assert_eq!(text(&me["id"]), id);
});
