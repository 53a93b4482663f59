//! Trust is earned by a mailbox (`docs/permissions.md#trust`).

use serde_json::{Value, json};

use crate::support::members::choose_password;
use crate::support::people::{Organization, PASSWORD, Person, outcomes, text};
use crate::support::smtp::SmtpServer;
use crate::support::{App, TestResponse, both_databases};

/// Verifies an address by the link in the last mail to it.
async fn prove(app: &App, person: &Person<'_>) {
    let token = app.last_mail_to(&person.email).await.token();
    let body = json!({ "token": token });
    let verified = person.post("/v1/auth/email/verify", body).await;
    verified.expect_status(200);
}

async fn patch(school: &Organization<'_>, person: &Person<'_>, changes: Value) -> TestResponse {
    let path = school.path_of(&person.id);
    school.admin.patch(&path, changes).await
}

both_databases!(an_unverified_address_makes_no_admin_and_no_staff, |app| {
    let school = app.school().await;
    let jane = app.register("jane@x.example").await;
    app.join(&school, &jane, "student").await;
    let many = json!({ "account_ids": [jane.id], "account_type": "teacher" });
    let bulk = school.path("/members/bulk-update");
    for promotion in [
        json!({ "role": "admin" }),
        json!({ "account_type": "teacher" }),
        json!({ "role": "admin", "account_type": "teacher" }),
    ] {
        let refused = patch(&school, &jane, promotion).await;
        refused.expect_problem(403, "email_not_verified");
    }
    let refused = school
        .admin
        .post(&bulk, many.clone())
        .await
        .expect_status(200);
    assert_eq!(outcomes(&refused), ["email_not_verified"]);
    let shown = school.admin.get(&school.path_of(&jane.id)).await;
    let shown = shown.expect_status(200);
    assert_eq!(
        (
            &shown["role"],
            &shown["account_type"],
            &shown["email_verified"]
        ),
        (&json!("member"), &json!("student"), &json!(false))
    );
    // What makes nobody more needs no trust.
    patch(&school, &jane, json!({ "role": "member" }))
        .await
        .expect_status(200);
    prove(app, &jane).await;
    let promoted = school.admin.post(&bulk, many).await.expect_status(200);
    assert_eq!(outcomes(&promoted), ["updated"]);
    // Nobody who had a session before becomes staff by it.
    jane.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let jane = app.sign_in(&jane.email, PASSWORD).await;
    patch(&school, &jane, json!({ "role": "admin" }))
        .await
        .expect_status(200);
    jane.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let jane = app.sign_in(&jane.email, PASSWORD).await;
    // Neither do other changes end sessions, nor taking something away.
    patch(&school, &jane, json!({ "role": "member" }))
        .await
        .expect_status(200);
    jane.get("/v1/me").await.expect_status(200);
});

both_databases!(
    a_managed_account_is_trusted_with_a_password_of_its_own,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let names = json!({ "usernames": ["Ann Green"], "account_type": "student" });
        let import = school
            .admin
            .post(&school.path("/imports/usernames"), names)
            .await;
        let import = text(&import.expect_status(202)["id"]);
        app.drain().await;
        let list = school.path(&format!("/imports/{import}/userlist.csv"));
        let list = school.admin.get(&list).await.text;
        let cells: Vec<&str> = list.lines().nth(1).unwrap().split(',').collect();
        let ann = app.sign_in(cells[1], cells[2]).await;
        let teach = json!({ "account_type": "teacher" });
        let refused = patch(&school, &ann, teach.clone()).await;
        refused.expect_problem(403, "email_not_verified");
        let change = json!({ "current_password": cells[2], "new_password": "nine grey swans 99" });
        let changed = ann.post("/v1/auth/password/change", change).await;
        changed.expect_status(204);
        patch(&school, &ann, teach.clone()).await.expect_status(200);
        let ann = app.sign_in(&ann.email, "nine grey swans 99").await;
        // Elsewhere that is no proof.
        app.join(&other, &ann, "student").await;
        let refused = patch(&other, &ann, teach.clone()).await;
        refused.expect_problem(403, "email_not_verified");
        // Nor is it here any more.
        patch(&school, &ann, json!({ "account_type": "student" }))
            .await
            .expect_status(200);
        let refused = patch(&school, &ann, teach).await;
        refused.expect_problem(403, "email_not_verified");
    }
);

