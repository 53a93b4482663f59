//! Addresses that somebody registered and never verified, and their owners
//! (`docs/accounts.md#addresses-that-nobody-verified`).

use std::time::Duration;

use rollcall::domain::audit::AuditAction;
use rollcall::domain::ids::OrganizationId;
use rollcall::services::authorization;
use rollcall::store::accounts;
use serde_json::{Value, json};

use crate::support::locks::joining;
use crate::support::people::{Organization, PASSWORD, Person, text};
use crate::support::{App, ReceivedMail, TestResponse, both_databases, with_mail_server};

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

/// The organization with its admin signed in.
async fn signed_in<'a>(app: &'a App, school: &Organization<'_>) -> Organization<'a> {
    Organization {
        id: school.id.clone(),
        slug: school.slug.clone(),
        admin: admin(app, school).await,
    }
}

async fn join_by_code(school: &Organization<'_>, who: &Person<'_>) -> Value {
    let code = school.admin.get(&school.path("/invite-code")).await;
    let body = json!({ "code": code.expect_status(200)["code"] });
    let joined = who.post("/v1/invite-codes/redeem", body).await;
    joined.expect_status(200)
}

/// The last mail to an address with this in it.
async fn last_to(app: &App, address: &str, words: &str) -> ReceivedMail {
    let mails = app.mails().await;
    let last = mails
        .iter()
        .rfind(|mail| mail.to == address && mail.text.contains(words));
    last.unwrap_or_else(|| panic!("no mail to {address} with {words}: {mails:?}"))
        .clone()
}

/// The last mail that asks to confirm an address.
async fn confirmation(app: &App, address: &str) -> ReceivedMail {
    last_to(app, address, "/verify-email?").await
}

/// The mails that tell of a replaced account.
async fn replacements(app: &App, address: &str) -> Vec<ReceivedMail> {
    let mut mails = app.mails().await;
    mails.retain(|mail| mail.to == address && mail.subject.contains("replaced"));
    mails
}

