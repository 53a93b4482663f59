//! Addresses that somebody registered and never verified, and their owners
//! (`docs/accounts.md#addresses-that-nobody-verified`).

use std::time::Duration;

use rollcall::domain::audit::AuditAction;
use rollcall::store::accounts;
use serde_json::{Value, json};

use crate::support::people::{Organization, PASSWORD, Person, text};
use crate::support::{App, TestResponse, both_databases};

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

const SECOND: Duration = Duration::from_secs(1);

const OWN: &str = "eight brown geese 8";

/// Registers with another password than the squatter's.
async fn register(app: &App, email: &str) -> TestResponse {
    let body = json!({ "email": email, "password": OWN, "username": "Jane Doe" });
    app.anonymous().post("/v1/auth/register", body).await
}

async fn verify(who: &Person<'_>, token: &str) -> TestResponse {
    who.post("/v1/auth/email/verify", json!({ "token": token }))
        .await
}

/// The admin, whose session the clock has outrun.
async fn admin<'a>(app: &'a App, school: &Organization<'_>) -> Person<'a> {
    app.sign_in(&school.admin.email, PASSWORD).await
}

async fn verify_admin(app: &App, school: &Organization<'_>) {
    let token = app.last_mail_to(&school.admin.email).await.token();
    verify(&school.admin, &token).await.expect_status(200);
}

async fn join_by_code(school: &Organization<'_>, who: &Person<'_>) -> Value {
    let code = school.admin.get(&school.path("/invite-code")).await;
    let body = json!({ "code": code.expect_status(200)["code"] });
    let joined = who.post("/v1/invite-codes/redeem", body).await;
    joined.expect_status(200)
}

/// Asserts that the account is gone with its sessions and password.
async fn assert_gone(app: &App, squatter: &Person<'_>) {
    let id = squatter.id.parse().unwrap();
    let found = app.as_cli(|tx| accounts::find(tx.connection, id));
    assert!(found.unwrap().is_none(), "{} is there", squatter.email);
    let body = json!({ "refresh_token": squatter.refresh_token });
    app.anonymous()
        .post("/v1/auth/refresh", body)
        .await
        .expect_problem(401, "not_signed_in");
    let body = json!({ "email": squatter.email, "password": PASSWORD });
    app.anonymous()
        .post("/v1/auth/login", body)
        .await
        .expect_problem(401, "wrong_credentials");
}

async fn used_seats(who: &Person<'_>, school: &Organization<'_>, account_type: &str) -> Value {
    let seats = who.get(&school.path("/seats")).await.expect_status(200);
    seats["by_account_type"][account_type]["used"].clone()
}

/// Imports this address as a student's, and gives the row.
async fn import(app: &App, school: &Organization<'_>, email: &str) -> Value {
    let school = Organization {
        id: school.id.clone(),
        slug: school.slug.clone(),
        admin: admin(app, school).await,
    };
    let csv = format!("email,password,username\n{email},quiet rivers 11,Jane\n");
    let import = school.import_students(csv).await;
    let rows = school.path(&format!("/imports/{}/rows", text(&import["id"])));
    let rows = school.admin.get(&rows).await.expect_status(200);
    rows["items"][0].clone()
}

/// Invites this address as a student, and gives the outcome.
async fn invite(app: &App, school: &Organization<'_>, email: &str) -> String {
    let body = json!({ "emails": [email], "account_type": "student" });
    let admin = admin(app, school).await;
    let invited = admin.post(&school.path("/invitations"), body).await;
    text(&invited.expect_status(200)["results"][0]["outcome"])
}

fn count_events(app: &App, action: AuditAction) -> i64 {
    use diesel::prelude::*;
    use rollcall::store::schema::audit_events;
    let mut connection = app.state.services.pool.get().unwrap();
    audit_events::table
        .filter(audit_events::action.eq(action))
        .count()
        .get_result(&mut **connection)
        .unwrap()
}

