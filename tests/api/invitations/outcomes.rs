//! What comes of each address of a call.

use diesel::prelude::*;
use rollcall::domain::ids::AccountId;
use rollcall::domain::organization::{AccountType, MembershipStatus};
use rollcall::store::schema::memberships;
use serde_json::{Value, json};

use super::{DAY, again, choose_password, outcomes, sent};
use crate::support::people::{Organization, Person, seats_in_total, text};
use crate::support::{App, both_databases};

/// A member who was imported.
async fn member<'a>(school: &Organization<'a>, email: &str) -> Person<'a> {
    let csv = format!("email,password,username\n{email},quiet rivers 11,Member\n");
    school.import_students(csv).await;
    school.admin.app.sign_in(email, "quiet rivers 11").await
}

both_databases!(every_address_gets_its_own_outcome, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let insider = member(&school, "member@x.example").await;
    app.verify_email(&insider.id);
    app.register("outsider@x.example").await;
    app.register("second@x.example").await;
    school.invite(&["waiting@x.example"]).await;
    // The admin's seat, the member's, the invited person's, and two more.
    let limit = json!({
        "total": 5, "by_account_type": { "student": null, "teacher": null },
    });
    let seats = school.path("/seats");
    operator.put(&seats, limit).await.expect_status(200);
    let emails = [
        "New.Person@X.example",
        " outsider@x.example ",
        "member@x.example",
        "waiting@x.example",
        "not an address",
        "new.person@x.example",
        "second@x.example",
        "late@x.example",
        "",
    ];
    let body = json!({ "emails": emails, "account_type": "student" });
    let answer = school.invite_with(body).await;
    let with_id = |email: &str, outcome: &str| {
        json!({
            "email": email, "outcome": outcome, "invitation_id": "<uuid>",
            "email_verified": false, "groups_added": 0, "detail": null,
        })
    };
    let not_sent = |email: &str, outcome: &str, detail: &str| {
        let detail = if detail.is_empty() {
            Value::Null
        } else {
            json!(detail)
        };
        json!({
            "email": email, "outcome": outcome, "invitation_id": null,
            "email_verified": null, "groups_added": 0, "detail": detail,
        })
    };
    let mut waiting = with_id("waiting@x.example", "already_invited");
    waiting["detail"] = json!("<text>");
    let mut inside = not_sent("member@x.example", "already_member", "");
    inside["email_verified"] = json!(true);
    let mut unseated = not_sent("second@x.example", "no_seat", "<text>");
    unseated["email_verified"] = json!(false);
    let expected = json!({
        "results": [
            with_id("New.Person@X.example", "account_created"),
            with_id(" outsider@x.example ", "join_link_sent"),
            inside,
            waiting,
            not_sent("not an address", "email_invalid", "<text>"),
            not_sent("new.person@x.example", "duplicate_in_request", ""),
            unseated,
            not_sent("late@x.example", "no_seat", "<text>"),
            not_sent("", "email_invalid", "<text>"),
        ],
        "summary": {
            "account_created": 1, "join_link_sent": 1, "already_member": 1, "already_invited": 1,
            "email_invalid": 2, "no_seat": 2, "duplicate_in_request": 1,
        },
    });
    answer.expect(200, expected);
    assert_eq!(school.students().await, (3, 1));
    let made = school
        .member_by_address("new.person@x.example")
        .await
        .unwrap();
    assert_eq!(made["username"], "New Person");
    assert_eq!(made["managed"], true);
    assert_eq!(made["joined_via"], "invitation");
    assert_eq!(made["status"], "active");
    assert_eq!(made["last_active_at"], Value::Null);
    // People without a seat have no account either.
    assert!(school.member_by_address("late@x.example").await.is_none());
    app.register("late@x.example").await;
    let mails: Vec<String> = sent(app).await.into_iter().map(|mail| mail.to).collect();
    assert_eq!(
        mails,
        [
            "waiting@x.example",
            "new.person@x.example",
            "outsider@x.example"
        ]
    );
});

