//! Organizations, and who may do what in them (`docs/permissions.md`).

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use rollcall::domain::audit::AuditAction;
use rollcall::domain::ids::OrganizationId;
use rollcall::store::sql_types::JsonColumn;
use serde_json::json;

use crate::support::both_databases;
use crate::support::operations::signed_on;
use crate::support::people::{PASSWORD, Person, seats_in_total, send};

both_databases!(who_creates_an_organization_is_its_first_admin, |app| {
    let ann = app.register("ann@x.org").await;
    let body = json!({ "name": "  Hill Road School ", "kind": "school" });
    let created = ann.post("/v1/organizations", body).await;
    let school = created.expect(
        201,
        json!({
            "id": "<uuid>",
            "name": "Hill Road School",
            "kind": "school",
            "slug": "hill-road-school",
            "default_account_type": "student",
            "created_at": "2026-09-01T07:30:00Z",
        }),
    );
    let path = format!("/v1/organizations/{}", school["id"].as_str().unwrap());
    assert_eq!(created.header("location"), path);
    ann.get(&path).await.expect(200, school.clone());
    let memberships = ann.get("/v1/me/memberships").await;
    memberships.expect(
        200,
        json!({ "items": [{
            "organization": school,
            "account_type": "teacher",
            "role": "admin",
            "status": "active",
            "joined_via": "founder",
            "joined_at": "2026-09-01T07:30:00Z",
        }] }),
    );
});

both_databases!(names_may_be_alike_and_slugs_are_numbered, |app| {
    let mut slugs = Vec::new();
    for number in 0..3 {
        let ann = app.register(&format!("ann{number}@x.org")).await;
        let body = json!({ "name": "Äiti & Söhne", "kind": "enterprise" });
        let created = ann.post("/v1/organizations", body).await.expect_status(201);
        slugs.push(created["slug"].as_str().unwrap().to_owned());
    }
    assert_eq!(slugs, ["aiti-sohne", "aiti-sohne-2", "aiti-sohne-3"]);
});

both_databases!(an_organization_is_changed_by_its_admin, |app| {
    let school = app.school().await;
    let path = school.path("");
    let changes =
        json!({ "name": "Hill Road", "slug": "hill-road", "default_account_type": "teacher" });
    let changed = school.admin.patch(&path, changes).await.expect_status(200);
    assert_eq!(changed["slug"], "hill-road");
    assert_eq!(changed["default_account_type"], "teacher");
    school
        .admin
        .patch(&path, json!({}))
        .await
        .expect(200, changed);
    let taken = json!({ "slug": "busy-company" });
    school
        .admin
        .patch(&path, taken)
        .await
        .expect_problem(409, "name_taken");
    let other_kind = json!({ "default_account_type": "learner" });
    school
        .admin
        .patch(&path, other_kind)
        .await
        .expect_problem(422, "account_type_not_in_kind");
    let kind = json!({ "kind": "enterprise" });
    school
        .admin
        .patch(&path, kind)
        .await
        .expect_problem(400, "malformed_request");
    let bad = json!({ "name": " ", "slug": "No Slug" });
    let refused = school.admin.patch(&path, bad).await;
    refused.expect_fields(&[("/name", "missing"), ("/slug", "slug_invalid")]);
});

both_databases!(
    deleting_takes_what_is_the_organizations_own_and_nothing_else,
    |app| {
        let school = app.school().await;
        let csv = "email,password,username\nann@x.org,quiet rivers 11,Ann\nbob@x.org,quiet rivers 12,Bob\n";
        school.import_students(csv).await;
        let bob = app.sign_in("bob@x.org", "quiet rivers 12").await;
        let club = json!({ "name": "Bob's Club", "kind": "school" });
        bob.post("/v1/organizations", club).await.expect_status(201);
        school
            .admin
            .delete(&school.path(""))
            .await
            .expect_status(204);
        school
            .admin
            .get(&school.path(""))
            .await
            .expect_problem(404, "not_found");
        // Ann was the school's alone; Bob is in a club of his own; the admin had registered
        // herself.
        let ann = json!({ "email": "ann@x.org", "password": "quiet rivers 11" });
        app.anonymous()
            .post("/v1/auth/login", ann)
            .await
            .expect_problem(401, "wrong_credentials");
        app.sign_in("bob@x.org", "quiet rivers 12").await;
        app.sign_in(&school.admin.email, PASSWORD).await;
        app.sign_in("person1@busy.example", "Busy bees 1 buzz")
            .await;
    }
);

