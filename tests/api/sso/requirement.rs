//! Organizations that require single sign-on.

use super::*;
use crate::support::TestResponse;
use crate::support::people::PASSWORD;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn set_policy(
    school: &Organization<'_>,
    required: bool,
    admins: &[&Person<'_>],
) -> TestResponse {
    let admins: Vec<_> = admins.iter().map(|admin| admin.id.as_str()).collect();
    let policy = json!({ "required": required, "emergency_admins": admins });
    let path = school.path("/sign-in-policy");
    school.admin.put(&path, policy).await
}

/// Requires single sign-on, with the first admin for emergencies.
async fn require(school: &Organization<'_>) {
    let set = set_policy(school, true, &[&school.admin]).await;
    let policy = json!({ "required": true, "emergency_admins": [school.admin.id] });
    set.expect(200, policy);
}

/// Somebody whom the school lets in, with the password of everybody.
async fn member<'a>(app: &'a App, school: &Organization<'_>, name: &str) -> Person<'a> {
    let member = app.register(&format!("{name}@else.example")).await;
    app.join(school, &member, "teacher").await;
    member
}

async fn admin<'a>(app: &'a App, school: &Organization<'_>, name: &str) -> Person<'a> {
    let admin = member(app, school, name).await;
    app.verify_email(&admin.id);
    let path = school.path(&format!("/members/{}", admin.id));
    let promoted = school.admin.patch(&path, json!({ "role": "admin" })).await;
    promoted.expect_status(200);
    app.sign_in(&admin.email, PASSWORD).await
}

/// An API key that somebody creates.
async fn key_of<'a>(who: &Person<'a>, school: &Organization<'_>) -> Person<'a> {
    let key = json!({ "name": "Timetable", "scopes": ["members:read"] });
    let created = who.post(&school.path("/api-keys"), key).await;
    Person {
        access_token: Some(text(&created.expect_status(201)["key"])),
        ..Person::anonymous(who.app)
    }
}

/// Adds the proof of the school to somebody's session.
async fn step_up(
    who: &Person<'_>,
    connection: &Value,
    as_whom: (&IdentityProvider, Value),
) -> TestResponse {
    let more = json!({ "purpose": "step_up" });
    let end = go_round(who, connection, as_whom, more).await;
    exchange(who.app, &ticket_of(&end)).await
}

both_databases!(it_takes_a_connection_and_an_emergency_admin, |app| {
    let school = app.school().await;
    let path = school.path("/sign-in-policy");
    let open = json!({ "required": false, "emergency_admins": [] });
    school.admin.get(&path).await.expect(200, open.clone());
    let require = async |admins: &[&Person<'_>]| set_policy(&school, true, admins).await;
    let refused = require(&[&school.admin]).await;
    refused.expect_problem(409, "connection_not_active");
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let of_connection = path_of(&school, &connection);
    require(&[])
        .await
        .expect_problem(409, "emergency_admin_required");
    let tess = member(app, &school, "tess").await;
    let other = app.organization("Other School", "school").await;
    for nobody in [&tess, &other.admin] {
        let refused = require(&[&school.admin, nobody]).await;
        refused.expect_fields(&[("/emergency_admins", "not_an_admin")]);
    }
    // Whoever has not used a password for a month may not know it.
    app.advance(31 * DAY);
    let signed_in = async || Organization {
        id: school.id.clone(),
        slug: school.slug.clone(),
        admin: app.sign_in(&school.admin.email, PASSWORD).await,
    };
    let ulf = admin(app, &signed_in().await, "ulf").await;
    app.advance(31 * DAY);
    let path = school.path("/sign-in-policy");
    let old = json!({ "required": true, "emergency_admins": [ulf.id] });
    let school = signed_in().await;
    let refused = school.admin.put(&path, old).await;
    refused.expect_problem(409, "emergency_admin_required");
    // What was changed has to be tested again.
    let secret = json!({ "client_secret": CLIENT_SECRET });
    let changed = school.admin.patch(&of_connection, secret).await;
    changed.expect_status(200);
    let refused = set_policy(&school, true, &[&school.admin]).await;
    refused.expect_problem(409, "connection_not_tested");
    test(&school, &connection, &provider, json!({ "sub": "tester" })).await;
    let set = set_policy(&school, true, &[&school.admin, &ulf, &school.admin]).await;
    assert_eq!(
        set.expect_status(200)["emergency_admins"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    set_policy(&school, false, &[]).await.expect(200, open);
    let changes = school.events("policy.changed").await;
    assert_eq!(changes.as_array().unwrap().len(), 2);
    assert_eq!(changes[0]["details"]["required"], false);
    assert_eq!(changes[1]["details"]["required"], true);
});

both_databases!(its_doors_open_to_its_own_proof_only, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    let hours = json!({ "session_hours": 2 });
    school.admin.patch(&path, hours).await.expect_status(200);
    let ann = admin(app, &school, "ann").await;
    let club = app
        .organization_of(member(app, &school, "tess").await, "Chess Club", "school")
        .await;
    let tess = &club.admin;
    let (key, of_boss) = (
        key_of(&ann, &school).await,
        key_of(&school.admin, &school).await,
    );
    tess.get(&school.path("/groups")).await.expect_status(200);
    require(&school).await;
    // At once, in the sessions that there are.
    for (who, below) in [
        (tess, ""),
        (tess, "/groups"),
        (tess, "/members"),
        (tess, "/connections"),
        (&ann, "/members"),
        (&ann, "/audit-events"),
        (&ann, "/sign-in-policy"),
    ] {
        let refused = who.get(&school.path(below)).await;
        let problem = refused.expect_problem(403, "sso_required");
        assert_eq!(
            problem["connections"],
            json!([{
                "id": connection["id"], "name": "School accounts", "kind": "oidc",
                "organization": { "id": school.id, "name": "Hill Road School" },
            }])
        );
    }
    let group = json!({ "name": "7A" });
    let refused = tess.post(&school.path("/groups"), group.clone()).await;
    refused.expect_problem(403, "sso_required");
    let lifted = json!({ "required": false, "emergency_admins": [] });
    let refused = ann.put(&school.path("/sign-in-policy"), lifted).await;
    refused.expect_problem(403, "sso_required");
    // What is their own stays theirs, and so do other organizations.
    tess.get("/v1/me").await.expect_status(200);
    tess.get("/v1/me/memberships").await.expect_status(200);
    tess.get(&club.path("/members")).await.expect_status(200);
    // A key goes on whose creator has a way in; operators are Rollcall's.
    let refused = key.get(&school.path("/members")).await;
    let problem = refused.expect_problem(403, "sso_required");
    assert_eq!(problem["connections"][0]["id"], connection["id"]);
    of_boss
        .get(&school.path("/members"))
        .await
        .expect_status(200);
    let operator = app.operator().await;
    operator
        .get(&school.path("/members"))
        .await
        .expect_status(200);
    // Emergency admins come with a password.
    school
        .admin
        .get(&school.path("/members"))
        .await
        .expect_status(200);
    // Others add the proof, for as long as it is good.
    let claims = json!({ "sub": "tess-1" });
    let stepped = step_up(tess, &connection, (&provider, claims.clone())).await;
    assert_eq!(stepped.expect_status(200)["outcome"], "stepped_up");
    tess.post(&school.path("/groups"), group)
        .await
        .expect_status(201);
    app.advance(Duration::from_secs(2 * 60 * 60));
    let refresh = json!({ "refresh_token": tess.refresh_token });
    let refreshed = app.anonymous().post("/v1/auth/refresh", refresh).await;
    let tess = holder(app, &refreshed.expect_status(200));
    let ended = tess.get(&school.path("/groups")).await;
    ended.expect_problem(403, "sso_required");
    tess.get(&club.path("/groups")).await.expect_status(200);
    // Or sign in by it.
    let came = come(&school, &connection, &provider, claims).await;
    let by_school = holder(app, &came.expect_status(200));
    by_school
        .get(&school.path("/groups"))
        .await
        .expect_status(200);
    // A password opens nothing there.
    let ways = format!("/v1/sign-in/organizations/{}", school.slug);
    let ways = app.anonymous().get(&ways).await.expect_status(200);
    assert_eq!(ways["password"], false);
    assert_eq!(ways["connections"][0]["id"], connection["id"]);
});

both_databases!(another_organizations_proof_is_none, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    active(&school, &provider).await;
    let elsewhere = active(&other, &provider).await;
    let tess = member(app, &school, "tess").await;
    app.join(&other, &tess, "teacher").await;
    require(&school).await;
    let as_whom = (&provider, json!({ "sub": "tess-1" }));
    step_up(&tess, &elsewhere, as_whom).await.expect_status(200);
    tess.get(&other.path("/groups")).await.expect_status(200);
    let refused = tess.get(&school.path("/groups")).await;
    refused.expect_problem(403, "sso_required");
});

both_databases!(nobody_is_locked_out, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    let boss = &school.admin;
    let ann = admin(app, &school, "ann").await;
    require(&school).await;
    let pause = format!("{path}/pause");
    let refused = boss.post(&pause, Value::Null).await;
    refused.expect_problem(409, "last_sign_in_method");
    for query in ["", "?force=true"] {
        let refused = boss.delete(&format!("{path}{query}")).await;
        let refused = refused.expect_problem(409, "last_sign_in_method");
        let detail = text(&refused["detail"]);
        assert!(detail.contains("the only active connection"), "{detail}");
    }
    let ann = {
        let as_whom = (&provider, json!({ "sub": "ann-1" }));
        step_up(&ann, &connection, as_whom).await.expect_status(200);
        ann
    };
    // The last emergency admin stays one.
    let of_boss = school.path(&format!("/members/{}", boss.id));
    let own = format!("/v1/me/memberships/{}", school.id);
    let plain = json!({ "role": "member" });
    let me = json!({ "password": PASSWORD });
    let leaving = [
        ann.patch(&of_boss, plain.clone()).await,
        ann.post(&format!("{of_boss}/deactivate"), Value::Null)
            .await,
        boss.delete(&own).await,
        crate::support::people::send(boss.request(reqwest::Method::DELETE, "/v1/me").json(&me))
            .await,
    ];
    for refused in leaving {
        refused.expect_problem(409, "emergency_admin_required");
    }
    boss.get(&school.path("/members")).await.expect_status(200);
    // Another one frees them, and so does lifting it.
    let set = set_policy(&school, true, &[boss, &ann]).await;
    set.expect_status(200);
    ann.patch(&of_boss, plain).await.expect_status(200);
    let policy = ann.get(&school.path("/sign-in-policy")).await;
    let left = json!({ "required": true, "emergency_admins": [ann.id] });
    policy.expect(200, left);
    let refused = boss.get(&school.path("")).await;
    refused.expect_problem(403, "sso_required");
    let second = active(
        &Organization {
            id: school.id.clone(),
            slug: school.slug.clone(),
            admin: ann.clone(),
        },
        &provider,
    )
    .await;
    ann.delete(&path).await.expect_status(204);
    let lifted = json!({ "required": false, "emergency_admins": [ann.id] });
    ann.put(&school.path("/sign-in-policy"), lifted)
        .await
        .expect_status(200);
    let pause = format!("{}/pause", path_of(&school, &second));
    ann.post(&pause, Value::Null).await.expect_status(200);
    boss.get(&school.path("")).await.expect_status(200);
});

both_databases!(emergencies_leave_an_event, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    active(&school, &provider).await;
    let boss = &school.admin;
    app.sign_in(&boss.email, PASSWORD).await;
    let used = school.events("emergency.used").await;
    assert_eq!(used, json!([]));
    require(&school).await;
    app.sign_in(&boss.email, PASSWORD).await;
    let used = school.events("emergency.used").await;
    assert_eq!(used.as_array().unwrap().len(), 1);
    assert_eq!(used[0]["actor"]["account_id"], boss.id);
    assert_eq!(used[0]["subject"]["id"], boss.id);
});