both_databases!(
    members_and_those_who_are_waited_for_are_added_to_groups,
    |app| {
        let school = app.school().await;
        let (first, second) = (school.class("7A").await, school.class("7B").await);
        let insider = member(&school, "member@x.example").await;
        app.verify_email(&insider.id);
        app.register("outsider@x.example").await;
        let emails = ["member@x.example", "outsider@x.example", "new@x.example"];
        let invite = |groups: Value| json!({ "emails": emails, "account_type": "student", "group_ids": groups });
        let answer = school.invite_with(invite(json!([first, first]))).await;
        let answer = answer.expect_status(200);
        assert_eq!(
            outcomes(&answer),
            ["already_member", "join_link_sent", "account_created"]
        );
        // Who has a join link is in no group before it is accepted.
        for (result, added) in answer["results"].as_array().unwrap().iter().zip([1, 0, 1]) {
            assert_eq!(result["groups_added"], added, "{result}");
        }
        let answer = school.invite_with(invite(json!([first, second]))).await;
        let answer = answer.expect_status(200);
        assert_eq!(
            outcomes(&answer),
            ["already_member", "already_invited", "already_invited"]
        );
        for result in answer["results"].as_array().unwrap() {
            assert_eq!(result["groups_added"], 1, "{result}");
        }
        let groups = json!([{ "id": first, "name": "7A" }, { "id": second, "name": "7B" }]);
        for email in ["member@x.example", "new@x.example"] {
            assert_eq!(
                school.member_by_address(email).await.unwrap()["groups"],
                groups
            );
        }
        let id = text(&answer["results"][1]["invitation_id"]);
        let path = school.path(&format!("/invitations/{id}"));
        let invitation = school.admin.get(&path).await.expect_status(200);
        assert_eq!(invitation["groups"], groups);
        let answer = school.invite_with(invite(json!([second]))).await;
        for result in answer.expect_status(200)["results"].as_array().unwrap() {
            assert_eq!(result["groups_added"], 0, "{result}");
        }
        let added = school.events("invitation.groups_added").await;
        assert_eq!(added.as_array().unwrap().len(), 1, "{added:#}");
        assert_eq!(added[0]["subject"]["id"], id);
        assert_eq!(
            added[0]["details"],
            json!({ "email": "outsider@x.example", "group_ids": [second] })
        );
        assert_eq!(added[0]["actor"]["account_id"], school.admin.id);
        assert_eq!(sent(app).await.len(), 2);
    }
);

both_databases!(a_deactivated_member_is_not_let_in_again, |app| {
    let school = app.school().await;
    let group = school.class("7A").await;
    let member = member(&school, "member@x.example").await;
    deactivate(app, &school, &member);
    let body = json!({
        "emails": ["member@x.example"], "account_type": "student", "group_ids": [group],
    });
    let answer = school.invite_with(body).await.expect_status(200);
    let result = &answer["results"][0];
    assert_eq!(result["outcome"], "already_member");
    assert_eq!(result["groups_added"], 0);
    assert!(text(&result["detail"]).contains("reactivate"), "{result}");
    assert_eq!(school.students().await, (0, 0));
    assert!(sent(app).await.is_empty());
});

/// Deactivates a member.
fn deactivate(app: &App, school: &Organization<'_>, member: &Person<'_>) {
    let mut connection = app.state.services.pool.get().unwrap();
    let id: rollcall::domain::ids::OrganizationId = school.id.parse().unwrap();
    let account: rollcall::domain::ids::AccountId = member.id.parse().unwrap();
    diesel::update(memberships::table.find((id, account)))
        .set(memberships::status.eq(MembershipStatus::Deactivated))
        .execute(&mut **connection)
        .unwrap();
    rollcall::store::seats::release(&mut connection, id, AccountType::Student, 1).unwrap();
}

both_databases!(
    an_account_that_nobody_came_to_is_sent_its_link_again,
    |app| {
        let mut school = app.school().await;
        school.invite(&["new@x.example"]).await;
        app.drain().await;
        app.advance(DAY * 8);
        school.admin = again(&school.admin).await;
        for _ in 0..2 {
            let answer = school.invite(&["new@x.example"]).await;
            let result = &answer["results"][0];
            assert_eq!(result["outcome"], "already_invited");
            assert!(text(&result["detail"]).contains("expired"), "{result}");
            let id = text(&result["invitation_id"]);
            let path = school.path(&format!("/invitations/{id}"));
            let shown = school.admin.get(&path).await.expect_status(200);
            assert_eq!(shown["status"], "expired");
            // The second time its stored status is expired.
            app.drain().await;
        }
        assert_eq!(sent(app).await.len(), 1);
        assert_eq!(school.students().await, (1, 0));
    }
);

