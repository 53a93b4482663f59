//! Using a code with an account that is there.

use std::time::Duration;

use serde_json::{Value, json};

use super::{change, code_of, group, limit_seats, member, remove, seats_used};
use crate::support::TestResponse;
use crate::support::both_databases;
use crate::support::people::{Person, send, text};

both_databases!(a_code_joins_as_the_default_type, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    let jane = app.register("jane@x.org").await;
    jane.redeem(&code.to_lowercase().replace('-', " "))
        .await
        .expect(
            200,
            json!({
                "organization": { "id": school.id, "name": "Hill Road School" },
                "group": null,
                "outcome": "joined",
            }),
        );
    let joined = member(&school, &jane.id).await;
    assert_eq!(joined["account_type"], "student");
    assert_eq!(joined["role"], "member");
    assert_eq!(joined["joined_via"], "organization_code");
    assert_eq!(joined["managed"], false);
    assert_eq!(joined["groups"], json!([]));
    assert_eq!(seats_used(&school).await, 2);
    // Staff where the organization says so, in the organization's own words.
    let teachers = json!({ "default_account_type": "teacher" });
    school
        .admin
        .patch(&school.path(""), teachers)
        .await
        .expect_status(200);
    let john = app.register("john@x.org").await;
    john.redeems(&code, "joined").await;
    assert_eq!(member(&school, &john.id).await["account_type"], "teacher");
});

both_databases!(a_groups_code_joins_the_organization_and_the_group, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let code = code_of(&school, Some(&seven_a)).await;
    let jane = app.register("jane@x.org").await;
    jane.redeem(&code).await.expect(
        200,
        json!({
            "organization": { "id": school.id, "name": "Hill Road School" },
            "group": { "id": seven_a, "name": "7A" },
            "outcome": "joined",
        }),
    );
    let joined = member(&school, &jane.id).await;
    assert_eq!(joined["joined_via"], "group_code");
    assert_eq!(joined["groups"], json!([{ "id": seven_a, "name": "7A" }]));
});

both_databases!(members_gain_what_the_code_adds_and_nothing_else, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let own = code_of(&school, None).await;
    let groups = code_of(&school, Some(&seven_a)).await;
    let jane = app.register("jane@x.org").await;
    jane.redeems(&own, "joined").await;
    jane.redeems(&own, "already_member").await;
    let eight_b = group(&school, "8B").await;
    let other = code_of(&school, Some(&eight_b)).await;
    jane.redeems(&other, "added_to_group").await;
    jane.redeems(&other, "already_member").await;
    // An admin stays one, and keeps the type; who made the group manages it still.
    school.admin.redeems(&own, "already_member").await;
    school.admin.redeems(&groups, "already_member").await;
    let admin = member(&school, &school.admin.id).await;
    assert_eq!(
        (&admin["role"], &admin["account_type"]),
        (&json!("admin"), &json!("teacher"))
    );
    assert_eq!(seats_used(&school).await, 2);
    for (group, uses) in [
        (None, 1),
        (Some(eight_b.as_str()), 1),
        (Some(seven_a.as_str()), 0),
    ] {
        assert_eq!(change(&school, group, json!({})).await["uses"], uses);
    }
    // Who is in hears so of a closed code too.
    change(&school, None, json!({ "paused": true })).await;
    jane.redeems(&own, "already_member").await;
});

both_databases!(a_closed_code_lets_nobody_in_and_says_why, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    for group in [None, Some(seven_a.as_str())] {
        let code = code_of(&school, group).await;
        let jane = app
            .register(&format!("jane{}@x.org", group.is_some()))
            .await;
        change(
            &school,
            group,
            json!({ "paused": true, "open_for_minutes": null }),
        )
        .await;
        jane.redeem(&code).await.expect_problem(409, "code_paused");
        change(&school, group, json!({ "open_for_minutes": 1 })).await;
        app.advance(Duration::from_secs(60));
        jane.redeem(&code).await.expect_problem(410, "code_expired");
        change(&school, group, json!({ "expires_at": null, "max_uses": 1 })).await;
        app.register(&format!("first{}@x.org", group.is_some()))
            .await
            .redeems(&code, "joined")
            .await;
        jane.redeem(&code).await.expect_problem(409, "code_used_up");
        let memberships = jane.get("/v1/me/memberships").await.expect_status(200);
        assert_eq!(memberships["items"], json!([]));
    }
});

