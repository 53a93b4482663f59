//! Codes that are limited to email domains.

use std::time::Duration;

use serde_json::json;

use super::{change, code_of, group, limit_seats, member, register_with, remove, verify};
use crate::support::both_databases;
use crate::support::people::{PASSWORD, text};

both_databases!(
    such_a_code_takes_effect_when_the_address_is_verified,
    |app| {
        let school = app.school().await;
        let seven_a = group(&school, "7A").await;
        let code = code_of(&school, Some(&seven_a)).await;
        let limits = json!({ "allowed_email_domains": ["school.example"], "max_uses": 3 });
        change(&school, Some(&seven_a), limits).await;
        let registered = register_with(app, "jane@school.example", &code).await;
        let registered = registered.expect_status(201);
        assert_eq!(registered["joined"]["outcome"], "waits_for_verification");
        let jane = app.sign_in("jane@school.example", PASSWORD).await;
        jane.redeems(&code, "waits_for_verification").await;
        jane.get(&school.path(""))
            .await
            .expect_problem(404, "not_found");
        let seen = change(&school, Some(&seven_a), json!({})).await;
        assert_eq!(seen["uses"], 0);
        app.advance(Duration::from_secs(5));
        let verified = verify(app, "jane@school.example").await;
        assert_eq!(
            verified,
            json!({
                "email": "jane@school.example",
                "joins": [{
                    "organization": { "id": school.id, "name": "Hill Road School" },
                    "group": { "id": seven_a, "name": "7A" },
                    "outcome": "joined",
                    "refusal": null,
                }],
            })
        );
        let joined = member(&school, &jane.id).await;
        assert_eq!(joined["joined_at"], "2026-09-01T07:30:05Z");
        assert_eq!(change(&school, Some(&seven_a), json!({})).await["uses"], 1);
        // A verified address joins at once.
        let other = group(&school, "8B").await;
        let code = code_of(&school, Some(&other)).await;
        let limits = json!({ "allowed_email_domains": ["school.example"] });
        change(&school, Some(&other), limits).await;
        jane.redeems(&code, "added_to_group").await;
    }
);

both_databases!(addresses_of_other_domains_are_refused, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    change(
        &school,
        None,
        json!({ "allowed_email_domains": ["school.example"] }),
    )
    .await;
    for email in [
        "jane@other.example",
        "jane@mail.school.example",
        "jane@school.example.org",
        "jane@myschool.example",
    ] {
        let jane = app.register(email).await;
        verify(app, email).await;
        let refused = jane.redeem(&code).await;
        refused.expect_problem(403, "code_domain_not_allowed");
    }
});

both_databases!(
    what_waits_goes_by_the_rules_of_the_moment_that_it_ends,
    |app| {
        let school = app.school().await;
        let seven_a = group(&school, "7A").await;
        let groups = [None, Some(seven_a.as_str())];
        let mut codes = Vec::new();
        for group in groups {
            change(
                &school,
                group,
                json!({ "allowed_email_domains": ["x.org"] }),
            )
            .await;
            codes.push(code_of(&school, group).await);
        }
        limit_seats(app, &school, 2).await;
        let jane = app.register("jane@x.org").await;
        let john = app.register("john@x.org").await;
        for person in [&jane, &john] {
            for code in &codes {
                person.redeems(code, "waits_for_verification").await;
            }
        }
        // One seat is left: the organization's code takes it, and the group's adds to the group.
        let mut joins = verify(app, "jane@x.org").await["joins"].take();
        joins
            .as_array_mut()
            .unwrap()
            .sort_by_key(|join| text(&join["outcome"]));
        assert_eq!(joins[0]["outcome"], "added_to_group");
        assert_eq!(joins[1]["outcome"], "joined");
        let refused = verify(app, "john@x.org").await["joins"].take();
        for join in refused.as_array().unwrap() {
            assert_eq!(join["outcome"], json!(null));
            assert_eq!(join["refusal"]["code"], "no_seat");
            assert!(join["refusal"]["detail"].as_str().unwrap().contains("seat"));
        }
        let me = john.get("/v1/me").await.expect_status(200);
        assert_eq!(me["email_verified"], true);
        let memberships = john.get("/v1/me/memberships").await.expect_status(200);
        assert_eq!(memberships["items"], json!([]));
    }
);

both_databases!(a_reset_ends_what_waited_for_the_old_code, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    change(&school, None, json!({ "allowed_email_domains": ["x.org"] })).await;
    let jane = app.register("jane@x.org").await;
    jane.redeems(&code, "waits_for_verification").await;
    let reset = school
        .admin
        .post(&school.path("/invite-code/reset"), json!({}))
        .await;
    reset.expect_status(200);
    let verified = verify(app, "jane@x.org").await;
    assert_eq!(verified["joins"], json!([]));
    jane.get(&school.path(""))
        .await
        .expect_problem(404, "not_found");
});

both_databases!(whoever_was_removed_waits_for_nothing, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    let jane = app.register("jane@x.org").await;
    jane.redeems(&code, "joined").await;
    change(&school, None, json!({ "allowed_email_domains": ["x.org"] })).await;
    app.advance(Duration::from_secs(1));
    remove(app, &school, &jane);
    jane.redeem(&code)
        .await
        .expect_problem(403, "code_blocked_for_you");
    // Nor by another address of the mailbox.
    let other = app.register("jane+2@x.org").await;
    other
        .redeem(&code)
        .await
        .expect_problem(403, "code_blocked_for_you");
    let john = app.register("john@x.org").await;
    john.redeems(&code, "waits_for_verification").await;
});

both_databases!(a_reset_of_the_password_proves_the_mailbox_too, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    change(&school, None, json!({ "allowed_email_domains": ["x.org"] })).await;
    let jane = app.register("jane@x.org").await;
    jane.redeems(&code, "waits_for_verification").await;
    let forgot = json!({ "email": "jane@x.org" });
    app.anonymous()
        .post("/v1/auth/password/forgot", forgot)
        .await
        .expect_status(202);
    app.advance(Duration::from_secs(1));
    let token = app.last_mail_to("jane@x.org").await.token();
    let reset = json!({ "token": token, "password": "eight brown geese 8" });
    app.anonymous()
        .post("/v1/auth/password/reset", reset)
        .await
        .expect_status(204);
    let joined = member(&school, &jane.id).await;
    assert_eq!(joined["joined_via"], "organization_code");
});
