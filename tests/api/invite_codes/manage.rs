//! Who looks after codes, and how.

use std::time::Duration;

use rollcall::domain::ids::GroupId;
use serde_json::json;

use super::{change, code_of, code_path, group, register_with};
use crate::support::both_databases;
use crate::support::people::text;

const CODE: &str = "ABCDEFGHJKMNPQRSTVWXYZ23456789-";

both_databases!(
    an_organization_and_each_group_have_a_code_from_the_start,
    |app| {
        let school = app.school().await;
        let seven_a = group(&school, "7A").await;
        let mut codes = Vec::new();
        for group in [None, Some(seven_a.as_str())] {
            let answer = school.admin.get(&code_path(&school, group)).await;
            let found = answer.expect(
                200,
                json!({
                    "code": "<text>",
                    "join_url": "<text>",
                    "status": "open",
                    "uses": 0,
                    "max_uses": null,
                    "expires_at": null,
                    "allowed_email_domains": [],
                    "paused": false,
                    "issued_at": "2026-09-01T07:30:00Z",
                }),
            );
            let code = text(&found["code"]);
            assert_eq!((code.len(), code.find('-')), (11, Some(5)), "{code}");
            assert!(code.chars().all(|c| CODE.contains(c)), "{code}");
            let link = format!("http://localhost:3000/join?code={code}");
            assert_eq!(found["join_url"], link);
            codes.push(code);
        }
        assert_ne!(codes[0], codes[1]);
    }
);

both_databases!(
    owners_from_before_the_codes_get_theirs_by_the_migration,
    |app| {
        use diesel::prelude::*;
        use rollcall::store::migrations;
        use rollcall::store::schema::invite_codes;
        let school = app.school().await;
        let seven_a = group(&school, "7A").await;
        let mut connection = app.state.services.pool.get().unwrap();
        diesel::delete(invite_codes::table)
            .execute(&mut **connection)
            .unwrap();
        let owners = [None, Some(seven_a.as_str())];
        for group in owners {
            let path = code_path(&school, group);
            school.admin.get(&path).await.expect_status(404);
        }
        let applied = migrations::run(&mut connection, app.now()).unwrap();
        assert!(applied.is_empty(), "{applied:?}");
        let mut codes = Vec::new();
        for group in owners {
            codes.push(code_of(&school, group).await);
        }
        assert_ne!(codes[0], codes[1]);
        migrations::run(&mut connection, app.now()).unwrap();
        drop(connection);
        for (group, code) in owners.into_iter().zip(codes) {
            assert_eq!(code_of(&school, group).await, code);
        }
    }
);

both_databases!(a_code_that_was_drawn_before_is_drawn_again, |app| {
    use rollcall::domain::invite_code::InviteCode;
    use rollcall::store::invite_code_draws;
    use rollcall::store::invite_codes::{self, StoredCode};
    let school = app.school().await;
    let taken = InviteCode::parse(&code_of(&school, None).await).unwrap();
    let seven_a = group(&school, "7A").await;
    let (organization, group) = (school.id.parse().unwrap(), seven_a.parse().unwrap());
    let mut connection = app.state.services.pool.get().unwrap();
    delete_code(&mut connection, group);
    let new = || StoredCode::new(organization, Some(group), taken.clone(), app.now());
    let always_taken = || Ok(taken.clone());
    assert!(invite_code_draws::create_with(&mut connection, new(), always_taken).is_err());
    let free = InviteCode::parse("ABCDE-FGHJK").unwrap();
    let mut draws = vec![free.clone(), taken.clone()];
    let draw = || Ok(draws.pop().unwrap());
    invite_code_draws::create_with(&mut connection, new(), draw).unwrap();
    let known = invite_codes::find(&mut connection, organization, Some(group));
    let known = known.unwrap().unwrap();
    let now = app.now();
    let always_taken = || Ok(taken.clone());
    assert!(invite_code_draws::reset_with(&mut connection, &known, now, always_taken).is_err());
    let other = InviteCode::parse("ABCDE-FGHJM").unwrap();
    let mut draws = vec![other.clone(), taken.clone()];
    let draw = || Ok(draws.pop().unwrap());
    assert_eq!(code_of(&school, Some(&seven_a)).await, free.to_string());
    invite_code_draws::reset_with(&mut connection, &known, now, draw).unwrap();
    drop(connection);
    assert_eq!(code_of(&school, Some(&seven_a)).await, other.to_string());
});