both_databases!(
    only_operators_create_where_the_configuration_says_so,
    |app| {
        // The service is asked directly: the configuration of a running application stands.
        use rollcall::config::OrganizationCreation;
        use rollcall::domain::ids::SessionId;
        use rollcall::domain::organization::OrganizationKind;
        use rollcall::services::context::{Principal, RequestContext, SessionPrincipal};
        use rollcall::services::organizations::{self, NewOrganization};
        use rollcall::store::accounts;
        let mut services = app.state.services.clone();
        let mut config = (*services.config).clone();
        config.organization_creation = OrganizationCreation::Operators;
        services.config = config.into();
        let create = |email: &str| {
            let email = email.parse().unwrap();
            let found = app.as_cli(|tx| accounts::find_by_email(tx.connection, &email));
            let session = SessionPrincipal {
                account: found.unwrap().unwrap(),
                session: rollcall::clock::new_id::<SessionId>(),
                signed_in_at: app.now(),
                by_connection: false,
                confined_to: None,
            };
            let context = RequestContext::anonymous("test", app.now())
                .with_principal(Principal::Session(session));
            let new = NewOrganization {
                name: "New".to_owned(),
                kind: OrganizationKind::School,
            };
            services.run(&context, |tx| organizations::create(tx, new))
        };
        app.register("ann@x.org").await;
        app.operator().await;
        let refused = create("ann@x.org").map(drop).unwrap_err();
        assert_eq!(refused.code(), rollcall::error::Code::Forbidden);
        assert!(create("operator@rollcall.example").is_ok());
    }
);

both_databases!(lists_show_ones_own_and_an_operator_all, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let names = |page: serde_json::Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().clone();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let own = school
        .admin
        .get("/v1/organizations")
        .await
        .expect_status(200);
    assert_eq!(names(own), ["Hill Road School"]);
    let first = operator.get("/v1/organizations?limit=1").await;
    let page = first.expect_status(200);
    assert_eq!(names(page.clone()), ["Busy Company"]);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(
        first.header("link"),
        format!("</v1/organizations?limit=1&cursor={cursor}>; rel=\"next\"")
    );
    let path = format!("/v1/organizations?limit=1&cursor={cursor}");
    let second = operator.get(&path).await.expect_status(200);
    assert!(second["next_cursor"].is_null());
    assert_eq!(names(second), ["Hill Road School"]);
});