both_databases!(
    a_password_that_another_organization_set_earns_no_trust,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let file = format!("email,password,username\nann@x.example,{PASSWORD},Ann\n");
        let imported = school.import(file, &[("account_type", "student")]).await;
        imported.expect_status(202);
        app.drain().await;
        let ann = app.sign_in("ann@x.example", PASSWORD).await;
        app.verify_email(&ann.id);
        app.join(&other, &ann, "student").await;
        // An admin of the first school could sign in as her, and would be an admin here.
        let lead = json!({ "role": "admin" });
        let refused = patch(&other, &ann, lead.clone()).await;
        refused.expect_problem(403, "email_not_verified");
        let many = json!({ "account_ids": [ann.id], "account_type": "teacher" });
        let path = other.path("/members/bulk-update");
        let bulk = other.admin.post(&path, many).await.expect_status(200);
        assert_eq!(outcomes(&bulk), ["email_not_verified"]);
        // Whoever knows it can change it, so that proves nothing.
        change_password(&ann, PASSWORD).await;
        let refused = patch(&other, &ann, lead.clone()).await;
        refused.expect_problem(403, "email_not_verified");
        let bulk = other.admin.post(
            &path,
            json!({ "account_ids": [ann.id], "account_type": "teacher" }),
        );
        assert_eq!(
            outcomes(&bulk.await.expect_status(200)),
            ["email_not_verified"]
        );
        choose_password(app, &ann.email).await;
        patch(&other, &ann, lead).await.expect_status(200);
    }
);

async fn change_password(person: &Person<'_>, known: &str) {
    let change = json!({ "current_password": known, "new_password": "nine grey swans 99" });
    let changed = person.post("/v1/auth/password/change", change).await;
    changed.expect_status(204);
}

/// Imports somebody with [`PASSWORD`], which the school's admin knows then, and signs in as them.
async fn imported<'a>(app: &'a App, school: &Organization<'_>, email: &str) -> Person<'a> {
    let file = format!("email,password,username\n{email},{PASSWORD},Ann\n");
    let accepted = school.import(file, &[("account_type", "student")]).await;
    accepted.expect_status(202);
    app.drain().await;
    app.sign_in(email, PASSWORD).await
}

/// Resets a managed account's password, and signs in with it.
async fn reset<'a>(app: &'a App, school: &Organization<'_>, person: &Person<'_>) -> Person<'a> {
    let body = json!({ "password": "eight brown geese 8", "must_change_password": false });
    let path = format!("{}/password-reset", school.path_of(&person.id));
    school.admin.post(&path, body).await.expect_status(200);
    app.sign_in(&person.email, "eight brown geese 8").await
}

both_databases!(
    a_password_that_staff_have_set_makes_no_admin_here_either,
    |app| {
        let school = app.school().await;
        let ann = imported(app, &school, "ann@x.example").await;
        let lead = json!({ "role": "admin" });
        patch(&school, &ann, lead.clone())
            .await
            .expect_problem(403, "email_not_verified");
        // Staff reset it and change it themselves: whoever becomes admin then, they sign in as.
        let staff = reset(app, &school, &ann).await;
        change_password(&staff, "eight brown geese 8").await;
        patch(&school, &ann, lead.clone())
            .await
            .expect_problem(403, "email_not_verified");
        app.verify_email(&ann.id);
        let refused = patch(&school, &ann, lead.clone()).await;
        let refused = refused.expect_problem(403, "email_not_verified");
        assert!(text(&refused["detail"]).contains("/v1/auth/password/forgot"));
        choose_password(app, &ann.email).await;
        patch(&school, &ann, lead).await.expect_status(200);
    }
);

both_databases!(
    nobody_joins_by_a_link_with_a_password_that_others_know,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        for (account_type, email) in [("teacher", "ann@x.example"), ("student", "ben@x.example")] {
            let owner = imported(app, &school, email).await;
            let invite = json!({ "emails": [email], "account_type": account_type });
            let invited = other.admin.post(&other.path("/invitations"), invite).await;
            assert_eq!(outcomes(&invited.expect_status(200)), ["join_link_sent"]);
            let accept = json!({ "token": app.last_mail_to(email).await.token() });
            let path = "/v1/invitations/accept";
            owner
                .post(path, accept.clone())
                .await
                .expect_problem(403, "email_not_verified");
            change_password(&owner, PASSWORD).await;
            let refused = owner.post(path, accept.clone()).await;
            let refused = refused.expect_problem(403, "email_not_verified");
            assert!(text(&refused["detail"]).contains("/v1/auth/password/forgot"));
            other
                .admin
                .get(&other.path_of(&owner.id))
                .await
                .expect_problem(404, "not_found");
            let owner = choose_password(app, email).await;
            owner.post(path, accept).await.expect_status(200);
            let member = other.admin.get(&other.path_of(&owner.id)).await;
            assert_eq!(member.expect_status(200)["account_type"], account_type);
            // Those who knew the old one have lost the account.
            let old = json!({ "email": email, "password": "nine grey swans 99" });
            let old = app.anonymous().post("/v1/auth/login", old).await;
            old.expect_problem(401, "wrong_credentials");
        }
    }
);