/// Asks for a new password and sets it by the mailed link.
async fn choose_password(app: &App, email: &str) {
    let forgot = json!({ "email": email });
    let forgot = app
        .anonymous()
        .post("/v1/auth/password/forgot", forgot)
        .await;
    forgot.expect_status(202);
    let mail = last_to(app, email, "/set-password?").await;
    let body = json!({ "token": mail.token_of("set-password"), "password": OWN });
    let reset = app.anonymous().post("/v1/auth/password/reset", body).await;
    reset.expect_status(204);
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
    let school = signed_in(app, school).await;
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

with_mail_server!(a_registration_takes_an_address_over_after_a_week, |app| {
    let school = app.school().await;
    let squatter = app.register_unverified("jane@x.org").await;
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
    let removed = &log["items"][0];
    assert_eq!(
        (&removed["action"], &removed["actor"]["kind"]),
        (&json!("member.removed"), &json!("system"))
    );
    assert_eq!(count_events(app, AuditAction::AccountTookOver), 1);
    // What the squatter had asked for does not come with the proof.
    let jane = app.sign_in("jane@x.org", OWN).await;
    let token = confirmation(app, "jane@x.org").await.token();
    let verified = verify(&jane, &token).await.expect_status(200);
    assert_eq!(verified["joins"], json!([]));
    // Now it is Jane's for good.
    app.advance(2 * WEEK);
    register(app, "jane@x.org")
        .await
        .expect_problem(409, "email_taken");
});

with_mail_server!(an_address_that_was_verified_is_nobody_elses, |app| {
    let school = app.school().await;
    let jane = app.register_unverified("jane@x.org").await;
    let token = confirmation(app, "jane@x.org").await.token();
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

with_mail_server!(
    an_import_takes_an_address_over_after_a_week_and_not_before,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let squatter = app.register_unverified("jane@x.org").await;
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

with_mail_server!(
    an_invitation_takes_an_address_over_after_a_week_and_not_before,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let squatter = app.register_unverified("jane@x.org").await;
        assert_eq!(invite(app, &other, "jane@x.org").await, "join_link_sent");
        app.advance(WEEK);
        assert_eq!(invite(app, &school, "jane@x.org").await, "account_created");
        assert_gone(app, &squatter).await;
        let token = last_to(app, "jane@x.org", "/set-password?")
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

with_mail_server!(an_invitation_to_the_address_is_the_owners, |app| {
    let school = app.school().await;
    app.register_unverified("jane@x.org").await;
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

with_mail_server!(members_of_the_organization_are_no_strangers_to_it, |app| {
    let school = app.school().await;
    let pupil = app.register_unverified("pupil@x.org").await;
    join_by_code(&school, &pupil).await;
    app.advance(WEEK);
    let row = import(app, &school, "pupil@x.org").await;
    assert_eq!(row["outcome"], "already_member");
    assert_eq!(invite(app, &school, "pupil@x.org").await, "already_member");
    app.sign_in("pupil@x.org", PASSWORD).await;
});

with_mail_server!(who_leads_others_is_not_replaced, |app| {
    let school = app.school().await;
    app.unverify(&school.admin.id);
    school
        .import_students("email,password,username\nann@x.org,quiet rivers 11,Ann\n")
        .await;
    let other = app.organization("Other School", "school").await;
    app.advance(WEEK);
    let email = &school.admin.email;
    register(app, email)
        .await
        .expect_problem(409, "email_taken");
    assert_eq!(import(app, &other, email).await["outcome"], "email_taken");
    assert_eq!(invite(app, &other, email).await, "join_link_sent");
    // The owner of the mailbox gets in all the same.
    choose_password(app, email).await;
    let head = app.sign_in(email, OWN).await;
    head.get(&school.path("")).await.expect_status(200);
});

with_mail_server!(an_organization_of_one_goes_with_the_squatter, |app| {
    let school = app.school().await;
    app.unverify(&school.admin.id);
    app.advance(WEEK);
    register(app, &school.admin.email).await.expect_status(201);
    assert_gone(app, &school.admin).await;
    let operator = app.operator().await;
    operator
        .get(&school.path(""))
        .await
        .expect_problem(404, "not_found");
});

with_mail_server!(
    whoever_was_removed_does_not_come_back_by_registering_again,
    |app| {
        let school = app.school().await;
        let pupil = app.register_unverified("pupil@x.org").await;
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

with_mail_server!(
    accounts_that_an_organization_created_are_no_squatters,
    |app| {
        let school = app.school().await;
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

with_mail_server!(
    verifying_between_the_upload_and_the_work_keeps_the_account,
    |app| {
        let school = app.school().await;
        let squatter = app.register_unverified("jane@x.org").await;
        app.advance(WEEK - SECOND);
        let resent = app.sign_in("jane@x.org", PASSWORD).await;
        let resend = resent.post("/v1/auth/email/resend", json!({})).await;
        resend.expect_status(202);
        let token = confirmation(app, "jane@x.org").await.token();
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

with_mail_server!(
    an_owner_who_verifies_at_the_same_moment_wins_or_finds_nothing,
    |app| {
        let school = app.school().await;
        for number in 0..6 {
            let email = format!("jane{number}@x.org");
            app.register_unverified(&email).await;
            app.advance(WEEK);
            let squatter = app.sign_in(&email, PASSWORD).await;
            let resend = squatter.post("/v1/auth/email/resend", json!({})).await;
            resend.expect_status(202);
            let token = confirmation(app, &email).await.token();
            let verified = verify(&squatter, &token);
            let won = if number % 2 == 0 {
                let (verified, registered) = tokio::join!(verified, register(app, &email));
                let won = verified.status == 200;
                if won {
                    registered.expect_problem(409, "email_taken");
                } else {
                    registered.expect_status(201);
                }
                won
            } else {
                let (verified, row) = tokio::join!(verified, import(app, &school, &email));
                let won = verified.status == 200;
                let outcome = if won { "email_taken" } else { "created" };
                assert_eq!(row["outcome"], outcome, "{row}");
                won
            };
            let login = json!({ "email": email, "password": PASSWORD });
            let login = app.anonymous().post("/v1/auth/login", login).await;
            login.expect_status(if won { 200 } else { 401 });
        }
    }
);

with_mail_server!(
    whoever_verifies_first_keeps_a_waiting_registration_out,
    |app| {
        let squatter = app.register_unverified("jane@x.org").await;
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

with_mail_server!(
    the_owner_reads_that_an_import_has_replaced_the_account,
    |app| {
        let (school, other) = (
            app.school().await,
            app.organization("Other School", "school").await,
        );
        let jane = app.register_unverified("jane@x.org").await;
        join_by_code(&other, &jane).await;
        app.advance(WEEK);
        let row = import(app, &school, "jane@x.org").await;
        assert_eq!(row["outcome"], "created", "{row}");
        let [mail] = <[_; 1]>::try_from(replacements(app, "jane@x.org").await).unwrap();
        for said in [
            "1 September 2026",
            "never confirmed",
            "Hill Road School has now created a new account for you in its place and manages it",
            "Forgotten password",
            "jane@x.org",
        ] {
            assert!(mail.text.contains(said), "{said} is not in {}", mail.text);
        }
        assert!(
            mail.link().contains("/sign-in?email=jane"),
            "{}",
            mail.link()
        );
        // What the mail says to do gets her in.
        choose_password(app, "jane@x.org").await;
        let jane = app.sign_in("jane@x.org", OWN).await;
        jane.get(&school.path("")).await.expect_status(200);
        let row = import(app, &school, "jane@x.org").await;
        assert_eq!(row["outcome"], "already_member");
        assert_eq!(replacements(app, "jane@x.org").await.len(), 1);
    }
);

with_mail_server!(
    a_school_reads_why_it_lost_a_member_and_lets_them_back_in,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        for (email, way) in [("ann@x.org", "imported"), ("ben@x.org", "invited")] {
            let school = signed_in(app, &school).await;
            let pupil = app.register_unverified(email).await;
            join_by_code(&school, &pupil).await;
            app.advance(WEEK);
            if way == "imported" {
                let row = import(app, &other, email).await;
                assert_eq!(row["outcome"], "created", "{row}");
            } else {
                assert_eq!(invite(app, &other, email).await, "account_created");
            }
            assert_gone(app, &pupil).await;
            let school = signed_in(app, &school).await;
            let log = school.events_on(&pupil.id).await;
            let removed = &log[0];
            assert_eq!(removed["action"], "member.removed");
            assert_eq!(removed["actor"]["kind"], "system");
            let expected = json!({
                "reason": "address_taken_over", "email": email,
                "account_type": "student", "role": "member",
            });
            assert_eq!(removed["details"], expected);
            // By whom is no other school's to know.
            assert!(!log.to_string().contains(&other.id), "{log}");
            assert!(!log.to_string().contains("Other School"), "{log}");
            // The pupil did not leave: the code that she knows lets her in again, and then she is nobody's to manage.
            choose_password(app, email).await;
            let pupil = app.sign_in(email, OWN).await;
            let joined = join_by_code(&school, &pupil).await;
            assert_eq!(joined["outcome"], "joined");
            let id = pupil.id.parse().unwrap();
            let account = app.as_cli(|tx| accounts::find(tx.connection, id)).unwrap();
            assert_eq!(account.unwrap().managed_by_organization_id, None);
        }
    }
);

with_mail_server!(two_that_wait_for_each_other_both_get_through, |app| {
    let (school, other) = (
        app.school().await,
        app.organization("Other School", "school").await,
    );
    let squatter = app.register_unverified("jane@x.org").await;
    join_by_code(&other, &squatter).await;
    app.advance(WEEK);
    let (own, theirs): (OrganizationId, OrganizationId) =
        (school.id.parse().unwrap(), other.id.parse().unwrap());
    let head = admin(app, &school).await;
    let body = json!({ "emails": ["jane@x.org"], "account_type": "student" });
    // The invitation holds its own school and waits for the one that loses a member.
    let path = school.path("/invitations");
    let invited = app
        .entangled_with(
            move |tx| authorization::lock(tx, theirs),
            head.post(&path, body),
            move |tx| authorization::lock(tx, own),
        )
        .await;
    let outcome = &invited.expect_status(200)["results"][0]["outcome"];
    assert_eq!(outcome, "account_created");
    assert_gone(app, &squatter).await;
    assert_eq!(used_seats(&head, &school, "student").await, 1);
});

with_mail_server!(
    the_owner_reads_that_an_invitation_has_replaced_the_account,
    |app| {
        let school = app.school().await;
        app.register_unverified("jane@x.org").await;
        app.advance(WEEK);
        assert_eq!(invite(app, &school, "jane@x.org").await, "account_created");
        let [mail] = <[_; 1]>::try_from(replacements(app, "jane@x.org").await).unwrap();
        assert!(mail.text.contains("Hill Road School"), "{}", mail.text);
        let instructions = last_to(app, "jane@x.org", "/set-password?").await;
        assert!(instructions.subject.contains("Hill Road School"));
    }
);

with_mail_server!(
    the_owner_reads_that_a_registration_has_replaced_the_account,
    |app| {
        let jane = app.register_unverified("jane@x.org").await;
        let german = json!({ "language": "de" });
        jane.patch("/v1/me", german).await.expect_status(200);
        app.advance(WEEK);
        register(app, "jane@x.org").await.expect_status(201);
        // Who had registered reads it, in the language of that time.
        let mail = last_to(app, "jane@x.org", "Passwort vergessen").await;
        assert!(mail.subject.contains("wurde ersetzt"), "{}", mail.subject);
        assert!(mail.text.contains("hat jemand die Adresse erneut"));
        let confirmation = confirmation(app, "jane@x.org").await;
        assert!(confirmation.text.contains("/not-me?"));
    }
);

with_mail_server!(
    the_mail_of_a_replaced_account_waits_where_a_mailbox_is_full,
    |app| {
        let school = app.school().await;
        app.register_unverified("jane@x.org").await;
        app.advance(WEEK);
        let admin = admin(app, &school).await;
        let emails: Vec<String> = (0..6)
            .map(|number| format!("jane+{number}@x.org"))
            .collect();
        let body = json!({ "emails": emails, "account_type": "student" });
        let invited = admin.post(&school.path("/invitations"), body).await;
        invited.expect_status(200);
        let row = import(app, &school, "jane@x.org").await;
        assert_eq!(row["outcome"], "created", "{row}");
        assert_eq!(replacements(app, "jane@x.org").await.len(), 0);
        app.advance(Duration::from_secs(60 * 60));
        assert_eq!(replacements(app, "jane@x.org").await.len(), 1);
    }
);

with_mail_server!(
    an_invitation_without_a_seat_takes_nothing_from_anybody,
    |app| {
        let school = app.school().await;
        let operator = app.operator().await;
        let seats = json!({
            "total": 2, "by_account_type": { "student": null, "teacher": null },
        });
        let seats = operator.put(&school.path("/seats"), seats).await;
        seats.expect_status(200);
        for email in ["ann@x.org", "ben@x.org"] {
            app.register_unverified(email).await;
        }
        app.advance(WEEK);
        let body = json!({ "emails": ["ben@x.org", "ann@x.org"], "account_type": "student" });
        let head = admin(app, &school).await;
        let invited = head.post(&school.path("/invitations"), body).await;
        let invited = invited.expect_status(200);
        assert_eq!(invited["results"][0]["outcome"], "account_created");
        assert_eq!(invited["results"][1]["outcome"], "no_seat");
        app.sign_in("ann@x.org", PASSWORD).await;
        assert_eq!(replacements(app, "ann@x.org").await.len(), 0);
        assert_eq!(replacements(app, "ben@x.org").await.len(), 1);
    }
);

both_databases!(
    where_mail_stays_in_a_folder_nobody_loses_what_they_have_joined,
    |app| {
        let (school, other) = (
            app.school().await,
            app.organization("Other School", "school").await,
        );
        let pupil = app.register("pupil@x.org").await;
        join_by_code(&school, &pupil).await;
        app.advance(10 * WEEK);
        for email in ["pupil@x.org", &school.admin.email] {
            register(app, email)
                .await
                .expect_problem(409, "email_taken");
            let row = import(app, &other, email).await;
            assert_eq!(row["outcome"], "email_taken");
            assert_eq!(invite(app, &other, email).await, "join_link_sent");
        }
        let row = import(app, &school, "pupil@x.org").await;
        assert_eq!(row["outcome"], "already_member");
        let pupil = app.sign_in("pupil@x.org", PASSWORD).await;
        pupil.get(&school.path("")).await.expect_status(200);
        // Nobody had asked her, and she has nothing to lose but a password.
        let unused = app.register("unused@x.org").await;
        app.advance(WEEK);
        let row = import(app, &other, "unused@x.org").await;
        assert_eq!(row["outcome"], "created");
        assert_gone(app, &unused).await;
    }
);

both_databases!(
    joining_between_the_upload_and_the_work_keeps_the_account_where_mail_stays_in_a_folder,
    |app| {
        let (school, other) = (
            app.school().await,
            app.organization("Other School", "school").await,
        );
        let pupil = app.register("pupil@x.org").await;
        app.advance(WEEK);
        let school = Organization {
            admin: admin(app, &school).await,
            ..school
        };
        let csv = "email,password,username\npupil@x.org,quiet rivers 11,Pupil\n";
        let accepted = school.import(csv, &[("account_type", "student")]).await;
        let accepted = accepted.expect_status(202);
        assert_eq!(accepted["counts"]["failed"], 0);
        let pupil = app.sign_in(&pupil.email, PASSWORD).await;
        let other = Organization {
            admin: admin(app, &other).await,
            ..other
        };
        join_by_code(&other, &pupil).await;
        app.drain().await;
        let import = school.import_with(&accepted["id"]).await;
        assert_eq!(import["counts"]["by_outcome"], json!({ "email_taken": 1 }));
        pupil.get(&other.path("")).await.expect_status(200);
    }
);

with_mail_server!(
    no_address_that_can_be_registered_keeps_another_from_its_owner,
    |app| {
        let school = app.school().await;
        let squatters = ["ann@x.org", "ben@x.org", "cleo@x.org"];
        for email in squatters {
            let squatter = app.register_unverified(email).await;
            for domain in ["taken-over.invalid", "x.org"] {
                app.register_unverified(&format!("{}@{domain}", squatter.id))
                    .await;
            }
        }
        app.advance(WEEK);
        let row = import(app, &school, "ann@x.org").await;
        assert_eq!(row["outcome"], "created", "{row}");
        assert_eq!(invite(app, &school, "ben@x.org").await, "account_created");
        register(app, "cleo@x.org").await.expect_status(201);
    }
);

/// Keeps the database from deleting the account of an address.
fn pin(app: &App, email: &str) {
    use diesel::prelude::*;
    let mut connection = app.state.services.pool.get().unwrap();
    for statement in [
        "CREATE TABLE pins (account_id uuid REFERENCES accounts (id))".to_owned(),
        format!("INSERT INTO pins SELECT id FROM accounts WHERE email = '{email}'"),
    ] {
        diesel::sql_query(statement)
            .execute(&mut **connection)
            .unwrap();
    }
}

with_mail_server!(
    an_account_that_cannot_be_replaced_keeps_nobody_else_waiting,
    |app| {
        let school = app.school().await;
        app.register_unverified("jane@x.org").await;
        app.advance(WEEK);
        pin(app, "jane@x.org");
        let head = admin(app, &school).await;
        let emails = json!(["ann@x.org", "jane@x.org"]);
        let body = json!({ "emails": emails, "account_type": "student" });
        let invited = head.post(&school.path("/invitations"), body).await;
        let invited = invited.expect_status(200);
        let outcomes = crate::support::people::outcomes(&invited);
        assert_eq!(outcomes, ["account_created", "join_link_sent"]);
        let school = Organization {
            admin: head,
            ..school
        };
        let csv = "email,password,username\njane@x.org,quiet rivers 11,Jane\n\
                   ben@x.org,quiet rivers 11,Ben\n";
        let import = school.import_students(csv).await;
        assert_eq!(
            import["counts"]["by_outcome"],
            json!({ "created": 1, "email_taken": 1 })
        );
        register(app, "jane@x.org")
            .await
            .expect_problem(409, "email_taken");
    }
);

with_mail_server!(
    joining_at_the_moment_of_an_invitation_fails_nobody_elses,
    |app| {
        let (school, other) = (
            app.school().await,
            app.organization("Other School", "school").await,
        );
        let jane = app.register_unverified("jane@x.org").await;
        app.advance(WEEK);
        let joins = joining(app.account(&jane.id), &other.id);
        let head = admin(app, &school).await;
        let emails = json!(["ann@x.org", "jane@x.org"]);
        let body = json!({ "emails": emails, "account_type": "student" });
        let path = school.path("/invitations");
        let invited = app.during(joins, head.post(&path, body), |_| Ok(())).await;
        let invited = invited.expect_status(200);
        let outcomes = crate::support::people::outcomes(&invited);
        assert_eq!(outcomes[0], "account_created");
        // SQLite lets the invitation begin after the join.
        assert!(
            ["join_link_sent", "account_created"].contains(&outcomes[1]),
            "{outcomes:?}"
        );
    }
);

with_mail_server!(
    whoever_was_deactivated_does_not_come_back_by_registering_again,
    |app| {
        let (school, other) = (
            app.school().await,
            app.organization("Other School", "school").await,
        );
        let code = school.admin.get(&school.path("/invite-code")).await;
        let code = json!({ "code": code.expect_status(200)["code"] });
        for email in ["ann@x.org", "ben@x.org"] {
            let pupil = app.register_unverified(email).await;
            join_by_code(&school, &pupil).await;
            school.deactivate(&school.path_of(&pupil.id)).await;
        }
        app.advance(WEEK);
        let body = json!({
            "email": "ann@x.org", "password": OWN, "username": "Ann", "invite_code": code["code"],
        });
        let registered = app.anonymous().post("/v1/auth/register", body).await;
        registered.expect_problem(403, "code_blocked_for_you");
        register(app, "ann@x.org").await.expect_status(201);
        let row = import(app, &other, "ben@x.org").await;
        assert_eq!(row["outcome"], "created", "{row}");
        for (email, password) in [("ann@x.org", OWN), ("ben@x.org", "quiet rivers 11")] {
            let again = app.sign_in(email, password).await;
            again
                .post("/v1/invite-codes/redeem", code.clone())
                .await
                .expect_problem(403, "code_blocked_for_you");
        }
    }
);