both_databases!(
    a_preview_shows_where_a_code_leads_and_changes_nothing,
    |app| {
        let school = app.school().await;
        let seven_a = group(&school, "7A").await;
        let own = code_of(&school, None).await;
        let code = code_of(&school, Some(&seven_a)).await;
        app.anonymous()
            .preview(&code.replace('-', "\u{2013}"))
            .await
            .expect(
                200,
                json!({
                    "organization": { "id": school.id, "name": "Hill Road School" },
                    "group": { "id": seven_a, "name": "7A" },
                    "status": "open",
                    "limited_to_email_domains": false,
                }),
            );
        let limits = json!({ "allowed_email_domains": ["x.org"], "paused": true });
        change(&school, None, limits).await;
        let jane = app.register("jane@x.org").await;
        jane.preview(&own).await.expect(
            200,
            json!({
                "organization": { "id": school.id, "name": "Hill Road School" },
                "group": null,
                "status": "paused",
                "limited_to_email_domains": true,
            }),
        );
        assert_eq!(seats_used(&school).await, 1);
        for nothing in ["ABCDE-FGHJK", "ABCDE", "", "ABCDE-FGH0K", &"A".repeat(5000)] {
            let unknown = app.anonymous().preview(nothing).await;
            unknown.expect_problem(404, "code_unknown");
            jane.redeem(nothing)
                .await
                .expect_problem(404, "code_unknown");
        }
        for malformed in [
            json!({}),
            json!({ "code": 7 }),
            json!({ "code": "A", "group": "7A" }),
        ] {
            let refused = app
                .anonymous()
                .post("/v1/invite-codes/preview", malformed.clone())
                .await;
            refused.expect_problem(400, "malformed_request");
            let refused = jane.post("/v1/invite-codes/redeem", malformed).await;
            refused.expect_problem(400, "malformed_request");
        }
        let refused = app.anonymous().redeem(&code).await;
        refused.expect_problem(401, "not_signed_in");
    }
);

both_databases!(without_a_seat_nobody_comes_in, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let code = code_of(&school, Some(&seven_a)).await;
    limit_seats(app, &school, 1).await;
    let jane = app.register("jane@x.org").await;
    jane.redeem(&code).await.expect_problem(409, "no_seat");
    assert_eq!(change(&school, Some(&seven_a), json!({})).await["uses"], 0);
    // A closed code tells an outsider nothing of the seats.
    change(&school, Some(&seven_a), json!({ "paused": true })).await;
    jane.redeem(&code).await.expect_problem(409, "code_paused");
    // Members need no seat to enter a group.
    change(&school, Some(&seven_a), json!({ "paused": false })).await;
    limit_seats(app, &school, 2).await;
    jane.redeems(&code_of(&school, None).await, "joined").await;
    jane.redeems(&code, "added_to_group").await;
});

both_databases!(
    whom_an_admin_removed_the_same_code_does_not_bring_back,
    |app| {
        let school = app.school().await;
        let seven_a = group(&school, "7A").await;
        let own = code_of(&school, None).await;
        let groups = code_of(&school, Some(&seven_a)).await;
        let jane = app.register("jane@x.org").await;
        jane.redeems(&own, "joined").await;
        app.advance(Duration::from_secs(10));
        remove(app, &school, &jane);
        for code in [&own, &groups] {
            jane.redeem(code)
                .await
                .expect_problem(403, "code_blocked_for_you");
        }
        assert_eq!(seats_used(&school).await, 1);
        app.advance(Duration::from_secs(10));
        let reset = school
            .admin
            .post(&school.path("/invite-code/reset"), json!({}))
            .await;
        let new = text(&reset.expect_status(200)["code"]);
        jane.redeem(&groups)
            .await
            .expect_problem(403, "code_blocked_for_you");
        jane.redeems(&new, "joined").await;
        // That she is back is forgiven: the group's older code works again.
        jane.redeems(&groups, "added_to_group").await;
    }
);

