//! Whose address, and whose word of an address, makes somebody a member of staff, or opens an account that was there.

use super::saml_flows::{MAIL, metadata, test_saml};
use super::*;
use crate::saml::provider::{ISSUER, assertion_of};

/// What came of somebody's sign-in, and who they are then.
async fn came_as<'a>(
    school: &Organization<'a>,
    connection: &Value,
    (provider, claims): (&IdentityProvider, Value),
) -> (String, Person<'a>, Value) {
    let came = come(school, connection, provider, claims).await;
    let came = came.expect_status(200);
    let person = holder(school.admin.app, &came);
    let me = person.get("/v1/me").await.expect_status(200);
    (text(&came["outcome"]), person, me)
}

both_databases!(
    a_guest_does_not_keep_the_account_of_whose_address_they_named,
    |app| {
        let school = app.school().await;
        vouched(app, &school, "hill.example").await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let teachers = rule("roles", "Teacher", json!({ "account_type": "teacher" }));
        let changes = json!({ "rules": [teachers], "apply": "always" });
        set_rules(&school, &connection, changes).await;
        let address = "head@hill.example";
        let guest = json!({ "sub": "guest", "acct": 1, "email": address });
        let by = |claims: &Value| (&provider, claims.clone());
        let (outcome, theirs, account) = came_as(&school, &connection, by(&guest)).await;
        assert_eq!(outcome, "account_created");
        assert_eq!(account["email_verified"], false);
        let head = json!({ "sub": "head", "email": address, "roles": ["Teacher"] });
        let (outcome, _, me) = came_as(&school, &connection, by(&head)).await;
        assert_eq!((outcome.as_str(), &me["id"]), ("linked", &account["id"]));
        assert_eq!(me["email_verified"], true);
        let member = super::member(&school, &me["id"]).await;
        assert_eq!(member["account_type"], "teacher");
        // Neither the guest's session nor their identity opens it any more.
        let ended = theirs.get("/v1/me").await;
        ended.expect_problem(401, "not_signed_in");
        let again = come(&school, &connection, &provider, guest).await;
        assert_eq!(again.expect_status(200)["outcome"], "link_required");
        let (outcome, _, same) = came_as(&school, &connection, by(&head)).await;
        assert_eq!((outcome.as_str(), &same["id"]), ("signed_in", &me["id"]));
    }
);

both_databases!(
    a_password_of_the_organization_outlives_the_first_proof,
    |app| {
        let school = app.school().await;
        vouched(app, &school, "hill.example").await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let csv = "email,password,username\nana@hill.example,quiet rivers 11,Ana\n";
        school.import_students(csv).await;
        let claims = json!({ "sub": "ana", "email": "ana@hill.example", "name": "Ana Lind" });
        let (outcome, _, me) = came_as(&school, &connection, (&provider, claims)).await;
        assert_eq!(outcome, "linked");
        assert_eq!(
            (&me["email_verified"], &me["username"]),
            (&json!(true), &json!("Ana Lind"))
        );
        app.sign_in("ana@hill.example", "quiet rivers 11").await;
    }
);

both_databases!(an_address_is_verified_once_its_domain_is_proven, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let mira = json!({ "sub": "mira", "email": "mira@hill.example" });
    let guest = json!({ "sub": "guest", "acct": "1", "email": "guest@hill.example" });
    for claims in [&mira, &guest] {
        let (_, _, me) = came_as(&school, &connection, (&provider, claims.clone())).await;
        assert_eq!(me["email_verified"], false);
    }
    vouched(app, &school, "hill.example").await;
    let (_, _, me) = came_as(&school, &connection, (&provider, mira)).await;
    assert_eq!(me["email_verified"], true);
    let (_, _, me) = came_as(&school, &connection, (&provider, guest)).await;
    assert_eq!(me["email_verified"], false, "a guest stands outside");
});

