//! Registering with a code: all or nothing.

use serde_json::json;

use super::{change, code_of, group, limit_seats, member, register_with};
use crate::support::both_databases;
use crate::support::people::{PASSWORD, text};

both_databases!(a_person_registers_and_is_in, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let code = code_of(&school, Some(&seven_a)).await;
    let typed = format!(" {} ", code.to_lowercase());
    let registered = register_with(app, "jane@x.org", &typed)
        .await
        .expect_status(201);
    assert_eq!(
        registered["joined"],
        json!({
            "organization": { "id": school.id, "name": "Hill Road School" },
            "group": { "id": seven_a, "name": "7A" },
            "outcome": "joined",
        })
    );
    let joined = member(&school, &text(&registered["account"]["id"])).await;
    assert_eq!(joined["joined_via"], "group_code");
    assert_eq!(joined["account_type"], "student");
    let jane = app.sign_in("jane@x.org", PASSWORD).await;
    jane.get(&school.path("")).await.expect_status(200);
});

both_databases!(a_bad_code_makes_no_account, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    let expect_no_account = async || {
        let body = json!({ "email": "jane@x.org", "password": PASSWORD });
        let refused = app.anonymous().post("/v1/auth/login", body).await;
        refused.expect_problem(401, "wrong_credentials");
        let mails = app.mails().await;
        assert!(mails.iter().all(|mail| mail.to != "jane@x.org"));
    };
    for unknown in ["ABCDE-FGHJK", "nonsense", ""] {
        let refused = register_with(app, "jane@x.org", unknown).await;
        refused.expect_problem(404, "code_unknown");
        expect_no_account().await;
    }
    for (limits, status, problem) in [
        (json!({ "paused": true }), 409, "code_paused"),
        (
            json!({ "paused": false, "allowed_email_domains": ["y.org"] }),
            403,
            "code_domain_not_allowed",
        ),
        (
            json!({ "allowed_email_domains": null, "open_for_minutes": 1 }),
            410,
            "code_expired",
        ),
    ] {
        change(&school, None, limits).await;
        app.advance(std::time::Duration::from_secs(60));
        let refused = register_with(app, "jane@x.org", &code).await;
        refused.expect_problem(status, problem);
        expect_no_account().await;
    }
    change(&school, None, json!({ "expires_at": null, "max_uses": 1 })).await;
    register_with(app, "first@x.org", &code)
        .await
        .expect_status(201);
    let refused = register_with(app, "jane@x.org", &code).await;
    refused.expect_problem(409, "code_used_up");
    expect_no_account().await;
    change(&school, None, json!({ "max_uses": null })).await;
    limit_seats(app, &school, 2).await;
    let refused = register_with(app, "jane@x.org", &code).await;
    refused.expect_problem(409, "no_seat");
    expect_no_account().await;
    limit_seats(app, &school, 3).await;
    let registered = register_with(app, "jane@x.org", &code)
        .await
        .expect_status(201);
    assert_eq!(registered["joined"]["outcome"], "joined");
});

both_databases!(a_taken_address_uses_nothing_up, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    app.register("jane@x.org").await;
    let refused = register_with(app, "Jane@X.org", &code).await;
    refused.expect_problem(409, "email_taken");
    assert_eq!(change(&school, None, json!({})).await["uses"], 0);
});
