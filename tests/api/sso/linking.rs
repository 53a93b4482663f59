//! An account that was there is opened by nobody but its owner.

use super::*;
use crate::support::people::send;

/// Somebody of the provider whose address has an account already, and the link token that they get.
async fn required(
    school: &Organization<'_>,
    connection: &Value,
    provider: &IdentityProvider,
) -> String {
    let claims = json!({ "sub": "ann-1", "email": "ann@else.example" });
    let came = come(school, connection, provider, claims)
        .await
        .expect_status(200);
    assert_eq!(came["outcome"], "link_required");
    assert!(came["access_token"].is_null(), "{came:#}");
    text(&came["link_token"])
}

fn code_in(mail: &crate::support::ReceivedMail) -> String {
    let word = mail.subject.split(' ').next().unwrap();
    assert_eq!(word.len(), 9, "{}", mail.subject);
    word.to_owned()
}

both_databases!(the_owner_links_by_a_mailed_code, |app| {
    let school = app.school().await;
    let ann = app.register_unverified("ann@else.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let token = required(&school, &connection, &provider).await;
    let anonymous = app.anonymous();
    let link = async |token: &str, code: &str| {
        let body = json!({ "link_token": token, "code": code });
        anonymous.post("/v1/sign-in/link", body).await
    };
    link(&token, "AAAA-AAAA")
        .await
        .expect_fields(&[("/code", "wrong")]);
    let body = json!({ "link_token": token });
    anonymous
        .post("/v1/sign-in/link-mail", body)
        .await
        .expect_status(202);
    let code = code_in(&app.last_mail_to("ann@else.example").await);
    let linked = link(&token, &code.to_lowercase().replace('-', " ")).await;
    let linked = linked.expect_status(200);
    assert_eq!(linked["outcome"], "linked");
    assert_eq!(linked["confined_to"], school.id);
    let by_school = holder(app, &linked);
    let me = by_school.get("/v1/me").await.expect_status(200);
    assert_eq!(me["id"], ann.id);
    assert_eq!(me["email_verified"], true);
    link(&token, &code)
        .await
        .expect_problem(401, "link_expired");
    let claims = json!({ "sub": "ann-1", "email": "ann@else.example" });
    let again = come(&school, &connection, &provider, claims)
        .await
        .expect_status(200);
    assert_eq!(again["outcome"], "signed_in");
});

both_databases!(five_codes_may_be_tried, |app| {
    let school = app.school().await;
    app.register("ann@else.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let token = required(&school, &connection, &provider).await;
    let anonymous = app.anonymous();
    let body = json!({ "link_token": token });
    anonymous
        .post("/v1/sign-in/link-mail", body)
        .await
        .expect_status(202);
    let code = code_in(&app.last_mail_to("ann@else.example").await);
    for _ in 0..5 {
        let wrong = json!({ "link_token": token, "code": "AAAA-AAAA" });
        let wrong = anonymous.post("/v1/sign-in/link", wrong).await;
        wrong.expect_fields(&[("/code", "wrong")]);
    }
    let right = json!({ "link_token": token, "code": code });
    let right = anonymous.post("/v1/sign-in/link", right).await;
    right.expect_problem(401, "link_expired");
    // Another mail gives no more tries: none leaves, as for a link that is none, and the response is the same.
    let before = app.mails().await.len();
    let again = json!({ "link_token": token });
    let again = anonymous.post("/v1/sign-in/link-mail", again).await;
    again.expect_status(202);
    let right = json!({ "link_token": token, "code": code });
    let right = anonymous.post("/v1/sign-in/link", right).await;
    right.expect_problem(401, "link_expired");
    let none = json!({ "link_token": "rcl_1kq3Rr0s8mJ5QbT7XoV2yWz4Lh6Nc9Pe0UfGiKjMlYw" });
    anonymous
        .post("/v1/sign-in/link-mail", none)
        .await
        .expect_status(202);
    assert_eq!(app.mails().await.len(), before);
});

both_databases!(a_repeated_request_mails_no_second_code, |app| {
    let school = app.school().await;
    app.register("ann@else.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let token = required(&school, &connection, &provider).await;
    let before = app.mails().await.len();
    let asks = async |key: &str| {
        let client = reqwest::Client::new();
        let body = json!({ "link_token": token });
        let request = client.post(app.url("/v1/sign-in/link-mail")).json(&body);
        send(request.header("Idempotency-Key", key)).await
    };
    for _ in 0..3 {
        asks("one").await.expect_status(202);
    }
    assert_eq!(app.mails().await.len(), before + 1);
    asks("two").await.expect_status(202);
    assert_eq!(app.mails().await.len(), before + 2);
});

both_databases!(the_owner_links_who_is_signed_in, |app| {
    let school = app.school().await;
    let ann = app.register("ann@else.example").await;
    let eve = app.register("eve@else.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let token = required(&school, &connection, &provider).await;
    let link = async |who: &Person<'_>| {
        let body = json!({ "link_token": token });
        who.post("/v1/me/identities", body).await
    };
    link(&eve).await.expect_problem(409, "identity_taken");
    link(&ann).await.expect_status(204);
    link(&ann).await.expect_problem(401, "link_expired");
    let identities = ann.get("/v1/me/identities").await.expect_status(200);
    let items = identities["items"].as_array().unwrap();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0]["connection"]["name"], "School accounts");
    assert_eq!(items[0]["subject_hint"], "…1");
    let one = format!("/v1/me/identities/{}", text(&items[0]["id"]));
    eve.delete(&one).await.expect_problem(404, "not_found");
    ann.delete(&one).await.expect_status(204);
    let claims = json!({ "sub": "ann-1", "email": "ann@else.example" });
    let came = come(&school, &connection, &provider, claims)
        .await
        .expect_status(200);
    assert_eq!(came["outcome"], "link_required");
});

both_databases!(the_last_way_in_stays, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let claims = json!({ "sub": "mira-1", "email": "mira@hill.example" });
    let came = come(&school, &connection, &provider, claims)
        .await
        .expect_status(200);
    let mira = holder(app, &came);
    let identities = mira.get("/v1/me/identities").await.expect_status(200);
    let one = format!("/v1/me/identities/{}", text(&identities["items"][0]["id"]));
    mira.delete(&one)
        .await
        .expect_problem(403, "session_confined");
    let delete = path_of(&school, &connection);
    let refused = school.admin.delete(&delete).await;
    refused.expect_problem(409, "last_sign_in_method");
    let forced = school.admin.delete(&format!("{delete}?force=true")).await;
    forced.expect_status(204);
    let refresh = json!({ "refresh_token": mira.refresh_token });
    let refused = app.anonymous().post("/v1/auth/refresh", refresh).await;
    refused.expect_problem(401, "not_signed_in");
});

