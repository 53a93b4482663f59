//! Help for people who lost access (`docs/members.md`).

use serde_json::{Value, json};

use super::{actions_on, students};
use crate::support::people::{Person, send, text};
use crate::support::{TestResponse, both_databases};

async fn reset(who: &Person<'_>, of: &str, body: Value) -> TestResponse {
    who.post(&format!("{of}/password-reset"), body).await
}

both_databases!(an_admin_gives_a_managed_account_a_new_password, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let of_ann = school.path_of(&ann.id);
    let answer = reset(&school.admin, &of_ann, json!({})).await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let shown = answer.expect(
        200,
        json!({
            "account_id": ann.id,
            "email": "ann@hill.example",
            "username": "Ann",
            "password": "<text>",
            "must_change_password": true,
        }),
    );
    ann.get("/v1/me").await.expect_problem(401, "not_signed_in");
    let old = json!({ "email": "ann@hill.example", "password": "quiet rivers 11" });
    app.anonymous()
        .post("/v1/auth/login", old)
        .await
        .expect_problem(401, "wrong_credentials");
    let password = text(&shown["password"]);
    let ann = app.sign_in("ann@hill.example", &password).await;
    let me = ann.get("/v1/me").await.expect_status(200);
    assert_eq!(me["must_change_password"], true);

    let given = json!({ "password": "eight brown geese 8", "must_change_password": false });
    let shown = reset(&school.admin, &of_ann, given)
        .await
        .expect_status(200);
    assert!(shown["password"].is_null());
    let ann = app.sign_in("ann@hill.example", "eight brown geese 8").await;
    let me = ann.get("/v1/me").await.expect_status(200);
    assert_eq!(me["must_change_password"], false);

    assert_eq!(
        actions_on(&school, &ann.id).await,
        [
            "member.password_reset",
            "member.password_reset",
            "member.joined"
        ]
    );
    let log = school.admin.get(&school.path("/audit-events")).await.text;
    assert!(!log.contains(&password) && !log.contains("brown geese"));
    let mail = app.last_mail_to("ann@hill.example").await;
    assert!(mail.text.contains("Hill Road School"), "{}", mail.text);
    let said = format!("{} {}", mail.text, mail.html);
    assert!(!said.contains(&password) && !said.contains("brown geese"));
    let of_hers = app.mails().await;
    assert_eq!(
        of_hers
            .iter()
            .filter(|m| m.to == "ann@hill.example")
            .count(),
        2
    );
});

both_databases!(a_given_password_is_judged_by_the_rule, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let of_ann = school.path_of(&ann.id);
    for (password, code) in [
        ("short 1", "password_too_short"),
        ("no digit at all", "password_needs_digit"),
        ("1234567890123", "password_needs_letter"),
        ("password123", "password_too_common"),
    ] {
        reset(&school.admin, &of_ann, json!({ "password": password }))
            .await
            .expect_fields(&[("/password", code)]);
    }
    reset(&school.admin, &of_ann, json!({ "new_password": "x" }))
        .await
        .expect_problem(400, "malformed_request");
    ann.get("/v1/me").await.expect_status(200);
});

both_databases!(
    a_deactivated_member_gets_a_password_and_stays_deactivated,
    |app| {
        let school = app.school().await;
        let [ann, ..] = students(app, &school).await;
        let of_ann = school.path_of(&ann.id);
        school.deactivate(&of_ann).await;
        let given = json!({ "password": "eight brown geese 8" });
        reset(&school.admin, &of_ann, given)
            .await
            .expect_status(200);
        let login = json!({ "email": "ann@hill.example", "password": "eight brown geese 8" });
        app.anonymous()
            .post("/v1/auth/login", login)
            .await
            .expect_problem(403, "account_deactivated");
    }
);

both_databases!(staff_help_the_students_of_the_groups_they_manage, |app| {
    let school = app.school().await;
    let [ann, bob, cid] = students(app, &school).await;
    let csv =
        "email,password,username\ntea@x.org,quiet rivers 21,Tea\ntim@x.org,quiet rivers 22,Tim\n";
    school
        .import(csv, &[("account_type", "teacher")])
        .await
        .expect_status(202);
    app.drain().await;
    let tea = app.sign_in("tea@x.org", "quiet rivers 21").await;
    let tim = app.sign_in("tim@x.org", "quiet rivers 22").await;
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&tea.id], "manager").await;
    school
        .add_to_group(&group, &[&ann.id, &bob.id, &tim.id], "member")
        .await;
    reset(&tea, &school.path_of(&ann.id), json!({}))
        .await
        .expect_status(200);
    // Not in the group, so not to be seen.
    reset(&tea, &school.path_of(&cid.id), json!({}))
        .await
        .expect_problem(404, "not_found");
    // Staff, and whoever is an admin, are beyond a teacher.
    reset(&tea, &school.path_of(&tim.id), json!({}))
        .await
        .expect_problem(403, "forbidden");
    app.verify_emails_by_reset();
    school
        .admin
        .patch(&school.path_of(&bob.id), json!({ "role": "admin" }))
        .await
        .expect_status(200);
    reset(&tea, &school.path_of(&bob.id), json!({}))
        .await
        .expect_problem(403, "forbidden");
    // A member of the group who does not manage it sees nobody.
    reset(&tim, &school.path_of(&ann.id), json!({}))
        .await
        .expect_problem(404, "not_found");
    reset(&cid, &school.path_of(&ann.id), json!({}))
        .await
        .expect_problem(403, "forbidden");
    // Whoever is changed to a student loses the group, and its people.
    let student = json!({ "account_type": "student" });
    school
        .admin
        .patch(&school.path_of(&tea.id), student)
        .await
        .expect_status(200);
    reset(&tea, &school.path_of(&ann.id), json!({}))
        .await
        .expect_problem(403, "forbidden");
    let teacher = json!({ "account_type": "teacher" });
    school
        .admin
        .patch(&school.path_of(&tea.id), teacher)
        .await
        .expect_status(200);
    let tea = app.sign_in(&tea.email, "quiet rivers 21").await;
    reset(&tea, &school.path_of(&ann.id), json!({}))
        .await
        .expect_problem(404, "not_found");
});

