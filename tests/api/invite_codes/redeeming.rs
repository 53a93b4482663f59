//! Using a code with an account that is there.

use std::time::Duration;

use diesel::prelude::*;
use rollcall::domain::ids::AccountId;
use rollcall::error::Result;
use rollcall::services::unit_of_work::UnitOfWork;
use rollcall::store::schema::{accounts, invite_codes};
use rollcall::store::sessions;
use serde_json::{Value, json};

use super::{change, code_of, group, limit_seats, member, register_with, remove, seats_used};
use crate::support::people::{PASSWORD, Person, send, text};
use crate::support::{App, TestResponse, both_databases};

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
    app.verify_email(&john.id);
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
                    "connections": [],
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
                "connections": [],
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

both_databases!(a_groups_code_never_makes_staff, |app| {
    for (name, kind, least, staff) in [
        ("Hill School", "school", "student", "teacher"),
        ("Hill Company", "enterprise", "learner", "creator"),
    ] {
        let organization = app.organization(name, kind).await;
        let group = group(&organization, "7A").await;
        let code = code_of(&organization, Some(&group)).await;
        let default = json!({ "default_account_type": staff });
        let path = organization.path("");
        organization
            .admin
            .patch(&path, default)
            .await
            .expect_status(200);
        let jane = app.register(&format!("jane@{kind}.example")).await;
        jane.redeems(&code, "joined").await;
        let joined = member(&organization, &jane.id).await;
        assert_eq!(joined["account_type"], least);
        let john = register_with(app, &format!("john@{kind}.example"), &code).await;
        let john = text(&john.expect_status(201)["account"]["id"]);
        assert_eq!(member(&organization, &john).await["account_type"], least);
    }
});

/// Deletes one's account and registers the same address again, in another spelling.
async fn begin_anew<'a>(app: &'a App, person: &Person<'a>) -> Person<'a> {
    person.delete("/v1/me").await.expect_status(204);
    let body = json!({
        "email": person.email.to_uppercase(), "password": PASSWORD, "username": "Somebody Else"
    });
    let registered = app.anonymous().post("/v1/auth/register", body).await;
    registered.expect_status(201);
    app.sign_in(&person.email, PASSWORD).await
}

both_databases!(whom_an_admin_removed_no_new_account_brings_back, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let (own, groups) = (
        code_of(&school, None).await,
        code_of(&school, Some(&seven_a)).await,
    );
    let path_of = |person: &Person<'_>| school.path(&format!("/members/{}", person.id));
    // Removed; deactivated; deactivated and gone by themself.
    for (number, email) in ["jane@x.org", "john@x.org", "joan@x.org"]
        .iter()
        .enumerate()
    {
        let person = app.register(email).await;
        person.redeems(&groups, "joined").await;
        let path = path_of(&person);
        match number {
            0 => {
                school.admin.delete(&path).await.expect_status(204);
            }
            _ => {
                let path = format!("{path}/deactivate");
                school.admin.post(&path, json!({})).await.expect_status(200);
            }
        }
        if number == 2 {
            let leave = format!("/v1/me/memberships/{}", school.id);
            person.delete(&leave).await.expect_status(204);
        }
        let again = begin_anew(app, &person).await;
        assert_ne!(again.id, person.id);
        for code in [&own, &groups] {
            let refused = again.redeem(code).await;
            refused.expect_problem(403, "code_blocked_for_you");
        }
        again.delete("/v1/me").await.expect_status(204);
        let refused = register_with(app, email, &groups).await;
        refused.expect_problem(403, "code_blocked_for_you");
        app.register(email).await;
    }
    // A new code lets them in, and an invitation the old ones.
    let john = app.sign_in("john@x.org", PASSWORD).await;
    let invite = json!({ "emails": [john.email], "account_type": "student" });
    let invited = school
        .admin
        .post(&school.path("/invitations"), invite)
        .await;
    invited.expect_status(200);
    john.redeems(&own, "joined").await;
    app.advance(Duration::from_secs(10));
    let path = school.path("/invite-code/reset");
    let reset = school.admin.post(&path, json!({})).await.expect_status(200);
    let jane = app.sign_in("jane@x.org", PASSWORD).await;
    jane.redeems(&text(&reset["code"]), "joined").await;
});

both_databases!(
    whose_account_was_deleted_no_new_account_brings_back,
    |app| {
        let school = app.school().await;
        let csv = "email,password,username\nann@x.org,quiet rivers 11,Ann\n";
        school.import_students(csv).await;
        let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
        let path = school.path(&format!("/members/{}", ann.id));
        let deactivate = format!("{path}/deactivate");
        school
            .admin
            .post(&deactivate, json!({}))
            .await
            .expect_status(200);
        let delete = format!("{path}?delete_account=true");
        school.admin.delete(&delete).await.expect_status(204);
        let again = app.register("ann@x.org").await;
        let refused = again.redeem(&code_of(&school, None).await).await;
        refused.expect_problem(403, "code_blocked_for_you");
        let invite = json!({ "emails": ["ann@x.org"], "account_type": "student" });
        let invited = school
            .admin
            .post(&school.path("/invitations"), invite)
            .await;
        invited.expect_status(200);
        again.redeems(&code_of(&school, None).await, "joined").await;
    }
);

both_databases!(a_code_is_taken_as_people_paste_it, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    for (number, pasted) in [
        format!("“{}”.", code.to_lowercase()),
        format!("({})", code.replace('-', "\u{2014}")),
        format!("https://app.school.example/join?code={code}"),
        format!("Join: <http://localhost:3000/join?lang=fi&code={code}#now>"),
    ]
    .iter()
    .enumerate()
    {
        let person = app.register(&format!("pasted{number}@x.org")).await;
        person.redeem(pasted).await.expect_status(200);
    }
});

/// Holds all invite codes until the transaction ends.
fn hold_codes(tx: &mut UnitOfWork<'_>) -> Result<()> {
    diesel::update(invite_codes::table)
        .set(invite_codes::uses.eq(invite_codes::uses))
        .execute(tx.connection)?;
    Ok(())
}

both_databases!(
    who_is_signed_out_while_the_code_is_held_does_not_join,
    |app| {
        let school = app.school().await;
        let code = code_of(&school, None).await;
        let jane = app.register("jane@x.org").await;
        let account: AccountId = jane.id.parse().unwrap();
        let sign_out = move |tx: &mut UnitOfWork<'_>| {
            sessions::delete_all(tx.connection, account, None).map(drop)
        };
        let answer = app.during(hold_codes, jane.redeem(&code), sign_out).await;
        answer.expect_problem(401, "not_signed_in");
        assert_eq!(seats_used(&school).await, 1);
    }
);

both_databases!(
    a_code_of_an_account_that_was_just_deleted_is_nobodys,
    |app| {
        let school = app.school().await;
        let code = code_of(&school, None).await;
        let jane = app.register("jane@x.org").await;
        let account: AccountId = jane.id.parse().unwrap();
        let delete = move |tx: &mut UnitOfWork<'_>| {
            diesel::delete(accounts::table.find(account)).execute(tx.connection)?;
            Ok(())
        };
        let answer = app.during(hold_codes, jane.redeem(&code), delete).await;
        answer.expect_problem(401, "not_signed_in");
        assert_eq!(seats_used(&school).await, 1);
    }
);
