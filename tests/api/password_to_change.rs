//! Accounts whose password somebody else has set: until it is changed, they open nothing else
//! (`docs/accounts.md#passwords`).

use std::collections::BTreeSet;

use diesel::prelude::*;
use rollcall::store::schema::accounts;
use serde_json::json;

use crate::support::operations::{in_order, one_of_everything};
use crate::support::people::{PASSWORD, Person, send, text};
use crate::support::{App, both_databases};

/// The operations that a session opens before the password is changed.
const OPEN: [&str; 3] = ["get_me", "change_password", "end_all_my_sessions"];

const NEW: &str = "eight brown geese 8";

fn require_change(app: &App, email: &str) {
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::update(accounts::table.filter(accounts::email.eq(email)))
        .set(accounts::must_change_password.eq(true))
        .execute(&mut **connection)
        .unwrap();
}

async fn change(who: &Person<'_>, new: &str) -> crate::support::TestResponse {
    let body = json!({ "current_password": PASSWORD, "new_password": new });
    who.post("/v1/auth/password/change", body).await
}

both_databases!(a_session_opens_the_change_of_the_password_alone, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let admin = &school.admin;
    require_change(app, &admin.email);
    let mut open = BTreeSet::new();
    for operation in in_order() {
        if operation.is_anonymous() || operation.is_by_setup_link() {
            continue;
        }
        if OPEN.contains(&operation.id.as_str()) {
            open.insert(operation.id);
            continue;
        }
        let response = send(operation.request(admin, &ids)).await;
        let (id, status) = (&operation.id, response.status);
        assert_eq!(status, 403, "{id}: {}", response.text);
        assert!(operation.documents(status), "{id}: 403 is not documented");
        let problem = response.expect_problem(403, "password_change_required");
        let detail = text(&problem["detail"]);
        assert!(detail.contains("/v1/auth/password/change"), "{detail}");
    }
    assert_eq!(open, OPEN.map(str::to_owned).into());
    let me = admin.get("/v1/me").await.expect_status(200);
    assert_eq!(me["must_change_password"], true);
    change(admin, NEW).await.expect_status(204);
    let me = admin.get("/v1/me").await.expect_status(200);
    assert_eq!(me["must_change_password"], false);
    admin.get(&school.path("")).await.expect_status(200);
});

both_databases!(
    a_session_can_be_refreshed_and_ended_before_the_change,
    |app| {
        let jane = app.register("jane@x.org").await;
        require_change(app, "jane@x.org");
        let body = json!({ "refresh_token": jane.refresh_token });
        let anonymous = app.anonymous();
        let tokens = anonymous.post("/v1/auth/refresh", body).await;
        let tokens = tokens.expect_status(200);
        assert_eq!(tokens["must_change_password"], true);
        let body = json!({ "refresh_token": tokens["refresh_token"] });
        let ended = anonymous.post("/v1/auth/logout", body).await;
        ended.expect_status(200);
        let again = app.sign_in("jane@x.org", PASSWORD).await;
        again.delete("/v1/me/sessions").await.expect_status(204);
        again
            .get("/v1/me")
            .await
            .expect_problem(401, "not_signed_in");
    }
);

both_databases!(the_same_password_is_no_change, |app| {
    let jane = app.register("jane@x.org").await;
    require_change(app, "jane@x.org");
    change(&jane, PASSWORD)
        .await
        .expect_fields(&[("/new_password", "password_unchanged")]);
    let me = jane.get("/v1/me").await.expect_status(200);
    assert_eq!(me["must_change_password"], true);
});

both_databases!(a_code_is_no_way_around_the_change, |app| {
    let school = app.school().await;
    let code = school.admin.get(&school.path("/invite-code")).await;
    let code = code.expect_status(200);
    let jane = app.register("jane@x.org").await;
    require_change(app, "jane@x.org");
    let body = json!({ "code": code["code"] });
    for path in ["/v1/invite-codes/preview", "/v1/invite-codes/redeem"] {
        jane.post(path, body.clone())
            .await
            .expect_problem(403, "password_change_required");
    }
});

both_databases!(an_api_key_does_no_more_than_its_creator_may, |app| {
    let school = app.school().await;
    let key = json!({ "name": "Timetable", "scopes": ["organization:read"] });
    let key = school.admin.post(&school.path("/api-keys"), key).await;
    let key = Person {
        access_token: Some(text(&key.expect_status(201)["key"])),
        ..app.anonymous()
    };
    key.get(&school.path("")).await.expect_status(200);
    require_change(app, &school.admin.email);
    key.get(&school.path(""))
        .await
        .expect_problem(403, "password_change_required");
    change(&school.admin, NEW).await.expect_status(204);
    key.get(&school.path("")).await.expect_status(200);
});