both_databases!(whom_a_group_removed_its_code_does_not_bring_back, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let code = code_of(&school, Some(&seven_a)).await;
    let jane = app.register("jane@x.org").await;
    jane.redeems(&code, "joined").await;
    app.advance(Duration::from_secs(10));
    {
        use diesel::prelude::*;
        use rollcall::domain::ids::{AccountId, GroupId};
        use rollcall::store::schema::group_memberships;
        let mut connection = app.state.services.pool.get().unwrap();
        let group: GroupId = seven_a.parse().unwrap();
        let account: AccountId = jane.id.parse().unwrap();
        diesel::delete(group_memberships::table.find((group, account)))
            .execute(&mut **connection)
            .unwrap();
        rollcall::store::removed_members::insert_of_group(
            &mut connection,
            group,
            &[account],
            app.now(),
        )
        .unwrap();
    }
    jane.redeem(&code)
        .await
        .expect_problem(403, "code_blocked_for_you");
    let eight_b = group(&school, "8B").await;
    jane.redeems(&code_of(&school, Some(&eight_b)).await, "added_to_group")
        .await;
    app.advance(Duration::from_secs(10));
    let path = school.path(&format!("/groups/{seven_a}/invite-code/reset"));
    let reset = school.admin.post(&path, json!({})).await.expect_status(200);
    jane.redeems(&text(&reset["code"]), "added_to_group").await;
});

both_databases!(whom_an_admin_deactivated_no_code_brings_back, |app| {
    use diesel::prelude::*;
    use rollcall::domain::organization::MembershipStatus;
    use rollcall::store::schema::memberships;
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let own = code_of(&school, None).await;
    let jane = app.register("jane@x.org").await;
    jane.redeems(&own, "joined").await;
    let account: rollcall::domain::ids::AccountId = jane.id.parse().unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::update(memberships::table.filter(memberships::account_id.eq(account)))
        .set(memberships::status.eq(MembershipStatus::Deactivated))
        .execute(&mut **connection)
        .unwrap();
    drop(connection);
    for code in [own, code_of(&school, Some(&seven_a)).await] {
        jane.redeem(&code)
            .await
            .expect_problem(403, "code_blocked_for_you");
    }
    assert_eq!(member(&school, &jane.id).await["status"], "deactivated");
});

both_databases!(who_leaves_while_deactivated_does_not_come_back, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    let jane = app.register("jane@x.org").await;
    jane.redeems(&code, "joined").await;
    let path = school.path(&format!("/members/{}/deactivate", jane.id));
    school.admin.post(&path, json!({})).await.expect_status(200);
    let path = format!("/v1/me/memberships/{}", school.id);
    jane.delete(&path).await.expect_status(204);
    jane.redeem(&code)
        .await
        .expect_problem(403, "code_blocked_for_you");
});

both_databases!(who_left_by_themselves_may_come_back, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    let jane = app.register("jane@x.org").await;
    jane.redeems(&code, "joined").await;
    let path = format!("/v1/me/memberships/{}", school.id);
    jane.delete(&path).await.expect_status(204);
    jane.redeems(&code, "joined").await;
});

/// Sends a body with this `Idempotency-Key`.
async fn with_key(person: &Person<'_>, path: &str, body: &Value) -> TestResponse {
    let request = person.request(reqwest::Method::POST, path);
    send(request.header("idempotency-key", "one").json(body)).await
}

both_databases!(a_repeated_request_gets_its_first_answer, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    let jane = app.register("jane@x.org").await;
    let body = json!({ "code": code });
    let first = with_key(&jane, "/v1/invite-codes/redeem", &body).await;
    assert_eq!(first.expect_status(200)["outcome"], "joined");
    let path = school.path("/invite-code/reset");
    let reset = with_key(&school.admin, &path, &json!({})).await;
    let again = with_key(&school.admin, &path, &json!({})).await;
    assert_eq!(reset.expect_status(200), again.expect_status(200));
    assert_eq!(code_of(&school, None).await, text(&again.json()["code"]));
    let again = with_key(&jane, "/v1/invite-codes/redeem", &body).await;
    assert_eq!(again.expect_status(200)["outcome"], "joined");
    let other = json!({ "code": code_of(&school, None).await });
    let other = with_key(&jane, "/v1/invite-codes/redeem", &other).await;
    other.expect_problem(409, "idempotency_conflict");
});