both_databases!(rules_do_not_believe_an_address_that_does_not_count, |app| {
    let school = app.school().await;
    vouched(app, &school, "hill.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let then = json!({ "account_type": "teacher" });
    let when = json!({ "claim": "email", "is": "ends_with", "value": "@hill.example" });
    let rules = json!({ "rules": [{ "when": when, "then": then }], "apply": "always" });
    set_rules(&school, &connection, rules).await;
    for (claims, expected) in [
        (
            json!({ "sub": "1", "email": "one@hill.example" }),
            "teacher",
        ),
        (
            json!({ "sub": "2", "email": "two@hill.example", "email_verified": false }),
            "student",
        ),
        (
            json!({ "sub": "3", "email": "three@hill.example", "xms_edov": "0" }),
            "student",
        ),
        (
            json!({ "sub": "4", "email": "four@hill.example", "acct": 1 }),
            "student",
        ),
        (
            json!({ "sub": "5", "email": "<x> five@hill.example" }),
            "student",
        ),
    ] {
        let member = comes(&school, &connection, (&provider, claims.clone())).await;
        assert_eq!(member["account_type"], expected, "{claims}");
    }
    // A preview tries rules on what could be believed, too.
    let path = format!("{}/rules/preview", path_of(&school, &connection));
    let tried = school.admin.post(&path, json!({})).await.expect_status(200);
    assert_eq!(tried["people"], json!([]), "{tried:#}");
});

both_databases!(rules_do_not_believe_the_address_of_a_guest_by_saml, |app| {
    const PROVIDER: &str = "http://schemas.microsoft.com/identity/claims/identityprovider";

    let school = app.school().await;
    vouched(app, &school, "hill.example").await;
    let then = json!({ "account_type": "teacher" });
    let when = json!({ "claim": MAIL, "is": "ends_with", "value": "@hill.example" });
    let new = json!({
        "name": "Entra", "kind": "saml", "preset": "entra", "metadata": metadata(), "subject_source": "name_id",
        "rules": [{ "when": when, "then": then }],
    });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let connection = created.expect_status(201);
    let now = app.now();
    for (came_from, account_type) in [(ISSUER, "teacher"), ("live.com", "student")] {
        let attribute = format!(
            r#"<saml:Attribute Name="{PROVIDER}"><saml:AttributeValue>{came_from}</saml:AttributeValue></saml:Attribute></saml:AttributeStatement>"#
        );
        let said = assertion_of("_a55e", "head@hill.example");
        let said = said.replace("</saml:AttributeStatement>", &attribute);
        let tested = test_saml(&school, &connection, |asked| asked.answer(&said, now)).await;
        assert_eq!(tested["would"]["account_type"], account_type, "{tested:#}");
    }
});

both_databases!(
    nobody_becomes_staff_by_an_address_that_nobody_verified,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let by_default = json!({ "default_account_type": "teacher" });
        let path = school.path("");
        school
            .admin
            .patch(&path, by_default)
            .await
            .expect_status(200);
        // Whoever reads the mailbox could set a password for the account.
        let unproven = json!({ "sub": "1", "email": "gus@nowhere.example" });
        let member = comes(&school, &connection, (&provider, unproven)).await;
        assert_eq!(member["account_type"], "student");
        // An account of its owner's own, which is linked.
        let squatter = app.register_unverified("squatter@hill.example").await;
        let begun = start(&squatter, &connection, json!({ "purpose": "link" })).await;
        let url = text(&begun.expect_status(200)["authorization_url"]);
        let back = provider.sign_in(&url, (app.now(), json!({ "sub": "2" })));
        let end = follow(app, &back).await;
        let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
        assert_eq!(came["outcome"], "linked", "{came:#}");
        let me = squatter.get("/v1/me").await.expect_status(200);
        let member = super::member(&school, &me["id"]).await;
        assert_eq!(member["account_type"], "student");
        // Who has no address has no mailbox either, and a proven domain is one's own.
        let nameless = comes(&school, &connection, (&provider, json!({ "sub": "3" }))).await;
        assert_eq!(nameless["account_type"], "teacher");
        vouched(app, &school, "hill.example").await;
        let proven = json!({ "sub": "4", "email": "mira@hill.example" });
        let member = comes(&school, &connection, (&provider, proven)).await;
        assert_eq!(member["account_type"], "teacher");
        // A rule says no more than the default.
        let teachers = rule("roles", "Teacher", json!({ "account_type": "teacher" }));
        let changes = json!({ "rules": [teachers], "apply": "always" });
        set_rules(&school, &connection, changes).await;
        let unproven = json!({ "sub": "1", "email": "gus@nowhere.example", "roles": ["Teacher"] });
        let member = comes(&school, &connection, (&provider, unproven)).await;
        assert_eq!(member["account_type"], "student");
    }
);

