//! Accounts that nobody has used, once nothing leads to them any more.

use std::time::Duration;

use rollcall::domain::client_address::Client;
use rollcall::domain::email_address::EmailAddress;
use rollcall::services::{invitations, passwords, takeover};
use rollcall::store::{account_deletion, accounts, mailed_tokens};
use serde_json::json;

use super::{DAY, again, choose_password, token};
use crate::support::people::{Organization, outcomes, text};
use crate::support::{App, TestResponse, both_databases};

const MINUTE: Duration = Duration::from_secs(60);

/// The account that somebody else than the reader of the mailbox leaves behind: it only holds their invitation.
/// Gives the path of the invitation and the token of its mail.
async fn held_invitation(app: &App, school: &Organization<'_>, email: &str) -> (String, String) {
    let squatter = app.register_unverified(email).await;
    let path = school.invite_one(email).await;
    let secret = app.last_mail_to(email).await.token_of("invitation");
    squatter.delete("/v1/me").await.expect_status(204);
    (path, secret)
}

fn has_account(app: &App, email: &str) -> bool {
    let email: EmailAddress = email.parse().unwrap();
    let found = app.as_cli(|tx| accounts::find_by_email(tx.connection, &email));
    found.unwrap().is_some()
}

async fn preview(app: &App, secret: &str) -> TestResponse {
    app.anonymous()
        .post("/v1/invitations/preview", token(secret))
        .await
}

/// Has the worker clean up, as it does every minute.
async fn clean_up(app: &App) {
    app.advance(MINUTE);
    app.drain().await;
}

both_databases!(
    an_account_that_held_an_invitation_goes_with_its_last_link,
    |app| {
        let mut school = app.school().await;
        let mut held = Vec::new();
        for way in ["expires", "is revoked", "is declined"] {
            let email = format!("{}@x.example", way.replace(' ', "."));
            let (path, secret) = held_invitation(app, &school, &email).await;
            clean_up(app).await;
            assert!(has_account(app, &email), "{way}: it is still invited");
            match way {
                "is revoked" => {
                    let path = format!("{path}/revoke");
                    school.admin.post(&path, json!({})).await.expect_status(200);
                }
                "is declined" => {
                    let declined = app
                        .anonymous()
                        .post("/v1/invitations/decline", token(&secret))
                        .await;
                    declined.expect_status(204);
                }
                _ => {}
            }
            held.push((email, path, secret));
        }
        app.advance(DAY * 8);
        school.admin = again(&school.admin).await;
        clean_up(app).await;
        assert_eq!(school.students().await, (0, 0));
        for (email, _, secret) in &held {
            assert!(has_account(app, email), "the link still tells how it ended");
            let told = preview(app, secret).await.text;
            assert!(!told.contains("invitation_unknown"), "{told}");
        }
        app.advance(DAY * 30);
        school.admin = again(&school.admin).await;
        clean_up(app).await;
        for (email, path, secret) in &held {
            assert!(!has_account(app, email), "{email}");
            preview(app, secret)
                .await
                .expect_problem(404, "invitation_unknown");
            let shown = school.admin.get(path).await.expect_status(200);
            assert_eq!(shown["email"], email.as_str());
            let resend = format!("{path}/resend");
            let resent = school.admin.post(&resend, json!({})).await;
            resent.expect_problem(409, "invitation_ended");
        }
        let emails: Vec<&str> = held.iter().map(|(email, ..)| email.as_str()).collect();
        let invited = school.invite(&emails).await;
        assert_eq!(outcomes(&invited), ["account_created"; 3]);
    }
);