both_databases!(a_password_alone_links_nobody_else, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let tess = member(app, &school, "tess").await;
    let own = (&provider, json!({ "sub": "tess-1" }));
    step_up(&tess, &connection, own.clone())
        .await
        .expect_status(200);
    require(&school).await;
    // Whoever has learned the password, and has an account at the identity provider.
    let thief = app.sign_in(&tess.email, PASSWORD).await;
    let theirs = (&provider, json!({ "sub": "thief-1" }));
    let refused = step_up(&thief, &connection, theirs).await;
    refused.expect_problem(409, "identity_taken");
    let identities = thief.get("/v1/me/identities").await.expect_status(200);
    let one = format!("/v1/me/identities/{}", text(&identities["items"][0]["id"]));
    let refused = thief.delete(&one).await;
    refused.expect_problem(403, "sso_required");
    let refused = thief.get(&school.path("")).await;
    refused.expect_problem(403, "sso_required");
    // The owner may.
    step_up(&tess, &connection, own).await.expect_status(200);
    tess.delete(&one).await.expect_status(204);
});

both_databases!(a_second_connection_takes_the_proof_of_the_first, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let first = active(&school, &provider).await;
    let named = json!({ "name": "Staff accounts" });
    let of_first = path_of(&school, &first);
    school
        .admin
        .patch(&of_first, named)
        .await
        .expect_status(200);
    let second = active(&school, &provider).await;
    let tess = member(app, &school, "tess").await;
    app.verify_email(&tess.id);
    let own = || (&provider, json!({ "sub": "tess-1" }));
    step_up(&tess, &first, own()).await.expect_status(200);
    require(&school).await;
    // Whoever has learned the password, and is somebody at the other provider.
    let thief = app.sign_in(&tess.email, PASSWORD).await;
    let theirs = json!({ "sub": "thief-1", "email": tess.email });
    let refused = |response: TestResponse| {
        let problem = response.expect_problem(409, "identity_taken");
        assert!(
            text(&problem["detail"]).contains("`Staff accounts`"),
            "{problem:#}"
        );
    };
    for purpose in ["step_up", "link"] {
        let more = json!({ "purpose": purpose });
        let end = go_round(&thief, &second, (&provider, theirs.clone()), more).await;
        refused(exchange(app, &ticket_of(&end)).await);
    }
    let came = come(&school, &second, &provider, theirs.clone()).await;
    let link = json!({ "link_token": came.expect_status(200)["link_token"] });
    refused(thief.post("/v1/me/identities", link).await);
    // Who reads the mailbox has no proof either.
    let came = come(&school, &second, &provider, theirs).await;
    let mut link = json!({ "link_token": came.expect_status(200)["link_token"] });
    let mailed = app
        .anonymous()
        .post("/v1/sign-in/link-mail", link.clone())
        .await;
    mailed.expect_status(202);
    let mail = app.last_mail_to(&tess.email).await;
    link["code"] = json!(mail.subject.split(' ').next().unwrap());
    refused(app.anonymous().post("/v1/sign-in/link", link).await);
    let closed = thief.get(&school.path("")).await;
    closed.expect_problem(403, "sso_required");
    // The proof of another organization is none of this one.
    let other = app.organization("Other School", "school").await;
    let elsewhere = active(&other, &provider).await;
    app.join(&other, &thief, "teacher").await;
    step_up(&thief, &elsewhere, own()).await.expect_status(200);
    let elsewhere = (&provider, json!({ "sub": "thief-2" }));
    refused(step_up(&thief, &second, elsewhere).await);
    // The owner has the proof, and brings another.
    step_up(&tess, &second, own()).await.expect_status(200);
    let identities = tess.get("/v1/me/identities").await.expect_status(200);
    assert_eq!(identities["items"].as_array().unwrap().len(), 3);
});