both_databases!(a_registration_takes_an_address_over_after_a_week, |app| {
    let school = app.school().await;
    verify_admin(app, &school).await;
    let squatter = app.register("jane@x.org").await;
    join_by_code(&school, &squatter).await;
    let domains = json!({ "allowed_email_domains": ["x.org"] });
    let other = app.organization("Other School", "school").await;
    let code = other
        .admin
        .patch(&other.path("/invite-code"), domains)
        .await;
    code.expect_status(200);
    let waits = join_by_code(&other, &squatter).await;
    assert_eq!(waits["outcome"], "waits_for_verification");
    app.advance(WEEK - SECOND);
    register(app, "jane@x.org")
        .await
        .expect_problem(409, "email_taken");
    let head = admin(app, &school).await;
    assert_eq!(used_seats(&head, &school, "student").await, 1);
    app.advance(SECOND);
    let registered = register(app, " Jane@X.org ").await.expect_status(201);
    assert_ne!(registered["account"]["id"], squatter.id.as_str());
    assert_eq!(registered["account"]["email_verified"], false);
    assert_gone(app, &squatter).await;
    assert_eq!(used_seats(&head, &school, "student").await, 0);
    head.get(&format!("{}/members/{}", school.path(""), squatter.id))
        .await
        .expect_problem(404, "not_found");
    let log = head.get(&school.path("/audit-events")).await;
    let log = log.expect_status(200);
    let left = &log["items"][0];
    assert_eq!(
        (&left["action"], &left["actor"]["kind"]),
        (&json!("member.left"), &json!("system"))
    );
    assert_eq!(count_events(app, AuditAction::AccountTookOver), 1);
    // What the squatter had asked for does not come with the proof.
    let jane = app.sign_in("jane@x.org", OWN).await;
    let token = app.last_mail_to("jane@x.org").await.token();
    let verified = verify(&jane, &token).await.expect_status(200);
    assert_eq!(verified["joins"], json!([]));
    // Now it is Jane's for good.
    app.advance(2 * WEEK);
    register(app, "jane@x.org")
        .await
        .expect_problem(409, "email_taken");
});

both_databases!(an_address_that_was_verified_is_nobody_elses, |app| {
    let school = app.school().await;
    verify_admin(app, &school).await;
    let jane = app.register("jane@x.org").await;
    let token = app.last_mail_to("jane@x.org").await.token();
    verify(&jane, &token).await.expect_status(200);
    app.advance(10 * WEEK);
    register(app, "jane@x.org")
        .await
        .expect_problem(409, "email_taken");
    assert_eq!(
        import(app, &school, "jane@x.org").await["outcome"],
        "email_taken"
    );
    assert_eq!(invite(app, &school, "jane@x.org").await, "join_link_sent");
    app.sign_in("jane@x.org", PASSWORD).await;
});

both_databases!(
    an_import_takes_an_address_over_after_a_week_and_not_before,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        for school in [&school, &other] {
            verify_admin(app, school).await;
        }
        let squatter = app.register("jane@x.org").await;
        join_by_code(&other, &squatter).await;
        // Whoever has just registered may be the owner, who has not read the mail yet.
        let row = import(app, &school, "jane@x.org").await;
        assert_eq!(row["outcome"], "email_taken");
        app.advance(WEEK);
        let row = import(app, &school, "jane@x.org").await;
        assert_eq!(row["outcome"], "created", "{row}");
        assert_ne!(row["account_id"], squatter.id.as_str());
        assert_gone(app, &squatter).await;
        let jane = app.sign_in("jane@x.org", "quiet rivers 11").await;
        assert_eq!(row["account_id"], jane.id.as_str());
        let head = admin(app, &school).await;
        let member = head.get(&school.path_of(&jane.id)).await.expect_status(200);
        assert_eq!(member["managed"], true);
        assert_eq!(used_seats(&head, &school, "student").await, 1);
        let head = admin(app, &other).await;
        assert_eq!(used_seats(&head, &other, "student").await, 0);
    }
);

both_databases!(
    an_invitation_takes_an_address_over_after_a_week_and_not_before,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        for school in [&school, &other] {
            verify_admin(app, school).await;
        }
        let squatter = app.register("jane@x.org").await;
        assert_eq!(invite(app, &other, "jane@x.org").await, "join_link_sent");
        app.advance(WEEK);
        assert_eq!(invite(app, &school, "jane@x.org").await, "account_created");
        assert_gone(app, &squatter).await;
        let token = app
            .last_mail_to("jane@x.org")
            .await
            .token_of("set-password");
        let body = json!({ "token": token, "password": OWN });
        let set = app.anonymous().post("/v1/auth/password/reset", body).await;
        set.expect_status(204);
        let jane = app.sign_in("jane@x.org", OWN).await;
        jane.get(&school.path("")).await.expect_status(200);
        let head = admin(app, &school).await;
        assert_eq!(used_seats(&head, &school, "student").await, 1);
    }
);