both_databases!(an_account_is_kept_while_anything_leads_to_it, |app| {
    let mut school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let (asks, invited) = ("asks@x.example", "invited@x.example");
    held_invitation(app, &school, asks).await;
    held_invitation(app, &school, invited).await;
    app.advance(DAY * 37);
    school.admin = again(&school.admin).await;
    let other_admin = again(&other.admin).await;
    // The links of both end in this minute; the one asks for a password, the other is invited elsewhere.
    let forgot = json!({ "email": asks });
    let forgot = app
        .anonymous()
        .post("/v1/auth/password/forgot", forgot)
        .await;
    forgot.expect_status(202);
    let body = json!({ "emails": [invited], "account_type": "student" });
    let invite = other_admin.post(&other.path("/invitations"), body).await;
    let id = text(&invite.expect_status(200)["results"][0]["invitation_id"]);
    clean_up(app).await;
    assert!(has_account(app, asks) && has_account(app, invited));
    let secret = app.last_mail_to(asks).await.token_of("set-password");
    choose_password(app, &secret, "quiet rivers 11")
        .await
        .expect_status(204);
    app.advance(DAY * 60);
    clean_up(app).await;
    // It has an owner, and the other is a member of the school that invited it.
    assert!(has_account(app, asks) && has_account(app, invited));
    let other_admin = again(&other.admin).await;
    let shown = other_admin
        .get(&other.path(&format!("/invitations/{id}")))
        .await;
    assert_eq!(shown.expect_status(200)["status"], "expired");
});

both_databases!(
    who_never_came_and_was_removed_keeps_no_address_from_anybody,
    |app| {
        let school = app.school().await;
        let emails = ["a@x.example", "b@x.example", "c@x.example", "d@x.example"];
        school.invite(&emails).await;
        for email in emails {
            let member = school.member_by_address(email).await.unwrap();
            let path = school.path_of(&text(&member["account_id"]));
            school.admin.delete(&path).await.expect_status(204);
        }
        app.register("a@x.example").await;
        let invited = school.invite(&["b@x.example"]).await;
        assert_eq!(outcomes(&invited), ["account_created"]);
        let file = "email,password,username\nc@x.example,purple fox 12,Cleo\n";
        let accepted = school.import(file, &[("account_type", "student")]).await;
        let import = text(&accepted.expect_status(202)["id"]);
        clean_up(app).await;
        let import = school.path(&format!("/imports/{import}"));
        let import = school.admin.get(&import).await.expect_status(200);
        assert_eq!(import["counts"]["created"], 1, "{import:#}");
        for (email, stays) in emails.into_iter().zip([true, true, true, false]) {
            assert_eq!(has_account(app, email), stays, "{email}");
        }
    }
);

both_databases!(who_invites_during_the_clean_up_waits_for_its_end, |app| {
    let mut school = app.school().await;
    let email = "late@x.example";
    held_invitation(app, &school, email).await;
    app.advance(DAY * 37 + MINUTE);
    school.admin = again(&school.admin).await;
    let id = app.as_cli(|tx| {
        // As the clean-up would, which has not run since.
        mailed_tokens::delete_expired(tx.connection, tx.now())?;
        invitations::expire_overdue(tx, &|| false)?;
        let held = accounts::find_by_email(tx.connection, &email.parse().unwrap());
        Ok(held?.unwrap().id)
    });
    let id = id.unwrap();
    let body = json!({ "emails": [email], "account_type": "student" });
    let invited = app
        .during(
            move |tx| account_deletion::lock_for_deletion(tx.connection, id).map(|_| ()),
            school.invite_with(body),
            move |tx| {
                assert!(account_deletion::delete_unclaimed(tx.connection, id)?);
                Ok(())
            },
        )
        .await;
    assert_eq!(outcomes(&invited.expect_status(200)), ["account_created"]);
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(a_clean_up_spares_whom_a_link_is_just_mailed_to, |app| {
    let school = app.school().await;
    let email = "late@x.example";
    held_invitation(app, &school, email).await;
    app.advance(DAY * 37 + MINUTE);
    app.as_cli(|tx| {
        mailed_tokens::delete_expired(tx.connection, tx.now())?;
        invitations::expire_overdue(tx, &|| false)
    })
    .unwrap();
    let services = app.state.services.clone();
    let client = Client::at("192.0.2.1".parse().unwrap());
    let clean_up = async {
        let cleaned = tokio::task::spawn_blocking(move || {
            services.run_as_system(|tx| takeover::delete_unclaimed(tx, &|| false))
        });
        cleaned.await.unwrap().unwrap();
        app.anonymous().get("/health/ready").await
    };
    app.during(
        move |tx| passwords::forgot(tx, &email.parse().unwrap(), &client),
        clean_up,
        |_| Ok(()),
    )
    .await;
    assert!(has_account(app, email));
    let secret = app.last_mail_to(email).await.token_of("set-password");
    choose_password(app, &secret, "quiet rivers 11")
        .await
        .expect_status(204);
});