both_databases!(what_signs_nobody_in_is_no_way_in, |app| {
    let school = app.school().await;
    let admin = &school.admin;
    let (provider, second) = (IdentityProvider::start(), IdentityProvider::start());
    let first = active(&school, &provider).await;
    let other = active(&school, &second).await;
    vouched(app, &school, "hill.example").await;
    let mira = json!({ "sub": "mira-1", "email": "mira@hill.example" });
    for (connection, provider, outcome) in [
        (&first, &provider, "account_created"),
        (&other, &second, "linked"),
    ] {
        let came = come(&school, connection, provider, mira.clone()).await;
        assert_eq!(came.expect_status(200)["outcome"], outcome);
    }
    let found = admin.get(&school.path("/members?search=mira")).await;
    let id = text(&found.expect_status(200)["items"][0]["account_id"]);
    let path = school.path(&format!("/members/{id}/identities"));
    let identities = admin.get(&path).await.expect_status(200);
    let of = |connection: &Value| {
        let items = identities["items"].as_array().unwrap();
        let one = items
            .iter()
            .find(|it| it["connection"]["id"] == connection["id"]);
        format!("{path}/{}", text(&one.unwrap()["id"]))
    };
    let pause = format!("{}/pause", path_of(&school, &other));
    admin.post(&pause, Value::Null).await.expect_status(200);
    // By the other one nobody comes in now.
    let refused = admin.delete(&path_of(&school, &first)).await;
    refused.expect_problem(409, "last_sign_in_method");
    let refused = admin.delete(&of(&first)).await;
    refused.expect_problem(409, "last_sign_in_method");
    // What is paused is taken away where another one is left.
    admin.delete(&of(&other)).await.expect_status(204);
    let left = admin.get(&path).await.expect_status(200);
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
});

/// Has a code mailed, and gives how many mails there are then.
async fn mails_after(app: &App, token: &Value) -> usize {
    let body = json!({ "link_token": token });
    let mailed = app.anonymous().post("/v1/sign-in/link-mail", body).await;
    mailed.expect_status(202);
    assert_eq!(mailed.text, "");
    let told = mailed.headers.get_all("ratelimit-policy");
    for policy in told {
        assert!(!policy.to_str().unwrap().contains("mail"), "{policy:?}");
    }
    app.mails().await.len()
}