async fn code_of(school: &Organization<'_>) -> Value {
    let code = school.admin.get(&school.path("/invite-code")).await;
    json!({ "code": code.expect_status(200)["code"] })
}

async fn redeem(person: &Person<'_>, code: &Value) -> TestResponse {
    person.post("/v1/invite-codes/redeem", code.clone()).await
}

both_databases!(
    a_code_for_domains_takes_a_password_that_nobody_else_knows,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let domains = json!({ "allowed_email_domains": ["corp.example"] });
        let changed = other
            .admin
            .patch(&other.path("/invite-code"), domains)
            .await;
        changed.expect_status(200);
        let code = code_of(&other).await;
        let ann = imported(app, &school, "ann@corp.example").await;
        redeem(&ann, &code)
            .await
            .expect_problem(403, "email_not_verified");
        // She has verified the address; then her organization sets the password again.
        choose_password(app, &ann.email).await;
        let admin = reset(app, &school, &ann).await;
        let refused = redeem(&admin, &code).await;
        refused.expect_problem(403, "email_not_verified");
        change_password(&admin, "eight brown geese 8").await;
        let refused = redeem(&admin, &code).await;
        refused.expect_problem(403, "email_not_verified");
        let ann = choose_password(app, &ann.email).await;
        let joined = redeem(&ann, &code).await.expect_status(200);
        assert_eq!(joined["outcome"], "joined");
    }
);

/// Has the organization's code make staff.
async fn make_code_of_staff(school: &Organization<'_>) -> Value {
    let teachers = json!({ "default_account_type": "teacher" });
    let changed = school.admin.patch(&school.path(""), teachers).await;
    changed.expect_status(200);
    code_of(school).await
}

both_databases!(a_code_makes_no_unverified_staff, |app| {
    let school = app.school().await;
    let code = make_code_of_staff(&school).await;
    let body = json!({
        "email": "jane@x.example", "password": PASSWORD, "username": "Jane",
        "invite_code": code["code"],
    });
    let registered = app.anonymous().post("/v1/auth/register", body).await;
    let registered = registered.expect_status(201);
    assert_eq!(registered["joined"]["outcome"], "waits_for_verification");
    let jane = app.sign_in("jane@x.example", PASSWORD).await;
    let waits = redeem(&jane, &code).await.expect_status(200);
    assert_eq!(waits["outcome"], "waits_for_verification");
    let group = json!({ "name": "7A" });
    jane.post(&school.path("/groups"), group.clone())
        .await
        .expect_problem(404, "not_found");
    let seats = school.admin.get(&school.path("/seats")).await;
    assert_eq!(
        seats.expect_status(200)["by_account_type"]["teacher"]["used"],
        1
    );
    let elsewhere = app.sign_in("jane@x.example", PASSWORD).await;
    prove(app, &jane).await;
    jane.post(&school.path("/groups"), group)
        .await
        .expect_status(201);
    // Who becomes staff is signed out elsewhere.
    elsewhere
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let member = school.admin.get(&school.path_of(&jane.id)).await;
    assert_eq!(member.expect_status(200)["account_type"], "teacher");
});

both_databases!(a_code_makes_staff_of_verified_owners_at_once, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let code = make_code_of_staff(&other).await;
    let (jane, elsewhere) = (
        app.register("jane@x.example").await,
        app.sign_in("jane@x.example", PASSWORD).await,
    );
    prove(app, &jane).await;
    let joined = redeem(&jane, &code).await.expect_status(200);
    assert_eq!(joined["outcome"], "joined");
    jane.get(&other.path("")).await.expect_status(200);
    elsewhere
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let ann = imported(app, &school, "ann@x.example").await;
    redeem(&ann, &code)
        .await
        .expect_problem(403, "email_not_verified");
    // A generated address has no mailbox, and its organization knows the first password.
    let names = json!({ "usernames": ["Bob Stone"], "account_type": "student" });
    let path = school.path("/imports/usernames");
    let import = school.admin.post(&path, names).await;
    let import = text(&import.expect_status(202)["id"]);
    app.drain().await;
    let list = school.path(&format!("/imports/{import}/userlist.csv"));
    let list = school.admin.get(&list).await.text;
    let cells: Vec<&str> = list.lines().nth(1).unwrap().split(',').collect();
    let bob = app.sign_in(cells[1], cells[2]).await;
    let refused = redeem(&bob, &code).await;
    let refused = refused.expect_problem(403, "email_not_verified");
    assert!(text(&refused["detail"]).contains("no mailbox"), "{refused}");
});

