//! Operators made of accounts that somebody had before (`docs/deployment.md#operators`).

use rollcall::store::accounts;
use serde_json::json;

use crate::support::both_databases;
use crate::support::people::{PASSWORD, Person, text};

/// What `App::operator` makes an operator of.
const OPERATOR: &str = "operator@rollcall.example";

both_databases!(
    an_account_that_a_tenant_closed_is_open_to_its_operator,
    |app| {
        let school = app.school().await;
        let csv = format!("email,password,username\n{OPERATOR},quiet rivers 11,Ops\n");
        school.import_students(csv).await;
        let ops = app.sign_in(OPERATOR, "quiet rivers 11").await;
        school.deactivate(&school.path_of(&ops.id)).await;
        let operator = app.operator().await;
        assert_eq!(operator.id, ops.id);
        let me = operator.get("/v1/me").await.expect_status(200);
        assert_eq!(me["operator"], true);
        operator.get(&school.path("")).await.expect_status(200);
    }
);

both_databases!(
    whoever_had_registered_the_address_keeps_nothing_of_it,
    |app| {
        let domains = json!({ "allowed_email_domains": ["rollcall.example"] });
        let other = app.organization("Other School", "school").await;
        let code = other
            .admin
            .patch(&other.path("/invite-code"), domains)
            .await;
        let code = json!({ "code": code.expect_status(200)["code"] });
        let squatter = app.register_unverified(OPERATOR).await;
        let waits = squatter.post("/v1/invite-codes/redeem", code).await;
        assert_eq!(
            waits.expect_status(200)["outcome"],
            "waits_for_verification"
        );
        let mail = app.last_mail_to(OPERATOR).await;
        let forgot = json!({ "email": OPERATOR });
        let forgot = app
            .anonymous()
            .post("/v1/auth/password/forgot", forgot)
            .await;
        forgot.expect_status(202);
        let reset = app.last_mail_to(OPERATOR).await.token_of("set-password");
        let school = app
            .organization_of(squatter.clone(), "Squat School", "school")
            .await;
        let key = json!({ "name": "Back door", "scopes": ["members:read"] });
        let key = squatter.post(&school.path("/api-keys"), key).await;
        let key = Person {
            access_token: Some(text(&key.expect_status(201)["key"])),
            ..app.anonymous()
        };
        let operator = app.operator().await;
        for who in [&squatter, &key] {
            who.get(&school.path("/members"))
                .await
                .expect_problem(401, "not_signed_in");
        }
        app.disown(&mail.token_of("not-me"))
            .await
            .expect_problem(410, "token_invalid");
        let verify = json!({ "token": mail.token() });
        operator
            .post("/v1/auth/email/verify", verify)
            .await
            .expect_problem(410, "token_invalid");
        let reset = json!({ "token": reset, "password": "eight brown geese 8" });
        let reset = app.anonymous().post("/v1/auth/password/reset", reset).await;
        reset.expect_problem(410, "token_invalid");
        // A link of the operator's own verifies the address, and lets nobody in who waited before.
        let resend = operator.post("/v1/auth/email/resend", json!({})).await;
        resend.expect_status(202);
        let verify = json!({ "token": app.last_mail_to(OPERATOR).await.token() });
        let verified = operator.post("/v1/auth/email/verify", verify).await;
        assert_eq!(verified.expect_status(200)["joins"], json!([]));
    }
);

both_databases!(nobody_deletes_an_operator_by_a_mailed_link, |app| {
    app.register_unverified(OPERATOR).await;
    let operator = app.operator().await;
    let resend = operator.post("/v1/auth/email/resend", json!({})).await;
    resend.expect_status(202);
    let token = app.last_mail_to(OPERATOR).await.token_of("not-me");
    app.disown(&token).await.expect_status(204);
    // The reader of the mailbox has shut the account, and it is there.
    let login = json!({ "email": OPERATOR, "password": PASSWORD });
    let login = app.anonymous().post("/v1/auth/login", login).await;
    login.expect_problem(401, "wrong_credentials");
    let email = OPERATOR.parse().unwrap();
    let account = app.as_cli(|tx| accounts::find_by_email(tx.connection, &email));
    assert!(account.unwrap().is_some_and(|account| account.operator));
    // Nor is the address free for others once the right is taken away.
    let email = OPERATOR.parse().unwrap();
    app.as_cli(|tx| rollcall::services::operators::revoke(tx, email))
        .unwrap();
    let body = json!({ "email": OPERATOR, "password": PASSWORD, "username": "Somebody" });
    let registered = app.anonymous().post("/v1/auth/register", body).await;
    registered.expect_problem(409, "email_taken");
});