both_databases!(ones_own_password_is_changed_with_the_current_one, |app| {
    let school = app.school().await;
    let [ann, bob, _] = students(app, &school).await;
    app.verify_emails_by_reset();
    for id in [&ann.id, &bob.id] {
        school
            .admin
            .patch(&school.path_of(id), json!({ "role": "admin" }))
            .await
            .expect_status(200);
    }
    let ann = app.sign_in(&ann.email, "quiet rivers 11").await;
    let bob = app.sign_in(&bob.email, "quiet rivers 12").await;
    reset(&ann, &school.path_of(&ann.id), json!({}))
        .await
        .expect_problem(403, "forbidden");
    reset(&ann, &school.path_of(&bob.id), json!({}))
        .await
        .expect_status(200);
    bob.get("/v1/me").await.expect_problem(401, "not_signed_in");
});

both_databases!(older_links_to_choose_a_password_are_dead, |app| {
    use diesel::prelude::*;
    use rollcall::crypto::token::{Token, TokenKind};
    use rollcall::domain::ids::AccountId;
    use rollcall::store::mailed_tokens::{self, MailedToken};
    use rollcall::store::schema;
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let mut connection = app.state.services.pool.get().unwrap();
    for kind in [TokenKind::SetPassword, TokenKind::VerifyEmail] {
        let token = Token::generate(kind).unwrap();
        let kept = MailedToken {
            kind,
            account_id: ann.id.parse::<AccountId>().unwrap(),
            invitation_id: None,
            created_at: app.now(),
            expires_at: app.now().plus(std::time::Duration::from_secs(3600)),
            used_at: None,
        };
        mailed_tokens::insert(&mut connection, &token.hash(), &kept).unwrap();
    }
    reset(&school.admin, &school.path_of(&ann.id), json!({}))
        .await
        .expect_status(200);
    let left: Vec<TokenKind> = schema::mailed_tokens::table
        .filter(schema::mailed_tokens::account_id.eq(ann.id.parse::<AccountId>().unwrap()))
        .select(schema::mailed_tokens::kind)
        .load(&mut **connection)
        .unwrap();
    assert_eq!(left, [TokenKind::VerifyEmail]);
});

both_databases!(a_repeated_request_gives_the_same_password_again, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let path = format!("{}/password-reset", school.path_of(&ann.id));
    let ask = async |key: &str| {
        let request = school.admin.request(reqwest::Method::POST, &path);
        let request = request.header("idempotency-key", key).json(&json!({}));
        send(request).await.expect_status(200)
    };
    let first = ask("one").await;
    assert_eq!(ask("one").await, first);
    assert_eq!(actions_on(&school, &ann.id).await.len(), 2);
    assert_ne!(ask("two").await["password"], first["password"]);
    assert_eq!(actions_on(&school, &ann.id).await.len(), 3);
});

both_databases!(a_new_password_needs_no_body, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let path = format!("{}/password-reset", school.path_of(&ann.id));
    let without_body = |key: &'static str| {
        let request = school.admin.request(reqwest::Method::POST, &path);
        send(request.header("idempotency-key", key))
    };
    let (first, again) = (without_body("one").await, without_body("one").await);
    let shown = first.expect_status(200);
    assert_eq!(shown["must_change_password"], true);
    assert_eq!(first.text, again.text);
    app.sign_in("ann@hill.example", &text(&shown["password"]))
        .await;
    let other = school.admin.request(reqwest::Method::POST, &path);
    let other = other
        .header("idempotency-key", "one")
        .json(&json!({ "must_change_password": false }));
    send(other)
        .await
        .expect_problem(409, "idempotency_conflict");
    let as_text = school
        .admin
        .request(reqwest::Method::POST, &path)
        .body("{}");
    send(as_text)
        .await
        .expect_problem(415, "unsupported_media_type");
});
