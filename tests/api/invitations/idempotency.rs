//! Requests on invitations that are sent twice with the same key.

use reqwest::Method;
use serde_json::{Value, json};

use super::{DAY, sent};
use crate::support::people::{Person, send, text};
use crate::support::{TestResponse, both_databases};

async fn keyed(person: &Person<'_>, key: &str, path: &str, body: &Value) -> TestResponse {
    let request = person.request(Method::POST, path).json(body);
    send(request.header("Idempotency-Key", key)).await
}

both_databases!(what_is_sent_twice_is_done_once, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    let body = json!({
        "emails": ["joe@x.example", "new@x.example"], "account_type": "student",
    });
    let all = school.path("/invitations");
    let first = keyed(&school.admin, "one", &all, &body).await;
    let second = keyed(&school.admin, "one", &all, &body).await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(first.expect_status(200), second.expect_status(200));
    let other = json!({ "emails": ["other@x.example"], "account_type": "student" });
    keyed(&school.admin, "one", &all, &other)
        .await
        .expect_problem(409, "idempotency_conflict");
    assert_eq!(sent(app).await.len(), 2);
    assert_eq!(school.students().await, (1, 1));
    let id = text(&first.json()["results"][0]["invitation_id"]);
    let resend = school.path(&format!("/invitations/{id}/resend"));
    for _ in 0..2 {
        let resent = keyed(&school.admin, "two", &resend, &json!({})).await;
        resent.expect_status(200);
    }
    assert_eq!(sent(app).await.len(), 3);
    let token = json!({ "token": app.last_mail_to("joe@x.example").await.token() });
    for _ in 0..2 {
        let accepted = keyed(&joe, "three", "/v1/invitations/accept", &token).await;
        assert_eq!(accepted.expect_status(200)["outcome"], "joined");
    }
    assert_eq!(school.students().await, (2, 0));
});

both_databases!(many_that_come_at_once_with_one_key_send_once, |app| {
    let school = app.school().await;
    let body = json!({ "emails": ["new@x.example"], "account_type": "student" });
    let all = school.path("/invitations");
    let calls = (0..6).map(|_| keyed(&school.admin, "one", &all, &body));
    let answers = futures_util::future::join_all(calls).await;
    for answer in &answers {
        assert_eq!(answer.expect_status(200), answers[0].json());
    }
    assert_eq!(sent(app).await.len(), 1);
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(a_new_link_is_asked_for_once, |app| {
    let school = app.school().await;
    school.invite(&["new@x.example"]).await;
    let token = json!({ "token": app.last_mail_to("new@x.example").await.token() });
    app.advance(DAY * 8);
    for _ in 0..2 {
        let renewed = keyed(&app.anonymous(), "one", "/v1/invitations/renew", &token).await;
        assert_eq!((renewed.status.as_u16(), renewed.text.as_str()), (202, ""));
    }
    assert_eq!(sent(app).await.len(), 2);
});

both_databases!(what_an_organization_sends_is_limited_and_told, |app| {
    let school = app.school().await;
    let body = json!({ "emails": ["a@x.example", "b@x.example"], "account_type": "student" });
    let answer = school.invite_with(body.clone()).await;
    answer.expect_status(200);
    assert_eq!(
        answer.header("ratelimit-policy"),
        "\"invitations\";q=5000;w=86400"
    );
    assert!(
        answer
            .header("ratelimit")
            .starts_with("\"invitations\";r=4998;")
    );
    // Nothing is sent, nothing is counted.
    let again = school.invite_with(body).await;
    again.expect_status(200);
    assert_eq!(again.header("ratelimit"), "");
});