both_databases!(groups_are_made_by_staff_and_seen_by_their_members, |app| {
    let school = app.school().await;
    school
        .import_students("email,password,username\nann@x.org,quiet rivers 11,Ann\n")
        .await;
    let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
    let groups = school.path("/groups");
    let body = json!({ "name": "7A", "description": "Ms Green's class" });
    school.admin.post(&groups, body.clone()).await.expect(
        201,
        json!({
            "id": "<uuid>",
            "name": "7A",
            "description": "Ms Green's class",
            "member_count": 1,
            "my_role": "manager",
            "created_at": "2026-09-01T07:30:00Z",
        }),
    );
    school
        .admin
        .post(&groups, json!({ "name": "7a" }))
        .await
        .expect_problem(409, "name_taken");
    ann.post(&groups, body)
        .await
        .expect_problem(403, "forbidden");
    ann.get(&groups)
        .await
        .expect(200, json!({ "items": [], "next_cursor": null }));
    let all = school.admin.get(&groups).await.expect_status(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
});

// `docs/permissions.md` for every operation on an organization: what outsiders may not see answers
// 404, what members see but may not do answers 403.
both_databases!(every_operation_on_an_organization_asks_who_calls, |app| {
    let school = app.school().await;
    let csv =
        "email,password,username\nann@x.org,quiet rivers 11,Ann\ntom@x.org,quiet rivers 12,Tom\n";
    let import = school.import_students(csv).await;
    let student = app.sign_in("ann@x.org", "quiet rivers 11").await;
    let teacher = app.sign_in("tom@x.org", "quiet rivers 12").await;
    app.verify_email_by_reset(&teacher.id);
    let teach = json!({ "account_type": "teacher" });
    let of_teacher = school.path(&format!("/members/{}", teacher.id));
    school
        .admin
        .patch(&of_teacher, teach)
        .await
        .expect_status(200);
    let teacher = app.sign_in("tom@x.org", "quiet rivers 12").await;
    let operator = app.operator().await;
    let outsider = app
        .sign_in("person1@busy.example", "Busy bees 1 buzz")
        .await;
    let anonymous = app.anonymous();

    let group = json!({ "name": "Choir" });
    let group = school.admin.post(&school.path("/groups"), group).await;
    let group = group.expect_status(201)["id"].as_str().unwrap().to_owned();
    let import = import["id"].as_str().unwrap();
    let account = student.id.as_str();
    let code = format!("/groups/{group}/invite-code");
    let grant = format!("/groups/{group}/grants/course/algebra-1");
    let set = school.admin.put(&school.path(&grant), json!({})).await;
    set.expect_status(200);
    let invite = json!({ "emails": ["new@x.org"], "account_type": "student" });
    let invited = school
        .admin
        .post(&school.path("/invitations"), invite)
        .await;
    let invited = invited.expect_status(200)["results"][0]["invitation_id"].clone();
    let invited = invited.as_str().unwrap();
    let key = json!({ "name": "Timetable", "scopes": ["audit:read"] });
    let key = school.admin.post(&school.path("/api-keys"), key).await;
    let key = key.expect_status(201)["id"].clone();
    let key = key.as_str().unwrap();
    let (domain, join_request) = school.asked_to_join().await;
    let sign_on = signed_on(&school).await;
    let connection = format!("/connections/{}", sign_on["connection_id"]);
    let diagnosis = sign_on["reference"].as_str();
    let identities = format!("/members/{account}/identities");
    // Method and path; then what operator, admin, teacher and student are answered: `y` for well,
    // `n` for 403, `-` for 404, which for a teacher is "not in a group of theirs".
    let table = [
        ("GET", String::new(), "yyyy"),
        ("PATCH", String::new(), "yynn"),
        ("GET", "/seats".to_owned(), "yynn"),
        ("PUT", "/seats".to_owned(), "ynnn"),
        ("GET", "/members".to_owned(), "yyyn"),
        ("GET", format!("/members/{account}"), "yy-n"),
        ("PATCH", format!("/members/{account}"), "yynn"),
        ("GET", "/groups".to_owned(), "yyyy"),
        ("GET", "/members.csv".to_owned(), "yyyn"),
        ("POST", "/members/bulk-update".to_owned(), "yynn"),
        ("POST", format!("/members/{account}/deactivate"), "yynn"),
        ("POST", format!("/members/{account}/reactivate"), "yynn"),
        ("POST", format!("/members/{account}/password-reset"), "yy-n"),
        ("DELETE", format!("/members/{account}"), "yynn"),
        ("POST", "/groups".to_owned(), "yyyn"),
        ("GET", "/invite-code".to_owned(), "yynn"),
        ("PATCH", "/invite-code".to_owned(), "yynn"),
        ("POST", "/invite-code/reset".to_owned(), "yynn"),
        ("GET", "/invite-code/qr".to_owned(), "yynn"),
        ("GET", "/invite-code/uses".to_owned(), "yynn"),
        ("GET", code.clone(), "yy-n"),
        ("PATCH", code.clone(), "yy-n"),
        ("POST", format!("{code}/reset"), "yy-n"),
        ("GET", format!("{code}/qr"), "yy-n"),
        ("GET", format!("{code}/uses"), "yy-n"),
        ("GET", format!("/groups/{group}"), "yy--"),
        ("PATCH", format!("/groups/{group}"), "yy-n"),
        ("GET", format!("/groups/{group}/members"), "yy-n"),
        ("POST", format!("/groups/{group}/members"), "yy-n"),
        ("POST", format!("/groups/{group}/members/remove"), "yy-n"),
        (
            "PATCH",
            format!("/groups/{group}/members/{account}"),
            "yy-n",
        ),
        ("GET", format!("/groups/{group}/grants"), "yy-n"),
        ("GET", grant.clone(), "yy-n"),
        ("PUT", grant.clone(), "yynn"),
        ("DELETE", grant, "yynn"),
        // Of the student: they may ask of themselves.
        ("GET", "/access".to_owned(), "yy-y"),
        ("POST", "/access".to_owned(), "yy-y"),
        ("DELETE", format!("/groups/{group}"), "yy-n"),
        ("GET", "/invitations".to_owned(), "yyyn"),
        ("POST", "/invitations".to_owned(), "yyyn"),
        ("GET", format!("/invitations/{invited}"), "yy-n"),
        ("POST", format!("/invitations/{invited}/resend"), "yy-n"),
        ("POST", format!("/invitations/{invited}/revoke"), "yy-n"),
        ("GET", "/imports".to_owned(), "yyyn"),
        ("POST", "/imports".to_owned(), "yynn"),
        ("POST", "/imports/usernames".to_owned(), "yynn"),
        ("GET", format!("/imports/{import}"), "yy-n"),
        ("GET", format!("/imports/{import}/rows"), "yy-n"),
        ("GET", format!("/imports/{import}/userlist.csv"), "yy-n"),
        ("GET", format!("/imports/{import}/errors.csv"), "yy-n"),
        ("POST", format!("/imports/{import}/cancel"), "yy-n"),
        ("DELETE", format!("/imports/{import}/credentials"), "yy-n"),
        ("GET", "/api-keys".to_owned(), "yynn"),
        ("POST", "/api-keys".to_owned(), "yynn"),
        ("DELETE", format!("/api-keys/{key}"), "yynn"),
        ("GET", "/connections".to_owned(), "yynn"),
        ("POST", "/connections".to_owned(), "yynn"),
        ("GET", connection.clone(), "yynn"),
        ("PATCH", connection.clone(), "yynn"),
        ("POST", format!("{connection}/activate"), "yynn"),
        ("POST", format!("{connection}/pause"), "yynn"),
        ("POST", format!("{connection}/refresh"), "yynn"),
        ("POST", format!("{connection}/rules/preview"), "yynn"),
        ("POST", format!("{connection}/tests"), "yynn"),
        (
            "GET",
            format!("{connection}/tests/{}", sign_on["test_id"]),
            "yynn",
        ),
        ("GET", "/sign-in-policy".to_owned(), "yynn"),
        ("GET", "/setup-links".to_owned(), "yynn"),
        ("POST", "/setup-links".to_owned(), "yynn"),
        (
            "DELETE",
            format!("/setup-links/{}", sign_on["setup_link_id"]),
            "yynn",
        ),
        ("PUT", "/sign-in-policy".to_owned(), "yynn"),
        ("GET", "/diagnoses".to_owned(), "yynn"),
        ("GET", format!("/diagnoses/{diagnosis}"), "yynn"),
        ("GET", identities.clone(), "yynn"),
        (
            "DELETE",
            format!("{identities}/{}", sign_on["identity_id"]),
            "--nn",
        ),
        ("DELETE", connection.clone(), "yynn"),
        ("GET", "/audit-events".to_owned(), "yynn"),
        ("GET", "/join-requests".to_owned(), "yynn"),
        (
            "POST",
            format!("/join-requests/{join_request}/approve"),
            "yynn",
        ),
        (
            "POST",
            format!("/join-requests/{join_request}/decline"),
            "yynn",
        ),
        ("GET", "/domains".to_owned(), "yynn"),
        ("POST", "/domains".to_owned(), "yynn"),
        ("GET", format!("/domains/{domain}"), "yynn"),
        ("PATCH", format!("/domains/{domain}"), "yynn"),
        ("POST", format!("/domains/{domain}/check"), "yynn"),
        ("DELETE", format!("/domains/{domain}"), "yynn"),
        ("DELETE", String::new(), "yynn"),
    ];
    let lines: Vec<(&str, &str)> = table.iter().map(|(m, p, _)| (*m, p.as_str())).collect();
    let ids = [
        ("{account_id}", account),
        ("{api_key_id}", key),
        ("{domain_id}", &domain),
        ("{join_request_id}", &join_request),
        ("{group_id}", &group),
        ("{import_id}", import),
        ("{invitation_id}", invited),
        ("{resource_type}", "course"),
        ("{resource_id}", "algebra-1"),
        ("{connection_id}", sign_on["connection_id"].as_str()),
        ("{setup_link_id}", sign_on["setup_link_id"].as_str()),
        ("{test_id}", sign_on["test_id"].as_str()),
        ("{identity_id}", sign_on["identity_id"].as_str()),
        ("{reference}", diagnosis),
    ];
    assert_covers_the_document(&lines, &ids);
    for (method, below, answers) in &table {
        let method: Method = method.parse().unwrap();
        let ask = async |who: &Person<'_>| {
            let request = request(who, &method, &school.path(below));
            if below == "/access" && method == Method::GET {
                return send(request.query(&question(account))).await;
            }
            send(request).await
        };
        ask(&anonymous).await.expect_problem(401, "not_signed_in");
        ask(&outsider).await.expect_problem(404, "not_found");
        // The least powerful first: the last line of the table deletes.
        let callers = [&student, &teacher, &school.admin, &operator];
        for (who, expected) in callers.iter().zip(answers.chars().rev()) {
            match expected {
                'y' if method == Method::GET => {
                    let answer = ask(who).await;
                    assert_eq!(answer.status, 200, "{method} {below}: {}", answer.text);
                }
                // Other tests do it; here it would get in the way of the next line.
                'y' => {}
                'n' => drop(ask(who).await.expect_problem(403, "forbidden")),
                _ => drop(ask(who).await.expect_problem(404, "not_found")),
            }
        }
    }
});

