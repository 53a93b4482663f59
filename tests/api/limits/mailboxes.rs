//! Nobody gets more than a few mails on the word of strangers, however they are caused.

use std::time::Duration;

use reqwest::Method;
use rollcall::config::Config;
use rollcall::domain::limits::{Limit, QuotaSetting};
use serde_json::{Value, json};

use super::on_both;
use crate::support::people::{Organization, PASSWORD, Person, send, text};
use crate::support::{App, both_databases};

const VICTIM: &str = "victim@x.example";

/// What one mailbox gets within an hour.
const FEW: usize = 5;

/// How many of its unverified subaddresses, the oldest ones, get a new password by a limit of their own.
const EARLY: usize = 3;

/// After which it gets one more.
const PAUSE: Duration = Duration::from_secs(12 * 60);

/// The mails that a mailbox got, whatever the subaddress.
async fn received(app: &App, mailbox: &str) -> usize {
    let (name, domain) = mailbox.split_once('@').unwrap();
    let mails = app.mails().await;
    let is_theirs = |to: &str| {
        to == mailbox || to.starts_with(&format!("{name}+")) && to.ends_with(&format!("@{domain}"))
    };
    mails.iter().filter(|mail| is_theirs(&mail.to)).count()
}

async fn invite(school: &Organization<'_>, email: &str) -> String {
    let body = json!({ "emails": [email], "account_type": "student" });
    let invited = school.admin.post(&school.path("/invitations"), body).await;
    let id = text(&invited.expect_status(200)["results"][0]["invitation_id"]);
    school.path(&format!("/invitations/{id}"))
}

async fn delivery(school: &Organization<'_>, invitation: &str) -> Value {
    let found = school.admin.get(invitation).await.expect_status(200);
    found["delivery"].clone()
}

async fn verifies(app: &App, person: &Person<'_>) {
    let token = app.last_mail_to(&person.email).await.token();
    let verified = person.post("/v1/auth/email/verify", json!({ "token": token }));
    verified.await.expect_status(200);
}

both_databases!(
    inviting_and_revoking_again_and_again_sends_few_mails,
    |app| {
        let school = app.school().await;
        for number in 0..12 {
            let invitation = invite(&school, VICTIM).await;
            let sent = received(app, VICTIM).await;
            assert_eq!(sent, FEW.min(number + 1));
            let revoke = school
                .admin
                .post(&format!("{invitation}/revoke"), json!({}))
                .await;
            revoke.expect_status(200);
        }
        // What was revoked before it left has not used up what others may send.
        app.advance(PAUSE);
        invite(&school, VICTIM).await;
        assert_eq!(received(app, VICTIM).await, FEW + 1);
    }
);

both_databases!(a_mail_over_the_limit_waits_and_says_so, |app| {
    let mut school = app.school().await;
    let mut invitations = Vec::new();
    for number in 0..FEW + 2 {
        invitations.push(invite(&school, &format!("victim+{number}@x.example")).await);
    }
    assert_eq!(received(app, VICTIM).await, FEW);
    for (number, invitation) in invitations.iter().enumerate() {
        let delivery = delivery(&school, invitation).await;
        if number < FEW {
            assert_eq!(delivery["status"], "sent", "{delivery}");
            continue;
        }
        assert_eq!(delivery["status"], "deferred", "{delivery}");
        assert_eq!(delivery["attempts"], 0);
        let why = text(&delivery["last_error"]);
        assert!(
            why.contains("as many mails as others may have sent") && why.contains("It is sent at"),
            "{why}"
        );
    }
    app.advance(PAUSE);
    assert_eq!(received(app, VICTIM).await, FEW + 1);
    app.advance(PAUSE);
    assert_eq!(received(app, VICTIM).await, FEW + 2);
    school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    let last = delivery(&school, invitations.last().unwrap()).await;
    assert_eq!(
        (&last["status"], &last["last_error"]),
        (&json!("sent"), &Value::Null)
    );
});

both_databases!(a_mail_that_would_wait_for_days_is_given_up_at_once, |app| {
    let school = app.school().await;
    let emails: Vec<String> = (0..130)
        .map(|number| format!("victim+{number}@x.example"))
        .collect();
    let body = json!({ "emails": emails, "account_type": "student" });
    let invited = school.admin.post(&school.path("/invitations"), body).await;
    assert_eq!(
        invited.expect_status(200)["summary"]["account_created"],
        130
    );
    let list = school.path("/invitations?limit=200");
    let list = school.admin.get(&list).await.expect_status(200);
    let deliveries = list["items"].as_array().unwrap().iter();
    let deliveries: Vec<&Value> = deliveries.map(|one| &one["delivery"]).collect();
    let count = |status: &str| {
        let has = deliveries.iter().filter(|one| one["status"] == status);
        has.count()
    };
    // A day's worth waits.
    assert_eq!(
        [count("queued"), count("deferred"), count("failed")],
        [FEW, 120, 5]
    );
    let failed = deliveries.iter().find(|one| one["status"] == "failed");
    let why = text(&failed.unwrap()["last_error"]);
    assert!(why.contains("Send it again later"), "{why}");
});