both_databases!(a_code_that_is_deleted_meanwhile_is_not_found, |app| {
    use rollcall::store::groups;
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let organization = school.id.parse().unwrap();
    let id: GroupId = seven_a.parse().unwrap();
    let changed = app
        .during(
            move |tx| groups::delete(tx.connection, organization, id).map(|_| ()),
            school.admin.patch(
                &code_path(&school, Some(&seven_a)),
                json!({ "max_uses": 5 }),
            ),
            |_| Ok(()),
        )
        .await;
    changed.expect_problem(404, "not_found");
});

fn delete_code(connection: &mut rollcall::store::Connection, group: GroupId) {
    use diesel::prelude::*;
    use rollcall::store::schema::invite_codes;
    diesel::delete(invite_codes::table.filter(invite_codes::group_id.eq(group)))
        .execute(connection)
        .unwrap();
}

both_databases!(limits_are_set_and_lifted_one_by_one, |app| {
    let school = app.school().await;
    let all = json!({
        "max_uses": 30,
        "expires_at": "2026-09-01T07:40:00Z",
        "allowed_email_domains": ["@School.Example", "bücher.example", "school.example"],
        "paused": true,
    });
    let limited = change(&school, None, all).await;
    assert_eq!(limited["max_uses"], 30);
    assert_eq!(limited["expires_at"], "2026-09-01T07:40:00Z");
    let domains = json!(["school.example", "xn--bcher-kva.example"]);
    assert_eq!(limited["allowed_email_domains"], domains);
    assert_eq!(limited["status"], "paused");
    let unpaused = change(&school, None, json!({ "paused": null })).await;
    assert_eq!(unpaused["status"], "open");
    assert_eq!(unpaused["max_uses"], 30);
    app.advance(Duration::from_secs(600));
    let path = school.path("/invite-code");
    let expired = school.admin.get(&path).await.expect_status(200);
    assert_eq!(expired["status"], "expired");
    let lifted = json!({ "max_uses": null, "expires_at": null, "allowed_email_domains": null });
    let lifted = change(&school, None, lifted).await;
    assert_eq!(lifted["status"], "open");
    assert_eq!(lifted["max_uses"], json!(null));
    assert_eq!(lifted["allowed_email_domains"], json!([]));
    let same = change(&school, None, json!({})).await;
    assert_eq!(same, lifted);
});

both_databases!(a_window_opens_now_and_closes_by_itself, |app| {
    let school = app.school().await;
    change(&school, None, json!({ "paused": true })).await;
    let open = change(
        &school,
        None,
        json!({ "open_for_minutes": 15, "max_uses": 30 }),
    )
    .await;
    assert_eq!(open["status"], "open");
    assert_eq!(open["paused"], false);
    assert_eq!(open["expires_at"], "2026-09-01T07:45:00Z");
    let code = text(&open["code"]);
    app.advance(Duration::from_secs(15 * 60 - 1));
    app.register("in.time@x.org")
        .await
        .redeems(&code, "joined")
        .await;
    app.advance(Duration::from_secs(1));
    let late = app.register("late@x.org").await;
    late.redeem(&code).await.expect_problem(410, "code_expired");
});