both_databases!(an_invitation_to_the_address_is_the_owners, |app| {
    let school = app.school().await;
    verify_admin(app, &school).await;
    app.register("jane@x.org").await;
    app.advance(WEEK - SECOND);
    assert_eq!(invite(app, &school, "jane@x.org").await, "join_link_sent");
    let token = app.last_mail_to("jane@x.org").await.token_of("invitation");
    app.advance(SECOND);
    register(app, "jane@x.org").await.expect_status(201);
    let jane = app.sign_in("jane@x.org", OWN).await;
    let accepted = jane
        .post("/v1/invitations/accept", json!({ "token": token }))
        .await;
    accepted.expect_status(200);
    jane.get(&school.path("")).await.expect_status(200);
    let head = admin(app, &school).await;
    let seats = head.get(&school.path("/seats")).await.expect_status(200);
    assert_eq!(seats["by_account_type"]["student"]["used"], 1);
    assert_eq!(seats["by_account_type"]["student"]["reserved"], 0);
});

both_databases!(members_of_the_organization_are_no_strangers_to_it, |app| {
    let school = app.school().await;
    verify_admin(app, &school).await;
    let pupil = app.register("pupil@x.org").await;
    join_by_code(&school, &pupil).await;
    app.advance(WEEK);
    let row = import(app, &school, "pupil@x.org").await;
    assert_eq!(row["outcome"], "already_member");
    assert_eq!(invite(app, &school, "pupil@x.org").await, "already_member");
    app.sign_in("pupil@x.org", PASSWORD).await;
});

both_databases!(who_leads_others_is_not_replaced, |app| {
    let school = app.school().await;
    school
        .import_students("email,password,username\nann@x.org,quiet rivers 11,Ann\n")
        .await;
    let other = app.organization("Other School", "school").await;
    verify_admin(app, &other).await;
    app.advance(WEEK);
    let email = &school.admin.email;
    register(app, email)
        .await
        .expect_problem(409, "email_taken");
    assert_eq!(import(app, &other, email).await["outcome"], "email_taken");
    assert_eq!(invite(app, &other, email).await, "join_link_sent");
    // The owner of the mailbox gets in all the same.
    let forgot = json!({ "email": email });
    let forgot = app
        .anonymous()
        .post("/v1/auth/password/forgot", forgot)
        .await;
    forgot.expect_status(202);
    let token = app.last_mail_to(email).await.token_of("set-password");
    let body = json!({ "token": token, "password": OWN });
    let reset = app.anonymous().post("/v1/auth/password/reset", body).await;
    reset.expect_status(204);
    let head = app.sign_in(email, OWN).await;
    head.get(&school.path("")).await.expect_status(200);
});

both_databases!(an_organization_of_one_goes_with_the_squatter, |app| {
    let school = app.school().await;
    app.advance(WEEK);
    register(app, &school.admin.email).await.expect_status(201);
    assert_gone(app, &school.admin).await;
    let operator = app.operator().await;
    operator
        .get(&school.path(""))
        .await
        .expect_problem(404, "not_found");
});

both_databases!(
    whoever_was_removed_does_not_come_back_by_registering_again,
    |app| {
        let school = app.school().await;
        verify_admin(app, &school).await;
        let pupil = app.register("pupil@x.org").await;
        join_by_code(&school, &pupil).await;
        let removed = school.admin.delete(&school.path_of(&pupil.id)).await;
        removed.expect_status(204);
        app.advance(WEEK);
        register(app, "pupil@x.org").await.expect_status(201);
        let again = app.sign_in("pupil@x.org", OWN).await;
        let head = admin(app, &school).await;
        let code = head.get(&school.path("/invite-code")).await;
        let body = json!({ "code": code.expect_status(200)["code"] });
        again
            .post("/v1/invite-codes/redeem", body)
            .await
            .expect_problem(403, "code_blocked_for_you");
    }
);