/// Whether this account may open a resource.
fn question(account: &str) -> [(&'static str, &str); 3] {
    [
        ("account_id", account),
        ("resource_type", "course"),
        ("resource_id", "algebra-1"),
    ]
}

/// A request that is well-formed, so that nothing but who asks decides.
fn request(who: &Person<'_>, method: &Method, path: &str) -> reqwest::RequestBuilder {
    let request = who.request(method.clone(), path);
    if path.ends_with("/rules/preview") {
        return request.json(&json!({}));
    }
    if path.ends_with("/seats") {
        return request.json(&seats_in_total(None));
    }
    if *method == Method::POST && path.ends_with("/imports") {
        let form = Form::new().text("account_type", "student");
        return request.multipart(form.part("file", Part::text("email,password,username\n")));
    }
    if *method == Method::POST && path.ends_with("/usernames") {
        return request.json(&json!({ "usernames": ["Jane"], "account_type": "student" }));
    }
    if *method == Method::POST && path.ends_with("/groups") {
        return request.json(&json!({ "name": "7A" }));
    }
    if *method == Method::POST && path.ends_with("/approve") {
        return request.json(&json!({ "account_type": "student" }));
    }
    if *method == Method::POST && path.ends_with("/domains") {
        return request.json(&json!({ "domain": "other.example" }));
    }
    if *method == Method::POST && path.ends_with("/connections") {
        return request.json(&json!({
            "name": "Accounts", "kind": "oidc", "preset": "generic", "issuer": "https://idp.example",
            "client_id": "rollcall", "client_secret": "secret",
        }));
    }
    if *method == Method::POST && path.ends_with("/setup-links") {
        let connection = "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11";
        return request.json(&json!({ "connection_id": connection }));
    }
    if *method == Method::PUT && path.ends_with("/sign-in-policy") {
        return request.json(&json!({ "required": false, "emergency_admins": [] }));
    }
    if *method == Method::POST && path.ends_with("/api-keys") {
        return request.json(&json!({ "name": "Timetable", "scopes": ["audit:read"] }));
    }
    if *method == Method::POST
        && ["/bulk-update", "/members", "/remove"]
            .iter()
            .any(|end| path.ends_with(end))
    {
        return request.json(&json!({ "account_ids": ["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11"] }));
    }
    if *method == Method::POST && path.ends_with("/access") {
        let resources = json!([{ "type": "course", "id": "algebra-1" }]);
        let account = "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11";
        return request.json(&json!({ "account_id": account, "resources": resources }));
    }
    if *method == Method::PATCH && path.contains("/groups/") && path.contains("/members/") {
        return request.json(&json!({ "role": "member" }));
    }
    if *method == Method::POST && path.ends_with("/invitations") {
        let body = json!({ "emails": ["other@x.org"], "account_type": "student" });
        return request.json(&body);
    }
    request.json(&json!({}))
}

/// A new operation without a line in the table fails here.
fn assert_covers_the_document(table: &[(&str, &str)], ids: &[(&str, &str)]) {
    let document: serde_json::Value =
        serde_json::from_str(&rollcall::openapi::to_json().unwrap()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        let Some(below) = path.strip_prefix("/v1/organizations/{organization_id}") else {
            continue;
        };
        let below = ids.iter().fold(below.to_owned(), |below, (name, id)| {
            below.replace(name, id)
        });
        for method in item.as_object().unwrap().keys() {
            let method = method.to_uppercase();
            assert!(
                table.contains(&(method.as_str(), below.as_str())),
                "{method} {path} has no line in the table of who may do what"
            );
        }
    }
}

both_databases!(
    an_admin_whose_account_the_organization_manages_can_delete_it,
    |app| {
        let school = app.school().await;
        let csv = "email,password,username\nann@x.org,quiet rivers 11,Ann\n";
        school.import_students(csv).await;
        let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
        let of_ann = school.path(&format!("/members/{}", ann.id));
        let admin = json!({ "role": "admin" });
        app.verify_email_by_reset(&ann.id);
        school.admin.patch(&of_ann, admin).await.expect_status(200);
        let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
        ann.delete(&school.path("")).await.expect_status(204);
        ann.get("/v1/me").await.expect_problem(401, "not_signed_in");
    }
);

both_databases!(any_number_of_organizations_may_have_one_name, |app| {
    let ann = app.register("ann@x.org").await;
    // More than numbers are tried for their slugs.
    for _ in 0..23 {
        let body = json!({ "name": "Test", "kind": "school" });
        ann.post("/v1/organizations", body).await.expect_status(201);
    }
});

both_databases!(a_deletion_names_the_accounts_that_go_with_it, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::audit_events;
    let school = app.school().await;
    let students = "email,password,username\n\
        ann@x.org,quiet rivers 11,Ann\nbob@x.org,quiet rivers 12,Bob\n";
    school.import_students(students).await;
    let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
    // An admin whose own account goes too.
    app.verify_email_by_reset(&ann.id);
    let admin = json!({ "role": "admin" });
    school
        .admin
        .patch(&school.path_of(&ann.id), admin)
        .await
        .expect_status(200);
    let ann = app.sign_in("ann@x.org", "quiet rivers 11").await;
    ann.delete(&school.path("")).await.expect_status(204);
    let mut connection = app.state.services.pool.get().unwrap();
    let mut deleted: Vec<serde_json::Value> = audit_events::table
        .filter(audit_events::action.eq(AuditAction::AccountDeleted))
        .filter(audit_events::actor_name.eq("ann@x.org"))
        .select(audit_events::details)
        .load::<JsonColumn>(&mut **connection)
        .unwrap()
        .into_iter()
        .map(|details| details.0["email"].clone())
        .collect();
    deleted.sort_by_key(ToString::to_string);
    assert_eq!(deleted, ["ann@x.org", "bob@x.org"]);
});