both_databases!(
    a_connection_that_is_paused_keeps_nobody_from_another,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let first = active(&school, &provider).await;
        let second = active(&school, &provider).await;
        let (tess, uma) = (
            member(app, &school, "tess").await,
            member(app, &school, "uma").await,
        );
        for (who, subject) in [(&tess, "tess-1"), (&uma, "uma-1")] {
            let as_whom = (&provider, json!({ "sub": subject }));
            step_up(who, &first, as_whom).await.expect_status(200);
        }
        require(&school).await;
        let of_first = path_of(&school, &first);
        let pause = format!("{of_first}/pause");
        let paused = school.admin.post(&pause, Value::Null).await;
        paused.expect_status(200);
        let tess = app.sign_in(&tess.email, PASSWORD).await;
        let moved = step_up(&tess, &second, (&provider, json!({ "sub": "tess-2" }))).await;
        moved.expect_status(200);
        school.admin.delete(&of_first).await.expect_status(204);
        let uma = app.sign_in(&uma.email, PASSWORD).await;
        let moved = step_up(&uma, &second, (&provider, json!({ "sub": "uma-2" }))).await;
        moved.expect_status(200);
        uma.get(&school.path("/groups")).await.expect_status(200);
    }
);

both_databases!(joining_opens_nothing_without_the_proof, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    require(&school).await;
    let code = school.admin.get(&school.path("/invite-code")).await;
    let code = json!({ "code": code.expect_status(200)["code"] });
    let nora = app.register("nora@else.example").await;
    nora.post("/v1/invite-codes/redeem", code)
        .await
        .expect_status(200);
    let refused = nora.get(&school.path("")).await;
    refused.expect_problem(403, "sso_required");
    let as_whom = (&provider, json!({ "sub": "nora-1" }));
    step_up(&nora, &connection, as_whom)
        .await
        .expect_status(200);
    nora.get(&school.path("")).await.expect_status(200);
});