both_databases!(
    accounts_that_an_organization_created_are_no_squatters,
    |app| {
        let school = app.school().await;
        verify_admin(app, &school).await;
        let [ann, ..] = crate::support::members::students(app, &school).await;
        // Hers alone from now on, with an address that nobody has verified.
        let path = format!("/v1/me/memberships/{}", school.id);
        ann.delete(&path).await.expect_status(204);
        app.advance(10 * WEEK);
        register(app, "ann@hill.example")
            .await
            .expect_problem(409, "email_taken");
        let row = import(app, &school, "ann@hill.example").await;
        assert_eq!(row["outcome"], "email_taken");
        app.sign_in("ann@hill.example", "quiet rivers 11").await;
    }
);

both_databases!(
    verifying_between_the_upload_and_the_work_keeps_the_account,
    |app| {
        let school = app.school().await;
        verify_admin(app, &school).await;
        let squatter = app.register("jane@x.org").await;
        app.advance(WEEK - SECOND);
        let resent = app.sign_in("jane@x.org", PASSWORD).await;
        let resend = resent.post("/v1/auth/email/resend", json!({})).await;
        resend.expect_status(202);
        let token = app.last_mail_to("jane@x.org").await.token();
        app.advance(SECOND);
        let school = Organization {
            admin: admin(app, &school).await,
            ..school
        };
        let csv = "email,password,username\njane@x.org,quiet rivers 11,Jane\n";
        let accepted = school.import(csv, &[("account_type", "student")]).await;
        let accepted = accepted.expect_status(202);
        assert_eq!(accepted["counts"]["failed"], 0);
        verify(&resent, &token).await.expect_status(200);
        app.drain().await;
        let import = school.import_with(&accepted["id"]).await;
        assert_eq!(import["counts"]["by_outcome"], json!({ "email_taken": 1 }));
        let jane = app.sign_in("jane@x.org", PASSWORD).await;
        assert_eq!(jane.id, squatter.id);
        assert_eq!(used_seats(&school.admin, &school, "student").await, 0);
    }
);

both_databases!(
    an_owner_who_verifies_at_the_same_moment_wins_or_finds_nothing,
    |app| {
        let school = app.school().await;
        verify_admin(app, &school).await;
        for number in 0..6 {
            let email = format!("jane{number}@x.org");
            app.register(&email).await;
            app.advance(WEEK);
            let squatter = app.sign_in(&email, PASSWORD).await;
            let resend = squatter.post("/v1/auth/email/resend", json!({})).await;
            resend.expect_status(202);
            let token = app.last_mail_to(&email).await.token();
            let verified = verify(&squatter, &token);
            let won = if number % 2 == 0 {
                let (verified, registered) = tokio::join!(verified, register(app, &email));
                assert!(
                    [201, 409].contains(&registered.status.as_u16()),
                    "{}",
                    registered.text
                );
                assert_ne!(verified.status == 200, registered.status == 201);
                verified.status == 200
            } else {
                let (verified, row) = tokio::join!(verified, import(app, &school, &email));
                assert_ne!(verified.status == 200, row["outcome"] == "created", "{row}");
                verified.status == 200
            };
            let login = json!({ "email": email, "password": PASSWORD });
            let login = app.anonymous().post("/v1/auth/login", login).await;
            login.expect_status(if won { 200 } else { 401 });
        }
    }
);

both_databases!(
    whoever_verifies_first_keeps_a_waiting_registration_out,
    |app| {
        let squatter = app.register("jane@x.org").await;
        app.advance(WEEK);
        let id: rollcall::domain::ids::AccountId = squatter.id.parse().unwrap();
        let refused = app
            .during(
                move |tx| accounts::lock(tx.connection, id).map(|_| ()),
                register(app, "jane@x.org"),
                move |tx| {
                    let now = tx.now();
                    accounts::verify_email(tx.connection, id, now).map(|_| ())
                },
            )
            .await;
        refused.expect_problem(409, "email_taken");
        let jane = app.sign_in("jane@x.org", PASSWORD).await;
        assert_eq!(jane.id, squatter.id);
    }
);