/// A rule that makes teachers of whoever has an address in a domain.
async fn teachers_by_address(school: &Organization<'_>, connection: &Value) {
    let then = json!({ "account_type": "teacher" });
    let when = json!({ "claim": "email", "is": "ends_with", "value": "@hill.example" });
    let rules = json!({ "rules": [{ "when": when, "then": then }], "apply": "always" });
    set_rules(school, connection, rules).await;
}

both_databases!(
    the_first_proof_closes_an_account_that_others_opened,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let vera = json!({ "sub": "vera", "email": "vera@hill.example" });
        let by = || (&provider, vera.clone());
        let (_, first, account) = came_as(&school, &connection, by()).await;
        // Somebody who got at a password for her account chooses their own, and links an identity of theirs.
        let reset = format!("{}/password-reset", school.path_of(&text(&account["id"])));
        let reset = school
            .admin
            .post(&reset, json!({}))
            .await
            .expect_status(200);
        let slip = text(&reset["password"]);
        let other = app.sign_in("vera@hill.example", &slip).await;
        let chosen = "seven purple geese 9";
        let change = json!({ "current_password": slip, "new_password": chosen });
        let changed = other.post("/v1/auth/password/change", change).await;
        assert!(changed.status.is_success(), "{}", changed.text);
        let link = json!({ "purpose": "link" });
        let theirs = json!({ "sub": "mallory" });
        let end = go_round(&other, &connection, (&provider, theirs.clone()), link).await;
        let linked = exchange(app, &ticket_of(&end)).await.expect_status(200);
        assert_eq!(linked["outcome"], "linked");
        teachers_by_address(&school, &connection).await;
        vouched(app, &school, "hill.example").await;
        let (outcome, _, me) = came_as(&school, &connection, by()).await;
        assert_eq!((outcome.as_str(), &me["id"]), ("signed_in", &account["id"]));
        assert_eq!(me["email_verified"], true);
        for ended in [&first, &other] {
            ended
                .get("/v1/me")
                .await
                .expect_problem(401, "not_signed_in");
        }
        let login = json!({ "email": "vera@hill.example", "password": chosen });
        let login = app.anonymous().post("/v1/auth/login", login).await;
        assert_eq!(login.status, 401, "{}", login.text);
        let (outcome, _, stranger) = came_as(&school, &connection, (&provider, theirs)).await;
        assert_eq!(outcome, "account_created");
        assert_ne!(stranger["id"], account["id"]);
        // She herself stays who she is.
        let (outcome, _, me) = came_as(&school, &connection, by()).await;
        assert_eq!((outcome.as_str(), &me["id"]), ("signed_in", &account["id"]));
    }
);

both_databases!(
    an_address_that_is_not_the_accounts_makes_nobody_staff,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        teachers_by_address(&school, &connection).await;
        let nameless = json!({ "sub": "pupil" });
        comes(&school, &connection, (&provider, nameless)).await;
        let named = json!({ "sub": "pupil", "email": "head@hill.example" });
        let member = comes(&school, &connection, (&provider, named)).await;
        assert_eq!(member["account_type"], "student", "{member:#}");
    }
);

both_databases!(
    an_invited_mailbox_keeps_no_account_of_somebody_else,
    |app| {
        let school = app.school().await;
        vouched(app, &school, "hill.example").await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let invite = json!({ "emails": ["mallory@else.example"], "account_type": "student" });
        school.invite_with(invite).await.expect_status(200);
        let token = app.last_mail_to("mallory@else.example").await.token();
        // Vera is lured into a flow with the token.
        let vera = json!({ "sub": "vera", "email": "vera@hill.example" });
        let carries = json!({ "invitation_token": token });
        let end = go_round(&app.anonymous(), &connection, (&provider, vera), carries).await;
        let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
        let me = holder(app, &came).get("/v1/me").await.expect_status(200);
        assert_eq!(me["email"], "vera@hill.example", "{came:#}");
        let forgot = json!({ "email": "mallory@else.example" });
        let forgot = app
            .anonymous()
            .post("/v1/auth/password/forgot", forgot)
            .await;
        assert!(forgot.status.is_success());
        let mails = app.mails().await;
        let to_mallory = mails
            .iter()
            .filter(|mail| mail.to == "mallory@else.example");
        assert_eq!(to_mallory.count(), 1, "the invitation only");
    }
);