both_databases!(what_cannot_be_is_refused_field_by_field, |app| {
    let school = app.school().await;
    let path = school.path("/invite-code");
    let many: Vec<_> = (0..51).map(|n| format!("d{n}.example")).collect();
    for (changes, faults) in [
        (
            json!({ "max_uses": 0 }),
            vec![("/max_uses", "out_of_range")],
        ),
        (
            json!({ "max_uses": -5 }),
            vec![("/max_uses", "out_of_range")],
        ),
        (
            json!({ "expires_at": "2026-09-01T07:30:00Z" }),
            vec![("/expires_at", "in_the_past")],
        ),
        (
            json!({ "allowed_email_domains": ["x.org", "nonsense", "*.x.org"] }),
            vec![
                ("/allowed_email_domains/1", "domain_invalid"),
                ("/allowed_email_domains/2", "domain_invalid"),
            ],
        ),
        (
            json!({ "allowed_email_domains": many }),
            vec![("/allowed_email_domains", "too_many")],
        ),
        (
            json!({ "open_for_minutes": 0 }),
            vec![("/open_for_minutes", "out_of_range")],
        ),
        (
            json!({ "open_for_minutes": 43_201 }),
            vec![("/open_for_minutes", "out_of_range")],
        ),
        (
            json!({ "open_for_minutes": 5, "expires_at": null, "paused": true }),
            vec![
                ("/open_for_minutes", "excludes_expires_at"),
                ("/open_for_minutes", "excludes_paused"),
            ],
        ),
        (
            json!({ "max_uses": 0, "expires_at": "1990-01-01T00:00:00Z", "allowed_email_domains": [""] }),
            vec![
                ("/max_uses", "out_of_range"),
                ("/expires_at", "in_the_past"),
                ("/allowed_email_domains/0", "domain_invalid"),
            ],
        ),
    ] {
        school
            .admin
            .patch(&path, changes)
            .await
            .expect_fields(&faults);
    }
    for malformed in [
        json!({ "max_uses": "thirty" }),
        json!({ "expires_at": "tomorrow" }),
        json!({ "code": "ABCDE-FGHJK" }),
        json!([]),
    ] {
        let refused = school.admin.patch(&path, malformed).await;
        refused.expect_problem(400, "malformed_request");
    }
    let format = format!("{path}/qr?format=gif");
    school
        .admin
        .get(&format)
        .await
        .expect_problem(400, "malformed_request");
});

both_databases!(a_maximum_below_the_uses_is_refused, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    for n in 0..2 {
        app.register(&format!("p{n}@x.org"))
            .await
            .redeems(&code, "joined")
            .await;
    }
    let path = school.path("/invite-code");
    let below = school.admin.patch(&path, json!({ "max_uses": 1 })).await;
    below.expect_fields(&[("/max_uses", "below_uses")]);
    let just = change(&school, None, json!({ "max_uses": 2 })).await;
    assert_eq!(just["status"], "used_up");
});

both_databases!(
    a_reset_kills_the_old_code_and_keeps_members_and_limits,
    |app| {
        let school = app.school().await;
        let old = code_of(&school, None).await;
        let jane = app.register("jane@x.org").await;
        jane.redeems(&old, "joined").await;
        let limits =
            json!({ "max_uses": 1, "allowed_email_domains": ["y.org"], "open_for_minutes": 5 });
        change(&school, None, limits).await;
        change(&school, None, json!({ "paused": true })).await;
        app.advance(Duration::from_secs(600));
        let path = school.path("/invite-code/reset");
        let reset = school.admin.post(&path, json!({})).await.expect_status(200);
        assert_eq!(reset["status"], "open");
        assert_eq!((&reset["uses"], &reset["max_uses"]), (&json!(0), &json!(1)));
        assert_eq!(reset["allowed_email_domains"], json!(["y.org"]));
        assert_eq!(reset["expires_at"], json!(null));
        assert_eq!(reset["issued_at"], "2026-09-01T07:40:00Z");
        assert_ne!(reset["code"], old);
        let late = app.register("late@y.org").await;
        late.redeem(&old).await.expect_problem(404, "code_unknown");
        late.preview(&old).await.expect_problem(404, "code_unknown");
        jane.get(&school.path("")).await.expect_status(200);
        // An end that is ahead stays.
        change(&school, None, json!({ "open_for_minutes": 60 })).await;
        let again = school.admin.post(&path, json!({})).await.expect_status(200);
        assert_eq!(again["expires_at"], "2026-09-01T08:40:00Z");
    }
);