both_databases!(one_that_is_deleted_meanwhile_is_not_found, |app| {
    use rollcall::store::organizations;
    let school = app.school().await;
    let id: OrganizationId = school.id.parse().unwrap();
    let changed = app
        .during(
            move |tx| organizations::delete(tx.connection, id).map(|_| ()),
            school
                .admin
                .patch(&school.path(""), json!({ "name": "Hill" })),
            |_| Ok(()),
        )
        .await;
    changed.expect_problem(404, "not_found");
});

both_databases!(who_leaves_all_while_one_is_being_deleted_is_gone, |app| {
    use rollcall::store::organizations;
    let school = app.school().await;
    let other = app.organization("Valley School", "school").await;
    let jane = app.register("jane@x.org").await;
    app.join(&school, &jane, "student").await;
    app.join(&other, &jane, "student").await;
    let id = school.id.parse::<OrganizationId>().unwrap();
    let answer = app
        .during(
            move |tx| organizations::lock(tx.connection, id).map(drop),
            jane.delete("/v1/me"),
            move |tx| organizations::delete(tx.connection, id).map(drop),
        )
        .await;
    answer.expect_status(204);
    let members = other.admin.get(&other.path("/members")).await;
    let members = members.expect_status(200);
    assert_eq!(members["items"].as_array().unwrap().len(), 1);
});