both_databases!(
    registrations_of_subaddresses_answer_alike_and_send_few_mails,
    |app| {
        for number in 0..10 {
            app.register(&format!("victim+{number}@x.example")).await;
        }
        assert_eq!(received(app, VICTIM).await, FEW);
        let neighbour = "neighbour@x.example";
        app.register(neighbour).await;
        assert_eq!(received(app, neighbour).await, 1);
    }
);

both_databases!(
    password_help_answers_alike_whether_its_mail_waits_or_not,
    |app| {
        let school = app.school().await;
        for number in 0..FEW {
            invite(&school, &format!("victim+{number}@x.example")).await;
        }
        // Its account was made by an invitation, and nobody has verified it.
        invite(&school, VICTIM).await;
        let before = received(app, VICTIM).await;
        let mut answers = Vec::new();
        for email in [VICTIM, "nobody@x.example"] {
            let body = json!({ "email": email });
            let answer = app.anonymous().post("/v1/auth/password/forgot", body).await;
            answer.expect_status(202);
            let standing = answer.header("ratelimit").split(',').next();
            answers.push((standing.map(str::to_owned), answer.text.clone()));
        }
        assert_eq!(answers[0], answers[1]);
        // Its own limit lets it leave: nobody who fills a mailbox keeps its owner from the account.
        assert_eq!((before, received(app, VICTIM).await), (FEW, FEW + 1));
    }
);

both_databases!(
    a_full_mailbox_keeps_nobody_from_verifying_and_from_a_new_password,
    |app| {
        let school = app.school().await;
        fill_mailbox(app, &school).await;
        let owner = app.register_unverified(VICTIM).await;
        assert!(app.last_mail_to(VICTIM).await.text.contains("/not-me?"));
        owner
            .post("/v1/auth/email/resend", json!({}))
            .await
            .expect_status(202);
        assert_eq!(received(app, VICTIM).await, FEW + 2);
        let forgot = json!({ "email": VICTIM });
        let forgot = app
            .anonymous()
            .post("/v1/auth/password/forgot", forgot)
            .await;
        forgot.expect_status(202);
        assert_eq!(received(app, VICTIM).await, FEW + 3);
        let token = app.last_mail_to(VICTIM).await.token();
        let body = json!({ "token": token, "password": "eight brown geese 8" });
        let reset = app.anonymous().post("/v1/auth/password/reset", body).await;
        reset.expect_status(204);
        // What others cause waits as before.
        invite(&school, "victim+x@x.example").await;
        let others = app.mails().await;
        let waits = |mail: &crate::support::ReceivedMail| mail.to != "victim+x@x.example";
        assert!(others.iter().all(waits));
    }
);

/// Invites so many subaddresses of one mailbox that it gets nothing more on the word of others.
async fn fill_mailbox(app: &App, school: &Organization<'_>) {
    let emails: Vec<String> = (0..130)
        .map(|number| format!("victim+{number}@x.example"))
        .collect();
    let body = json!({ "emails": emails, "account_type": "student" });
    let invited = school.admin.post(&school.path("/invitations"), body).await;
    invited.expect_status(200);
    assert_eq!(received(app, VICTIM).await, FEW);
}

async fn forgot(app: &App, email: &str) {
    let body = json!({ "email": email });
    let answer = app.anonymous().post("/v1/auth/password/forgot", body).await;
    answer.expect_status(202);
}

both_databases!(
    what_others_send_to_a_mailbox_delays_no_link_of_its_subaddresses,
    |app| {
        let school = app.school().await;
        fill_mailbox(app, &school).await;
        let own = "victim+own@x.example";
        let owner = app.register_unverified(own).await;
        assert!(app.last_mail_to(own).await.text.contains("/not-me?"));
        let resend = owner.post("/v1/auth/email/resend", json!({})).await;
        resend.expect_status(202);
        assert_eq!(received(app, VICTIM).await, FEW + 2);
        forgot(app, own).await;
        assert_eq!(received(app, VICTIM).await, FEW + 3);
        let token = app.last_mail_to(own).await.token_of("set-password");
        let body = json!({ "token": token, "password": "eight brown geese 8" });
        let reset = app.anonymous().post("/v1/auth/password/reset", body).await;
        reset.expect_status(204);
    }
);

both_databases!(
    registering_subaddresses_delays_no_new_password_of_another,
    |app| {
        let own = "victim+own@x.example";
        app.register_unverified(own).await;
        for number in 0..130 {
            let email = format!("victim+{number}@x.example");
            app.register_unverified(&email).await;
        }
        assert_eq!(received(app, VICTIM).await, FEW);
        forgot(app, own).await;
        assert_eq!(received(app, VICTIM).await, FEW + 1);
        // Nor do subaddresses get a mailbox more than a few of these links.
        for number in 0..10 {
            forgot(app, &format!("victim+{number}@x.example")).await;
        }
        assert_eq!(received(app, VICTIM).await, FEW + EARLY + FEW);
    }
);

