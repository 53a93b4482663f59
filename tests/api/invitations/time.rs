//! Invitations that expire.

use rollcall::domain::ids::OrganizationId;
use rollcall::domain::username::Username;
use rollcall::services::invitations::expire_overdue;
use rollcall::store::accounts::{self, Account};
use serde_json::{Value, json};

use super::{DAY, again, sent, token};
use crate::support::both_databases;
use crate::support::people::{seats_in_total, text};

const RENEW: &str = "/v1/invitations/renew";

both_databases!(an_expired_link_lets_nobody_in_and_can_be_renewed, |app| {
    let mut school = app.school().await;
    let joe = app.register("joe@x.example").await;
    let path = school.invite_one("joe@x.example").await;
    let old = app.last_mail_to("joe@x.example").await.token();
    let anonymous = app.anonymous();
    // Still good: nothing is sent.
    anonymous.post(RENEW, token(&old)).await.expect_status(202);
    assert_eq!(sent(app).await.len(), 1);
    app.advance(DAY * 7);
    school.admin = again(&school.admin).await;
    let joe = again(&joe).await;
    // It has expired although the clean-up did not run yet.
    let shown = school.admin.get(&path).await.expect_status(200);
    assert_eq!(shown["status"], "expired");
    assert_eq!(shown["ended_at"], "2026-09-08T07:30:00Z");
    for (status, count) in [("expired", 1), ("pending", 0)] {
        let page = school.path(&format!("/invitations?status={status}"));
        let page = school.admin.get(&page).await.expect_status(200);
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{status}");
    }
    joe.post("/v1/invitations/accept", token(&old))
        .await
        .expect_problem(410, "invitation_expired");
    anonymous
        .post("/v1/invitations/decline", token(&old))
        .await
        .expect_problem(410, "invitation_expired");
    let preview = anonymous.post("/v1/invitations/preview", token(&old)).await;
    assert_eq!(preview.expect_status(200)["status"], "expired");
    assert_eq!(school.students().await, (0, 1));
    app.drain().await;
    assert_eq!(school.students().await, (0, 0));
    app.drain().await;
    let expired = school.events("invitation.expired").await;
    assert_eq!(expired.as_array().unwrap().len(), 1, "{expired:#}");
    assert!(path.ends_with(&text(&expired[0]["subject"]["id"])));
    assert_eq!(expired[0]["actor"]["kind"], "system");
    assert_eq!(
        expired[0]["details"],
        json!({ "email": "joe@x.example", "account_type": "student" })
    );
    let settled = school.admin.get(&path).await.expect_status(200);
    assert_eq!(settled["status"], "expired");
    assert_eq!(settled["ended_at"], "2026-09-08T07:30:00Z");
    anonymous.post(RENEW, token(&old)).await.expect_status(202);
    assert_eq!(school.students().await, (0, 1));
    let new = app.last_mail_to("joe@x.example").await.token();
    assert_ne!(old, new);
    assert_eq!(sent(app).await.len(), 2);
    joe.post("/v1/invitations/accept", token(&old))
        .await
        .expect_problem(404, "invitation_unknown");
    let renewed = school.admin.get(&path).await.expect_status(200);
    assert_eq!(renewed["status"], "pending");
    assert_eq!(renewed["expires_at"], "2026-09-15T07:30:00Z");
    assert_eq!(renewed["ended_at"], Value::Null);
    let audit = school.path("/audit-events?action=invitation.resent");
    let audit = school.admin.get(&audit).await.expect_status(200);
    assert_eq!(audit["items"][0]["actor"]["name"], "joe@x.example");
    let accepted = joe.post("/v1/invitations/accept", token(&new)).await;
    assert_eq!(accepted.expect_status(200)["outcome"], "joined");
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(a_renewal_says_nothing_of_why_there_is_none, |app| {
    let mut school = app.school().await;
    let operator = app.operator().await;
    let seats = school.path("/seats");
    for email in ["joe@x.example", "ann@x.example"] {
        app.register(email).await;
    }
    let revoked = school.invite_one("joe@x.example").await;
    school.invite_one("ann@x.example").await;
    let joe = app.last_mail_to("joe@x.example").await.token();
    let ann = app.last_mail_to("ann@x.example").await.token();
    let limit = seats_in_total(Some(1));
    operator.put(&seats, limit).await.expect_status(200);
    app.advance(DAY * 8);
    app.drain().await;
    school.admin = again(&school.admin).await;
    let revoke = format!("{revoked}/revoke");
    school
        .admin
        .post(&revoke, json!({}))
        .await
        .expect_status(200);
    for secret in [&joe, &ann] {
        let answer = app.anonymous().post(RENEW, token(secret)).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (202, ""));
    }
    app.anonymous()
        .post(RENEW, token("rci_guess"))
        .await
        .expect_problem(404, "invitation_unknown");
    assert_eq!(sent(app).await.len(), 2);
    assert_eq!(school.students().await, (0, 0));
    let operator = again(&operator).await;
    operator
        .put(&seats, seats_in_total(None))
        .await
        .expect_status(200);
    app.anonymous()
        .post(RENEW, token(&ann))
        .await
        .expect_status(202);
    assert_eq!(sent(app).await.len(), 3);
    assert_eq!(school.students().await, (0, 1));
});

both_databases!(mails_to_one_address_are_limited, |app| {
    let school = app.school().await;
    app.register("joe@x.example").await;
    let path = school.invite_one("joe@x.example").await;
    let secret = app.last_mail_to("joe@x.example").await.token();
    for _ in 0..3 {
        let answer = app.anonymous().post(RENEW, token(&secret)).await;
        answer.expect_status(202);
    }
    let limited = app.anonymous().post(RENEW, token(&secret)).await;
    limited.expect_problem(429, "rate_limited");
    let limited = school
        .admin
        .post(&format!("{path}/resend"), json!({}))
        .await;
    limited.expect_problem(429, "rate_limited");
    // The old link still works.
    let seen = app
        .anonymous()
        .post("/v1/invitations/preview", token(&secret))
        .await;
    assert_eq!(seen.expect_status(200)["status"], "pending");
});

both_databases!(many_that_clean_up_at_once_give_a_seat_back_once, |app| {
    let mut school = app.school().await;
    let emails: Vec<String> = (0..8)
        .map(|number| format!("p{number}@x.example"))
        .collect();
    for email in &emails {
        app.register(email).await;
    }
    let emails: Vec<&str> = emails.iter().map(String::as_str).collect();
    school.invite(&emails).await;
    assert_eq!(school.students().await, (0, 8));
    app.advance(DAY * 7);
    school.admin = again(&school.admin).await;
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let services = app.state.services.clone();
            std::thread::spawn(move || {
                services
                    .run_as_system(|tx| expire_overdue(tx, &|| false))
                    .unwrap()
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(school.students().await, (0, 0));
    let expired = school.events("invitation.expired").await;
    assert_eq!(expired.as_array().unwrap().len(), emails.len());
});

both_databases!(an_expiry_that_cannot_be_stored_holds_up_no_other, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::seats;
    let (school, valley) = (
        app.school().await,
        app.organization("Valley School", "school").await,
    );
    let people: Vec<Account> = (0..101)
        .map(|number| {
            let email = format!("p{number}@x.example").parse().unwrap();
            let name = Username::parse("Somebody").unwrap();
            let mut account = Account::new(email, name, app.now());
            account.email_verified_at = Some(app.now());
            account
        })
        .collect();
    let mut connection = app.state.services.pool.get().unwrap();
    accounts::insert_new(&mut connection, &people).unwrap();
    drop(connection);
    let emails: Vec<&str> = people.iter().map(|person| person.email.as_str()).collect();
    school.invite(&emails).await;
    app.advance(std::time::Duration::from_secs(1));
    valley.invite(&emails[..1]).await;
    // A ledger that is wrong by far more than one page of invitations.
    let mut connection = app.state.services.pool.get().unwrap();
    let id: OrganizationId = school.id.parse().unwrap();
    diesel::update(seats::table.filter(seats::organization_id.eq(id)))
        .set(seats::reserved.eq(0))
        .execute(&mut **connection)
        .unwrap();
    drop(connection);
    app.advance(DAY * 7);
    app.state
        .services
        .run_as_system(|tx| expire_overdue(tx, &|| false))
        .unwrap();
    let admin = again(&valley.admin).await;
    let ledger = admin.get(&valley.path("/seats")).await.expect_status(200);
    assert_eq!(ledger["total"]["reserved"], 0);
});