both_databases!(who_accepts_to_be_staff_keeps_one_session, |app| {
    let school = app.school().await;
    let jane = app.register("jane@x.example").await;
    let here = app.sign_in("jane@x.example", PASSWORD).await;
    let invite = json!({ "emails": ["jane@x.example"], "account_type": "teacher" });
    let invited = school
        .admin
        .post(&school.path("/invitations"), invite)
        .await;
    let result = &invited.expect_status(200)["results"][0];
    assert_eq!(result["email_verified"], false);
    let token = app.last_mail_to("jane@x.example").await.token();
    let accept = json!({ "token": token });
    here.post("/v1/invitations/accept", accept)
        .await
        .expect_status(200);
    here.get(&school.path("")).await.expect_status(200);
    jane.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
});

/// Invites one address with a group; gives its result.
async fn invite(person: &Person<'_>, school: &Organization<'_>, email: &str, group: &str) -> Value {
    let body = json!({
        "emails": [email], "account_type": "student", "group_ids": [school.id_of(group)]
    });
    let invited = person.post(&school.path("/invitations"), body).await;
    invited.expect_status(200)["results"][0].clone()
}

async fn groups_of(school: &Organization<'_>, person: &Person<'_>) -> Value {
    let shown = school.admin.get(&school.path_of(&person.id)).await;
    shown.expect_status(200)["groups"].clone()
}

both_databases!(an_unverified_member_gets_the_groups_with_the_proof, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let (seven_a, elsewhere) = (school.new_group("7A").await, other.new_group("Club").await);
    // Somebody has registered an address that may be another's, and joined by a code.
    let squatter = app.register("jane@x.example").await;
    for organization in [&school, &other] {
        app.join(organization, &squatter, "student").await;
    }
    let before = app.mails().await.len();
    let result = invite(&school.admin, &school, "Jane@X.example", &seven_a).await;
    assert_eq!(result["outcome"], "already_member");
    assert_eq!(result["groups_added"], 0);
    assert_eq!(result["email_verified"], false);
    assert!(
        text(&result["detail"]).ends_with("added to the groups once they open it."),
        "{result}"
    );
    assert_eq!(app.mails().await.len(), before + 1);
    assert_eq!(groups_of(&school, &squatter).await, json!([]));
    invite(&other.admin, &other, "jane@x.example", &elsewhere).await;
    // A membership that ends takes what was promised along.
    let path = other.path_of(&squatter.id);
    other.admin.delete(&path).await.expect_status(204);
    prove(app, &squatter).await;
    let groups = groups_of(&school, &squatter).await;
    assert_eq!(groups[0]["name"], "7A");
    let page = school
        .admin
        .get(&school.path("/audit-events?action=group.members_added"))
        .await;
    let added = page.expect_status(200);
    assert_eq!(
        added["items"][0]["details"]["account_ids"],
        json!([squatter.id])
    );
    // Who is verified gets groups at once.
    let eight_b = school.new_group("8B").await;
    let result = invite(&school.admin, &school, "jane@x.example", &eight_b).await;
    assert_eq!(result["groups_added"], 1);
    assert_eq!(result["email_verified"], true);
    assert_eq!(result["detail"], json!(null));
});

both_databases!(who_is_verified_at_the_same_moment_gets_the_groups, |app| {
    use rollcall::services::verification;
    let school = app.school().await;
    let seven_a = school.new_group("7A").await;
    let jane = app.register("jane@x.example").await;
    app.join(&school, &jane, "student").await;
    let account = app.account(&jane.id);
    let verifies = move |tx: &mut rollcall::services::unit_of_work::UnitOfWork<'_>| {
        verification::verify_email(tx, &account).map(|_| ())
    };
    let body = json!({
        "emails": ["jane@x.example"], "account_type": "student",
        "group_ids": [school.id_of(&seven_a)],
    });
    let path = school.path("/invitations");
    let request = school.admin.post(&path, body);
    let answer = app.during(verifies, request, |_| Ok(())).await;
    let result = answer.expect_status(200)["results"][0].clone();
    assert_eq!(result["groups_added"], 1, "{result}");
    assert_eq!(groups_of(&school, &jane).await[0]["name"], "7A");
});