both_databases!(what_somebody_made_goes_on_while_they_have_a_way_in, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let (first, second) = (
        active(&school, &provider).await,
        active(&school, &provider).await,
    );
    let ann = admin(app, &school, "ann").await;
    let key = key_of(&ann, &school).await;
    let link = json!({ "connection_id": second["id"] });
    let link = ann.post(&school.path("/setup-links"), link).await;
    let link = by_setup_link(app, &text(&link.expect_status(201)["url"]));
    let operator = app.operator().await;
    let of_operator = key_of(&operator, &school).await;
    let works = async || {
        key.get(&school.path("/members")).await.expect_status(200);
        link.get("/v1/setup").await.expect_status(200);
    };
    let is_over = async || {
        let refused = key.get(&school.path("/members")).await;
        refused.expect_problem(403, "sso_required");
        for path in ["/v1/setup", "/v1/setup/domains"] {
            let refused = link.get(path).await;
            refused.expect_problem(410, "setup_link_expired");
        }
        let domain = json!({ "domain": "evil.example" });
        let refused = link.post("/v1/setup/domains", domain).await;
        refused.expect_problem(410, "setup_link_expired");
        of_operator
            .get(&school.path("/members"))
            .await
            .expect_status(200);
    };
    works().await;
    require(&school).await;
    is_over().await;
    // By an identity, as long as its connection signs people in.
    let as_whom = (&provider, json!({ "sub": "ann-1" }));
    step_up(&ann, &first, as_whom).await.expect_status(200);
    works().await;
    let pause = format!("{}/pause", path_of(&school, &first));
    let paused = school.admin.post(&pause, Value::Null).await;
    paused.expect_status(200);
    is_over().await;
    // As an emergency admin.
    let set = set_policy(&school, true, &[&school.admin, &ann]).await;
    set.expect_status(200);
    works().await;
    // Or where it is not required any more.
    require(&school).await;
    is_over().await;
    let lifted = set_policy(&school, false, &[]).await;
    lifted.expect_status(200);
    works().await;
    // An identity at another organization is no way into this one.
    let other = app.organization("Other School", "school").await;
    let elsewhere = active(&other, &provider).await;
    app.join(&other, &ann, "teacher").await;
    let as_whom = (&provider, json!({ "sub": "ann-2" }));
    step_up(&ann, &elsewhere, as_whom).await.expect_status(200);
    require(&school).await;
    is_over().await;
});

both_databases!(imports_go_on_behind_the_doors, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    active(&school, &provider).await;
    let ann = admin(app, &school, "ann").await;
    let of_ann = Organization {
        id: school.id.clone(),
        slug: school.slug.clone(),
        admin: ann,
    };
    let accepted = of_ann
        .import(
            "email,password,username\nbob@hill.example,quiet rivers 12,Bob\n",
            &[("account_type", "student")],
        )
        .await;
    let accepted = accepted.expect_status(202);
    require(&school).await;
    app.drain().await;
    let import = school.import_with(&accepted["id"]).await;
    assert_eq!(import["counts"]["created"], 1, "{import:#}");
});