both_databases!(an_expired_offer_gives_way_to_a_new_one, |app| {
    let mut school = app.school().await;
    let operator = app.operator().await;
    let seats = school.path("/seats");
    operator
        .put(&seats, seats_in_total(Some(2)))
        .await
        .expect_status(200);
    let joe = app.register("joe@x.example").await;
    app.verify_email(&joe.id);
    let first = school.invite_one("joe@x.example").await;
    app.advance(DAY * 7);
    school.admin = again(&school.admin).await;
    let answer = school.invite(&["joe@x.example"]).await;
    assert_eq!(outcomes(&answer), ["join_link_sent"]);
    let shown = school.admin.get(&first).await.expect_status(200);
    assert_eq!(shown["status"], "expired");
    assert_eq!(school.students().await, (0, 1));
    // Time ended it, not who invited again.
    let expired = school.events("invitation.expired").await;
    assert_eq!(expired.as_array().unwrap().len(), 1, "{expired:#}");
    assert!(first.ends_with(&text(&expired[0]["subject"]["id"])));
    assert_eq!(expired[0]["actor"]["kind"], "system");
    // The older one cannot become pending again beside it.
    school
        .admin
        .post(&format!("{first}/resend"), json!({}))
        .await
        .expect_problem(409, "no_seat");
    let operator = again(&operator).await;
    operator
        .put(&seats, seats_in_total(None))
        .await
        .expect_status(200);
    school
        .admin
        .post(&format!("{first}/resend"), json!({}))
        .await
        .expect_problem(409, "invitation_ended");
    assert_eq!(school.students().await, (0, 1));
});

both_databases!(made_up_addresses_get_no_mail, |app| {
    let school = app.school().await;
    let names = json!({ "usernames": ["Jane Doe"], "account_type": "student" });
    let imports = school.path("/imports/usernames");
    school.admin.post(&imports, names).await.expect_status(202);
    app.drain().await;
    let made_up = text(&school.member_by_address("jane").await.unwrap()["email"]);
    assert!(made_up.ends_with(".login.invalid"), "{made_up}");
    let before = sent(app).await.len();
    let emails = [
        made_up.as_str(),
        "new@hill.login.invalid",
        "new@LOGIN.invalid",
    ];
    let answer = school.invite(&emails).await;
    assert_eq!(outcomes(&answer), ["email_invalid"; 3]);
    assert_eq!(school.students().await, (1, 0));
    // The same holds where the login domain was another one when the address was generated.
    let other = app.register("made.up@x.example").await;
    {
        use rollcall::store::schema::accounts;
        let mut connection = app.state.services.pool.get().unwrap();
        diesel::update(accounts::table.filter(accounts::email.eq(&other.email)))
            .set(accounts::generated_address.eq(true))
            .execute(&mut **connection)
            .unwrap();
    }
    let answer = school.invite(&["made.up@x.example"]).await;
    assert_eq!(outcomes(&answer), ["email_invalid"]);
    assert_eq!(sent(app).await.len(), before);
});

both_databases!(fields_that_cannot_be_used_are_refused, |app| {
    let school = app.school().await;
    let many: Vec<String> = (0..501)
        .map(|number| format!("p{number}@x.example"))
        .collect();
    let groups = vec![uuid::Uuid::now_v7(); 101];
    let body = json!({
        "emails": many, "account_type": "student", "group_ids": groups,
        "note": "a\tb", "valid_days": 31,
    });
    school.invite_with(body).await.expect_fields(&[
        ("/emails", "out_of_range"),
        ("/group_ids", "out_of_range"),
        ("/note", "invalid"),
        ("/valid_days", "out_of_range"),
    ]);
    let note = "x".repeat(501);
    let body = json!({ "emails": [], "account_type": "student", "note": note, "valid_days": 0 });
    school.invite_with(body).await.expect_fields(&[
        ("/emails", "missing"),
        ("/note", "too_long"),
        ("/valid_days", "out_of_range"),
    ]);
    let unknown = json!({
        "emails": ["a@x.example"], "account_type": "student", "group_ids": [uuid::Uuid::now_v7()],
    });
    let refused = school.invite_with(unknown).await;
    refused.expect_fields(&[("/group_ids", "group_unknown")]);
    let other_kind = json!({ "emails": ["a@x.example"], "account_type": "learner" });
    let refused = school.invite_with(other_kind).await;
    refused.expect_problem(422, "account_type_not_in_kind");
    for body in [
        json!({ "emails": ["a@x.example"] }),
        json!({ "emails": "a@x.example", "account_type": "student" }),
        json!({ "emails": ["a@x.example"], "account_type": "student", "role": "admin" }),
        json!({ "emails": ["a@x.example"], "account_type": "student", "language": "xx" }),
    ] {
        school
            .invite_with(body)
            .await
            .expect_problem(400, "malformed_request");
    }
    assert!(sent(app).await.is_empty());
});