both_databases!(a_code_is_good_for_as_long_as_its_mail_tells, |app| {
    let school = app.school().await;
    app.register("ann@else.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let token = required(&school, &connection, &provider).await;
    let nine_minutes = Duration::from_secs(9 * 60);
    let code = async || {
        mails_after(app, &json!(token)).await;
        app.advance(nine_minutes);
        let code = code_in(&app.last_mail_to("ann@else.example").await);
        json!({ "link_token": token, "code": code })
    };
    app.advance(nine_minutes);
    let first = code().await;
    let second = code().await;
    let link = async |body: Value| app.anonymous().post("/v1/sign-in/link", body).await;
    link(first).await.expect_fields(&[("/code", "wrong")]);
    let linked = link(second).await.expect_status(200);
    assert_eq!(linked["outcome"], "linked");
    let token = {
        let claims = json!({ "sub": "ann-2", "email": "ann@else.example" });
        let came = come(&school, &connection, &provider, claims).await;
        came.expect_status(200)["link_token"].clone()
    };
    mails_after(app, &token).await;
    let code = code_in(&app.last_mail_to("ann@else.example").await);
    app.advance(Duration::from_secs(10 * 60));
    let late = link(json!({ "link_token": token, "code": code })).await;
    late.expect_problem(401, "link_expired");
});

both_databases!(a_link_that_is_mailed_no_code_looks_like_another, |app| {
    let school = app.school().await;
    app.register("ann@else.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let token = json!(required(&school, &connection, &provider).await);
    let before = app.mails().await.len();
    let pause = format!("{}/pause", path_of(&school, &connection));
    let paused = school.admin.post(&pause, Value::Null).await;
    paused.expect_status(200);
    assert_eq!(mails_after(app, &token).await, before);
    activate(&school, &connection).await.expect_status(200);
    for number in 1..=3 {
        assert_eq!(mails_after(app, &token).await, before + number);
    }
    let code = code_in(&app.last_mail_to("ann@else.example").await);
    // An address gets so many of them, and keeps the last.
    assert_eq!(mails_after(app, &token).await, before + 3);
    let body = json!({ "link_token": token, "code": code });
    let linked = app.anonymous().post("/v1/sign-in/link", body).await;
    assert_eq!(linked.expect_status(200)["outcome"], "linked");
});

both_databases!(
    a_code_in_a_mailbox_that_the_account_has_left_links_nothing,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let came = async |claims: Value| {
            come(&school, &connection, &provider, claims)
                .await
                .expect_status(200)
        };
        let bob = came(json!({ "sub": "bob", "email": "old@else.example" })).await;
        assert_eq!(bob["outcome"], "account_created");
        let reader = came(json!({ "sub": "reader", "email": "old@else.example" })).await;
        assert_eq!(reader["outcome"], "link_required");
        let anonymous = app.anonymous();
        let mailed = json!({ "link_token": reader["link_token"] });
        let mailed = anonymous.post("/v1/sign-in/link-mail", mailed).await;
        mailed.expect_status(202);
        let code = code_in(&app.last_mail_to("old@else.example").await);
        vouched(app, &school, "hill.example").await;
        let moved = came(json!({ "sub": "bob", "email": "bob@hill.example" })).await;
        let me = holder(app, &moved).get("/v1/me").await.expect_status(200);
        assert_eq!(me["email"], "bob@hill.example");
        let link = json!({ "link_token": reader["link_token"], "code": code });
        let link = anonymous.post("/v1/sign-in/link", link).await;
        link.expect_problem(401, "link_expired");
    }
);

both_databases!(strangers_mail_no_more_codes_by_many_organizations, |app| {
    let ann = app.register("ann@else.example").await;
    let provider = IdentityProvider::start();
    let codes = async |school: &Organization<'_>| {
        let connection = active(school, &provider).await;
        let token = json!(required(school, &connection, &provider).await);
        for _ in 0..3 {
            mails_after(app, &token).await;
        }
        let mails = app.mails().await;
        let is_code = |mail: &&crate::support::ReceivedMail| mail.subject.contains("is your code");
        mails.iter().filter(is_code).count()
    };
    for (name, mailed) in [
        ("First School", 3),
        ("Second School", 6),
        ("Third School", 6),
    ] {
        let strangers = app.organization(name, "school").await;
        assert_eq!(codes(&strangers).await, mailed, "{name}");
    }
    // Nothing of it is taken from an organization that she is in.
    let school = app.school().await;
    app.join(&school, &ann, "student").await;
    assert_eq!(codes(&school).await, 9);
});
