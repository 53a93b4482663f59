//! Many who act on invitations at the same moment.

use futures_util::future::join_all;
use serde_json::json;

use super::{outcomes, sent, verify};
use crate::support::both_databases;
use crate::support::people::text;

both_databases!(an_invitation_ends_in_exactly_one_way, |app| {
    for round in 0..6 {
        let school = app.organization(&format!("School {round}"), "school").await;
        let email = format!("joe{round}@x.example");
        let joe = app.register(&email).await;
        verify(app, &joe);
        let path = school.invite_one(&email).await;
        let secret = app.last_mail_to(&email).await.token();
        let token = json!({ "token": secret });
        let id = json!({ "invitation_id": path.rsplit('/').next().unwrap() });
        let (revoke, resend) = (format!("{path}/revoke"), format!("{path}/resend"));
        let anonymous = app.anonymous();
        let answers = tokio::join!(
            joe.post("/v1/invitations/accept", token.clone()),
            joe.post("/v1/invitations/accept", id),
            anonymous.post("/v1/invitations/decline", token.clone()),
            school.admin.post(&revoke, json!({})),
            school.admin.post(&resend, json!({})),
        );
        let statuses = [
            answers.0.status.as_u16(),
            answers.1.status.as_u16(),
            answers.2.status.as_u16(),
            answers.3.status.as_u16(),
            answers.4.status.as_u16(),
        ];
        let shown = school.admin.get(&path).await.expect_status(200);
        let is_in = school.member_by_address(&email).await.is_some();
        let status = text(&shown["status"]);
        assert_eq!(is_in, status == "accepted", "{statuses:?} {shown:#}");
        let (used, reserved) = school.students().await;
        assert_eq!(used, i64::from(is_in), "{statuses:?}");
        assert_eq!(reserved, 0, "{statuses:?} {shown:#}");
        assert!(
            statuses.iter().all(|status| *status < 500),
            "{statuses:?} {} {} {} {} {}",
            answers.0.text,
            answers.1.text,
            answers.2.text,
            answers.3.text,
            answers.4.text
        );
    }
});

both_databases!(many_accept_the_same_at_once, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    school.invite(&["joe@x.example"]).await;
    let secret = app.last_mail_to("joe@x.example").await.token();
    let tries = (0..8).map(|_| joe.post("/v1/invitations/accept", json!({ "token": secret })));
    let answers = join_all(tries).await;
    let mut joined = 0;
    for answer in answers {
        if answer.expect_status(200)["outcome"] == "joined" {
            joined += 1;
        }
    }
    assert_eq!(joined, 1);
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(the_last_seats_are_given_once, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let limit = json!({ "by_account_type": { "student": 5 } });
    operator
        .put(&school.path("/seats"), limit)
        .await
        .expect_status(200);
    for number in 0..6 {
        app.register(&format!("old{number}@x.example")).await;
    }
    let calls = (0..6).map(|number| {
        let emails = vec![
            format!("old{number}@x.example"),
            format!("new{number}@x.example"),
        ];
        let body = json!({ "emails": emails, "account_type": "student" });
        school.invite_with(body)
    });
    let mut counts = std::collections::BTreeMap::new();
    for answer in join_all(calls).await {
        let answer = answer.expect_status(200);
        for outcome in outcomes(&answer) {
            *counts.entry(outcome.to_owned()).or_insert(0) += 1;
        }
    }
    let invited =
        counts.get("account_created").unwrap_or(&0) + counts.get("join_link_sent").unwrap_or(&0);
    assert_eq!(invited, 5, "{counts:?}");
    assert_eq!(counts["no_seat"], 7, "{counts:?}");
    let (used, reserved) = school.students().await;
    assert_eq!(used + reserved, 5);
});

both_databases!(the_same_addresses_from_many_sides_at_once, |app| {
    let school = app.school().await;
    let valley = app.organization("Valley School", "school").await;
    let mut emails: Vec<String> = (0..10)
        .map(|number| format!("new{number}@x.example"))
        .collect();
    for number in 0..5 {
        let email = format!("old{number}@x.example");
        app.register(&email).await;
        emails.push(email);
    }
    let mut turned = emails.clone();
    turned.reverse();
    let body = |emails: &Vec<String>| json!({ "emails": emails, "account_type": "student" });
    let answers = join_all([
        school.invite_with(body(&emails)),
        school.invite_with(body(&turned)),
        valley.invite_with(body(&emails)),
        valley.invite_with(body(&turned)),
    ])
    .await;
    let mut links = 0;
    let mut made = 0;
    for answer in answers {
        for outcome in outcomes(&answer.expect_status(200)) {
            match outcome {
                "account_created" => made += 1,
                "join_link_sent" => links += 1,
                "already_invited" => {}
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!((made, links), (10, 20));
    assert_eq!(sent(app).await.len(), 30);
    let (here, there) = (school.students().await, valley.students().await);
    assert_eq!(here.0 + there.0, 10);
    assert_eq!(here.1 + there.1, 20);
});