both_databases!(admins_see_who_used_a_code_and_when, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let code = code_of(&school, Some(&seven_a)).await;
    for n in 0..3 {
        let registered = register_with(app, &format!("p{n}@x.org"), &code).await;
        registered.expect_status(201);
        app.advance(Duration::from_secs(1));
    }
    let own = code_of(&school, None).await;
    let member = app.register("member@x.org").await;
    member.redeems(&own, "joined").await;
    member.redeems(&code, "added_to_group").await;
    member.redeems(&code, "already_member").await;
    let path = format!("{}/uses", code_path(&school, Some(&seven_a)));
    let first = school.admin.get(&format!("{path}?limit=3")).await;
    let page = first.expect_status(200);
    assert_eq!(
        page["items"][0],
        json!({
            "account_id": member.id,
            "username": "member",
            "email": "member@x.org",
            "outcome": "added_to_group",
            "code": code,
            "used_at": "2026-09-01T07:30:03Z",
        })
    );
    assert!(first.header("link").contains("rel=\"next\""));
    let next = format!("{path}?limit=3&cursor={}", text(&page["next_cursor"]));
    let rest = school.admin.get(&next).await.expect_status(200);
    assert_eq!(rest["items"][0]["email"], "p0@x.org");
    assert_eq!(rest["items"][0]["outcome"], "joined");
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert_eq!(rest["next_cursor"], json!(null));
    let path = school.path("/invite-code/uses");
    let own = school.admin.get(&path).await.expect_status(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
});

both_databases!(
    what_admins_and_joiners_do_is_in_the_log_without_the_code,
    |app| {
        let school = app.school().await;
        let seven_a = group(&school, "7A").await;
        let code = code_of(&school, Some(&seven_a)).await;
        let jane = app.register("jane@x.org").await;
        jane.redeems(&code, "joined").await;
        let own = code_of(&school, None).await;
        let member = app.register("member@x.org").await;
        member.redeems(&own, "joined").await;
        member.redeems(&code, "added_to_group").await;
        change(
            &school,
            Some(&seven_a),
            json!({ "max_uses": 5, "paused": true }),
        )
        .await;
        let path = format!("{}/reset", code_path(&school, Some(&seven_a)));
        school.admin.post(&path, json!({})).await.expect_status(200);
        let log = school.admin.get(&school.path("/audit-events")).await;
        assert!(!log.text.contains(&code[..5]), "{}", log.text);
        let events = log.expect_status(200)["items"].clone();
        let by_action = |action: &str| {
            let mut found = events
                .as_array()
                .unwrap()
                .iter()
                .filter(|event| event["action"] == action);
            found
                .next()
                .unwrap_or_else(|| panic!("no {action} in {events:#}"))
                .clone()
        };
        let joined = events.as_array().unwrap().iter();
        let mut joined = joined.filter(|event| event["details"]["via"] == "group_code");
        let joined = joined.next_back().unwrap();
        assert_eq!(joined["action"], "member.joined");
        assert_eq!(joined["details"]["group_id"], seven_a);
        assert_eq!(joined["details"]["group_ids"], json!([seven_a]));
        assert_eq!(joined["subject"]["id"], jane.id, "{joined:#}");
        assert_eq!(
            by_action("group.members_added")["details"]["account_ids"],
            json!([member.id])
        );
        let updated = by_action("invite_code.updated");
        assert_eq!(
            updated["details"],
            json!({ "max_uses": 5, "paused": true, "group_id": seven_a })
        );
        assert_eq!(
            by_action("invite_code.reset")["details"],
            json!({ "group_id": seven_a })
        );
    }
);