/// Registers so many subaddresses of one mailbox, and asks for new passwords of all of them.
async fn flood_with_links(app: &App) {
    for number in 0..130 {
        let email = format!("victim+{number}@x.example");
        app.register_unverified(&email).await;
        forgot(app, &email).await;
    }
}

both_databases!(
    new_passwords_of_subaddresses_delay_none_of_an_older_one,
    |app| {
        let own = "victim+own@x.example";
        app.register_unverified(own).await;
        flood_with_links(app).await;
        let before = received(app, VICTIM).await;
        assert_eq!(before, FEW + (EARLY - 1) + FEW);
        for number in 1..=3 {
            forgot(app, own).await;
            assert_eq!(received(app, VICTIM).await, before + number);
        }
        let token = app.last_mail_to(own).await.token_of("set-password");
        let body = json!({ "token": token, "password": "eight brown geese 8" });
        let reset = app.anonymous().post("/v1/auth/password/reset", body).await;
        reset.expect_status(204);
    }
);

both_databases!(
    a_flood_of_links_is_over_when_it_ends_and_not_a_day_later,
    |app| {
        flood_with_links(app).await;
        let own = "victim+own@x.example";
        app.register_unverified(own).await;
        app.advance(Duration::from_secs(60 * 60));
        forgot(app, own).await;
        let token = app.last_mail_to(own).await.token_of("set-password");
        let body = json!({ "token": token, "password": "eight brown geese 8" });
        let reset = app.anonymous().post("/v1/auth/password/reset", body).await;
        reset.expect_status(204);
    }
);

both_databases!(
    registering_and_deleting_again_and_again_keeps_nobody_out,
    |app| {
        let links = 3;
        for number in 0..8 {
            let squatter = app.register_unverified(VICTIM).await;
            let sent = received(app, VICTIM).await;
            assert_eq!(sent, links.min(number + 1));
            squatter.delete("/v1/me").await.expect_status(204);
        }
        let owner = app.register_unverified(VICTIM).await;
        assert_eq!(received(app, VICTIM).await, links);
        app.advance(Duration::from_secs(20 * 60));
        assert_eq!(received(app, VICTIM).await, links + 1);
        verifies(app, &app.sign_in(&owner.email, PASSWORD).await).await;
    }
);

both_databases!(an_owner_gets_what_they_ask_for_all_the_same, |app| {
    let school = app.school().await;
    let ann = app.register("ann@x.example").await;
    verifies(app, &ann).await;
    for number in 0..10 {
        invite(&school, &format!("ann+{number}@x.example")).await;
    }
    let before = received(app, "ann@x.example").await;
    let mut current = PASSWORD.to_owned();
    for number in 0..5 {
        let new = format!("eight brown geese {number}");
        let body = json!({ "current_password": current, "new_password": new });
        let changed = ann.post("/v1/auth/password/change", body).await;
        changed.expect_status(204);
        current = new;
    }
    assert_eq!(received(app, "ann@x.example").await, before + 5);
    let body = json!({ "email": "ann@x.example" });
    for status in [202, 202, 202, 429] {
        let anonymous = app.anonymous();
        let forgot = anonymous.post("/v1/auth/password/forgot", body.clone());
        assert_eq!(forgot.await.status, status);
    }
    assert_eq!(received(app, "ann@x.example").await, before + 8);
});

both_databases!(an_account_founds_few_organizations, |app| {
    let found = |person: Person<'_>, number: usize| {
        let body = json!({ "name": format!("School {number}"), "kind": "school" });
        let request = person.request(Method::POST, "/v1/organizations");
        send(request.json(&body))
    };
    let (ann, ben) = (
        app.register("ann@x.example").await,
        app.register("ben@x.example").await,
    );
    for number in 0..51 {
        let founded = found(ann.clone(), number).await;
        if number < 50 {
            founded.expect_status(201);
        } else {
            founded.expect_problem(429, "rate_limited");
        }
    }
    found(ben, 51).await.expect_status(201);
    let operator = app.operator().await;
    for number in 52..104 {
        found(operator.clone(), number).await.expect_status(201);
    }
});

#[test]
fn the_limit_of_mailboxes_can_be_switched_off() {
    let off = |config: &mut Config| {
        let off = QuotaSetting(None);
        config.limits.set(Limit::MailToMailbox, off);
    };
    on_both(off, async |app| {
        for number in 0..7 {
            app.register(&format!("victim+{number}@x.example")).await;
        }
        assert_eq!(received(app, VICTIM).await, 7);
    });
}