both_databases!(an_address_that_is_used_in_two_organizations, |app| {
    let school = app.school().await;
    let valley = app.organization("Valley School", "school").await;
    let path = school.invite_one("new@x.example").await;
    let answer = valley.invite(&["new@x.example"]).await;
    assert_eq!(outcomes(&answer), ["join_link_sent"]);
    let join = app.last_mail_to("new@x.example").await;
    // Revoked by the one, it stays for the other, and nobody manages it.
    let revoke = format!("{path}/revoke");
    school
        .admin
        .post(&revoke, json!({}))
        .await
        .expect_status(200);
    assert!(school.member_by_address("new@x.example").await.is_none());
    assert_eq!(school.students().await, (0, 0));
    let preview = json!({ "token": join.token() });
    let preview = app
        .anonymous()
        .post("/v1/invitations/preview", preview)
        .await;
    assert_eq!(preview.expect_status(200)["status"], "pending");
    assert_eq!(valley.students().await, (0, 1));
    let answer = school.invite(&["new@x.example"]).await;
    assert_eq!(outcomes(&answer), ["join_link_sent"]);
    let body = json!({ "email": "new@x.example" });
    let forgot = app.anonymous().post("/v1/auth/password/forgot", body).await;
    forgot.expect_status(202);
    let reset = app.last_mail_to("new@x.example").await;
    choose_password(app, &reset.token(), "quiet rivers 12")
        .await
        .expect_status(204);
    let person = app.sign_in("new@x.example", "quiet rivers 12").await;
    let own = person.get("/v1/me/invitations").await.expect_status(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 2);
    let accept = json!({ "token": join.token() });
    let accepted = person.post("/v1/invitations/accept", accept).await;
    assert_eq!(accepted.expect_status(200)["outcome"], "joined");
    let member = valley.member_by_address("new@x.example").await.unwrap();
    assert_eq!(member["managed"], false);
    assert_eq!(valley.students().await, (1, 0));
});

both_databases!(
    an_offer_that_nobody_can_accept_is_revoked_by_the_next,
    |app| {
        use rollcall::store::schema::invitations;
        let school = app.school().await;
        app.register("joe@x.example").await;
        let path = school.invite_one("joe@x.example").await;
        // The account was another one then.
        let mut connection = app.state.services.pool.get().unwrap();
        diesel::update(invitations::table.filter(invitations::email.eq("joe@x.example")))
            .set(invitations::account_id.eq(None::<AccountId>))
            .execute(&mut **connection)
            .unwrap();
        drop(connection);
        let answer = school.invite(&["joe@x.example"]).await;
        assert_eq!(outcomes(&answer), ["join_link_sent"]);
        assert_eq!(school.students().await, (0, 1));
        let revoked = school.events("invitation.revoked").await;
        let id = path.rsplit('/').next().unwrap();
        assert_eq!(revoked[0]["subject"]["id"], id, "{revoked:#}");
    }
);

both_databases!(addresses_with_signs_of_word_processors_are_none, |app| {
    let school = app.school().await;
    for (file, wrong) in [
        (
            include_str!("cases/typographic-apostrophe.json"),
            &["U+2019 (’); “'” was probably meant"][..],
        ),
        (
            include_str!("cases/bulleted.json"),
            &[
                "U+2022 (•): leave it out",
                "U+2013 (–); “-” was probably meant",
                "U+2026 (…): leave it out",
            ],
        ),
    ] {
        let emails: Value = serde_json::from_str(file).unwrap();
        let body = json!({ "emails": emails, "account_type": "student" });
        let answer = school.invite_with(body).await.expect_status(200);
        let results = answer["results"].as_array().unwrap();
        assert_eq!(results.len(), wrong.len());
        for (result, wrong) in results.iter().zip(wrong) {
            assert_eq!(result["outcome"], "email_invalid");
            let detail = text(&result["detail"]);
            assert!(detail.contains(wrong), "{detail}");
        }
    }
    let ledger = school
        .admin
        .get(&school.path("/seats"))
        .await
        .expect_status(200);
    let total = &ledger["total"];
    assert_eq!((&total["used"], &total["reserved"]), (&json!(1), &json!(0)));
    let mails = app.mails().await;
    assert!(mails.iter().all(|mail| !mail.to.contains("x.example")));
});