both_databases!(members_are_filtered_by_their_verified_address, |app| {
    let school = app.school().await;
    let csv = "email,password,username\nann@x.org,quiet rivers 11,Ann\n";
    school.import_students(csv).await;
    let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
    app.verify_email(&ann.id);
    for (verified, email) in [(true, "ann@x.org"), (false, school.admin.email.as_str())] {
        let path = format!("/members?email_verified={verified}");
        let page = school
            .admin
            .get(&school.path(&path))
            .await
            .expect_status(200);
        assert_eq!(page["items"].as_array().unwrap().len(), 1, "{page}");
        assert_eq!(page["items"][0]["email"], email);
        assert_eq!(page["items"][0]["email_verified"], verified);
        let path = format!("/members.csv?email_verified={verified}");
        let file = school.admin.get(&school.path(&path)).await;
        assert_eq!(file.text.lines().count(), 2, "{}", file.text);
        assert!(file.text.contains(email), "{}", file.text);
    }
});

both_databases!(staff_do_not_learn_of_members_whom_they_do_not_see, |app| {
    let school = app.school().await;
    let teacher = app.register("teacher@x.example").await;
    app.join(&school, &teacher, "teacher").await;
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&teacher.id], "manager").await;
    let jane = app.register("jane@x.example").await;
    app.join(&school, &jane, "student").await;
    let before = app.mails().await.len();
    let result = invite(&teacher, &school, "jane@x.example", &group).await;
    assert_eq!(result["outcome"], "already_member");
    assert_eq!(result["email_verified"], json!(null));
    assert_eq!(app.mails().await.len(), before);
    prove(app, &jane).await;
    assert_eq!(groups_of(&school, &jane).await, json!([]));
    let result = invite(&teacher, &school, "new@x.example", &group).await;
    assert_eq!(result["email_verified"], false);
});

/// Who may make Rollcall write to others, where mail leaves by SMTP and where it stays in a folder.
async fn write_to_others(app: &App, leaves: bool) {
    let school = app.school().await;
    let csv = "email,password,username\nann@x.org,quiet rivers 11,Ann\n";
    school.import_students(csv).await;
    let page = school.admin.get(&school.path("/members?search=ann")).await;
    let ann = text(&page.expect_status(200)["items"][0]["account_id"]);
    let names = json!({ "usernames": ["Bob Stone"], "account_type": "student" });
    let imported = school
        .admin
        .post(&school.path("/imports/usernames"), names)
        .await;
    imported.expect_status(202);
    app.drain().await;
    let page = school.admin.get(&school.path("/members?search=bob")).await;
    let bob = text(&page.expect_status(200)["items"][0]["account_id"]);
    let invite = json!({ "emails": ["new@x.example"], "account_type": "student" });
    let invited = school
        .admin
        .post(&school.path("/invitations"), invite)
        .await;
    let invited = invited.expect_status(200);
    let invitation = text(&invited["results"][0]["invitation_id"]);
    app.unverify(&school.admin.id);
    let resend = format!("/invitations/{invitation}/resend");
    let help = format!("/members/{ann}/password-reset");
    let again = json!({ "emails": ["more@x.example"], "account_type": "student" });
    for (path, body) in [
        ("/invitations", again),
        (resend.as_str(), json!(null)),
        (help.as_str(), json!({})),
    ] {
        let request = school
            .admin
            .request(reqwest::Method::POST, &school.path(path));
        let answer = crate::support::people::send(match body {
            Value::Null => request,
            body => request.json(&body),
        });
        let answer = answer.await;
        if leaves {
            answer.expect_problem(403, "email_not_verified");
        } else {
            answer.expect_status(200);
        }
    }
    // Nobody is written to at a made-up address.
    let help = school.path(&format!("/members/{bob}/password-reset"));
    school.admin.post(&help, json!({})).await.expect_status(200);
}

both_databases!(mail_into_a_folder_needs_no_verified_sender, |app| {
    write_to_others(app, false).await;
});

#[test]
fn mail_that_leaves_needs_a_verified_sender() {
    let server = SmtpServer::plain();
    let configure = |config: &mut rollcall::config::Config| server.configure(config);
    let app = App::on_sqlite_with(configure);
    crate::support::app::block_on(write_to_others(&app, true));
    if let Some(app) = App::on_postgres_with(configure) {
        crate::support::app::block_on(write_to_others(&app, true));
    }
}
