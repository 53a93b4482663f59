//! Setup links: whoever runs an identity provider sets a connection up without an account.

use rollcall::config::Config;
use rollcall::domain::limits::{Limit, Quota, QuotaSetting};

use super::*;
use crate::limits::on_both;
use crate::support::dns;

/// A draft of which nothing is known yet but its protocol.
async fn blank(school: &Organization<'_>) -> Value {
    let new = json!({ "name": "School accounts", "kind": "oidc", "preset": "generic" });
    let created = school.admin.post(&school.path("/connections"), new).await;
    created.expect_status(201)
}

async fn make(school: &Organization<'_>, connection: &Value, more: Value) -> TestResponse {
    let mut new = json!({ "connection_id": connection["id"] });
    let all = new.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    school.admin.post(&school.path("/setup-links"), new).await
}

async fn linked<'a>(app: &'a App, school: &Organization<'a>, connection: &Value) -> Person<'a> {
    let made = make(school, connection, json!({})).await.expect_status(201);
    by_setup_link(app, &text(&made["url"]))
}

both_databases!(from_the_mail_to_an_active_connection, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = blank(&school).await;
    let email = "it@provider.example";
    let made = make(&school, &connection, json!({ "email": email })).await;
    let made = made.expect_status(201);
    assert_eq!(made["expires_at"], "2026-09-08T07:30:00Z");
    let mail = app.last_mail_to(email).await;
    assert!(mail.subject.contains("Hill Road School"), "{mail:?}");
    assert!(!mail.text.contains(&school.admin.email), "{}", mail.text);
    let url = mail
        .text
        .split_whitespace()
        .find(|it| it.contains("/setup#token="));
    assert_eq!(url.unwrap(), text(&made["url"]));
    let it = by_setup_link(app, url.unwrap());
    // Ours.
    let setup = it.get("/v1/setup").await.expect_status(200);
    assert_eq!(setup["organization"]["name"], "Hill Road School");
    assert_eq!(setup["connection"]["id"], connection["id"]);
    let ours = &setup["connection"]["service_provider"];
    assert!(text(&ours["redirect_uri"]).contains("/v1/sso/callback/"));
    // Theirs.
    let theirs = json!({
        "issuer": provider.issuer(), "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
    });
    let changed = it.patch("/v1/setup", theirs).await.expect_status(200);
    assert_eq!(changed["identity_provider"]["client_id"], CLIENT_ID);
    let activate = "/v1/setup/activate";
    let untested = it.post(activate, Value::Null).await;
    untested.expect_problem(409, "connection_not_tested");
    let test = it.post("/v1/setup/tests", Value::Null).await;
    let test = test.expect_status(201);
    let start: Url = text(&test["start_url"]).parse().unwrap();
    let to_provider = follow(app, &start).await;
    let claims = json!({ "sub": "it-1", "email": "mira@hill.example" });
    let back = provider.sign_in(to_provider.as_str(), (app.now(), claims));
    follow(app, &back).await;
    let path = format!("/v1/setup/tests/{}", text(&test["id"]));
    let test = it.get(&path).await.expect_status(200);
    assert_eq!(test["status"], "passed", "{test:#}");
    let active = it.post(activate, Value::Null).await.expect_status(200);
    assert_eq!(active["status"], "active");
    let mail = app.last_mail_to(&school.admin.email).await;
    let subject = "Hill Road School: a setup link activated School accounts";
    assert_eq!(mail.subject, subject);
    assert!(
        mail.text.contains("it@\u{2060}provider.\u{2060}example"),
        "{}",
        mail.text
    );
    come(&school, &connection, &provider, json!({ "sub": "mira-1" }))
        .await
        .expect_status(200);
    // The log tells what the link did, by its name.
    let links = school.admin.get(&school.path("/setup-links")).await;
    let links = links.expect_status(200);
    assert_eq!(links["items"][0]["used_at"], "2026-09-01T07:30:00Z");
    for action in [
        "setup_link.used",
        "connection.changed",
        "connection.tested",
        "connection.activated",
    ] {
        let events = school.events(action).await;
        assert_eq!(events.as_array().unwrap().len(), 1, "{action}");
        assert_eq!(events[0]["actor"]["kind"], "setup_link", "{action}");
        assert_eq!(events[0]["actor"]["name"], email);
        assert_eq!(events[0]["actor"]["account_id"], Value::Null);
    }
    let made = school.events("setup_link.made").await;
    assert_eq!(made[0]["actor"]["account_id"], school.admin.id);
});

both_databases!(another_provider_is_activated_by_the_same_link, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let it = linked(app, &school, &connection).await;
    // Whoever moves to another client sets the connection up anew.
    let moved = json!({ "client_id": "another", "client_secret": CLIENT_SECRET });
    let moved = it.patch("/v1/setup", moved).await.expect_status(200);
    assert_eq!(moved["status"], "draft");
    let mail = app.last_mail_to(&school.admin.email).await;
    assert!(mail.subject.contains("and it is not active"), "{mail:?}");
    // A draft cannot be paused.
    assert!(mail.text.contains("2026") && !mail.text.contains("pause"));
    let back = json!({ "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET });
    it.patch("/v1/setup", back).await.expect_status(200);
    let activate = "/v1/setup/activate";
    let untested = it.post(activate, Value::Null).await;
    untested.expect_problem(409, "connection_not_tested");
    let test = it.post("/v1/setup/tests", Value::Null).await;
    let start = Url::parse(&text(&test.expect_status(201)["start_url"])).unwrap();
    let to_provider = follow(app, &start).await;
    let back = provider.sign_in(to_provider.as_str(), (app.now(), json!({ "sub": "it-1" })));
    follow(app, &back).await;
    let active = it.post(activate, Value::Null).await.expect_status(200);
    assert_eq!(active["status"], "active");
    // What an admin has paused is the admin's to activate.
    let path = format!("{}/pause", path_of(&school, &connection));
    school
        .admin
        .post(&path, Value::Null)
        .await
        .expect_status(200);
    let refused = it.post(activate, Value::Null).await;
    refused.expect_problem(409, "connection_not_active");
});

both_databases!(a_link_proves_domains, |app| {
    let school = app.school().await;
    let connection = blank(&school).await;
    let it = linked(app, &school, &connection).await;
    // Whatever a link is used for first is its first use.
    it.get("/v1/setup/domains").await.expect_status(200);
    let used = school.events("setup_link.used").await;
    assert_eq!(used.as_array().unwrap().len(), 1);
    let name = format!("setup-{}-{}.example", school.slug, app.address.port());
    let new = json!({ "domain": name });
    let domain = it.post("/v1/setup/domains", new).await.expect_status(201);
    assert_eq!(domain["joining"], "closed");
    let path = format!("/v1/setup/domains/{}", text(&domain["id"]));
    it.get(&path).await.expect_status(200);
    let check = format!("{path}/check");
    let missing = it.post(&check, json!({})).await;
    missing.expect_problem(409, "domain_not_proven");
    let record = &domain["record"];
    dns::zone().add_text(&text(&record["name"]), &text(&record["value"]));
    let proven = it.post(&check, json!({})).await.expect_status(200);
    assert_eq!(proven["status"], "proven");
    let all = it.get("/v1/setup/domains").await.expect_status(200);
    assert_eq!(all["items"].as_array().unwrap().len(), 1);
    // How people join is the organization's to say.
    let open = json!({ "domain": "other.example", "joining": "open" });
    let refused = it.post("/v1/setup/domains", open).await;
    refused.expect_problem(400, "malformed_request");
});

both_databases!(a_link_opens_nothing_else, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let connection = blank(&school).await;
    let second = draft(&school, &IdentityProvider::start()).await;
    let it = linked(app, &school, &connection).await;
    for path in [
        school.path(""),
        school.path("/members"),
        school.path("/diagnoses"),
        school.path("/audit-events"),
        school.path("/setup-links"),
        school.path("/domains"),
        school.path("/connections"),
        path_of(&school, &connection),
        path_of(&school, &second),
        other.path("/members"),
        "/v1/me".to_owned(),
        "/v1/me/memberships".to_owned(),
        "/v1/organizations".to_owned(),
    ] {
        it.get(&path).await.expect_problem(401, "not_signed_in");
    }
    // Whom it lets in, and how it is called, is the organization's to say.
    for field in ["name", "arrivals", "session_hours"] {
        let refused = it.patch("/v1/setup", json!({ field: "everyone" })).await;
        refused.expect_problem(400, "malformed_request");
    }
    // A test of another connection, and a domain of another organization.
    let tests = format!("{}/tests", path_of(&school, &second));
    let test = school.admin.post(&tests, Value::Null).await;
    let test = format!("/v1/setup/tests/{}", text(&test.expect_status(201)["id"]));
    it.get(&test).await.expect_problem(404, "not_found");
    let domain = json!({ "domain": "other.example" });
    let domain = other.admin.post(&other.path("/domains"), domain).await;
    let domain = text(&domain.expect_status(201)["id"]);
    let domain = format!("/v1/setup/domains/{domain}");
    it.get(&domain).await.expect_problem(404, "not_found");
    let check = it.post(&format!("{domain}/check"), json!({})).await;
    check.expect_problem(404, "not_found");
    // What an admin has paused stays so.
    let provider = IdentityProvider::start();
    let paused = active(&school, &provider).await;
    let pause = format!("{}/pause", path_of(&school, &paused));
    school.admin.post(&pause, Value::Null).await;
    let it = linked(app, &school, &paused).await;
    let refused = it.post("/v1/setup/activate", Value::Null).await;
    refused.expect_problem(409, "connection_not_active");
    // Nor does anything else open the set-up: part of a link is told as that.
    let token = it.access_token.clone().unwrap();
    let part = Person {
        access_token: Some(token[..token.len() - 5].to_owned()),
        ..Person::anonymous(app)
    };
    let refused = part.get("/v1/setup").await;
    let refused = refused.expect_problem(410, "setup_link_expired");
    assert!(
        text(&refused["detail"]).contains("not whole"),
        "{refused:#}"
    );
    part.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let refused = school.admin.get("/v1/setup").await;
    refused.expect_problem(401, "not_signed_in");
    app.anonymous()
        .get("/v1/setup")
        .await
        .expect_problem(401, "not_signed_in");
});

both_databases!(a_link_ends, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let connection = blank(&school).await;
    let over = async |it: &Person<'_>| {
        let refused = it.get("/v1/setup").await;
        refused.expect_problem(410, "setup_link_expired");
        let refused = it.patch("/v1/setup", json!({ "client_id": "c" })).await;
        refused.expect_problem(410, "setup_link_expired");
    };
    // Revoked.
    let made = make(&school, &connection, json!({}))
        .await
        .expect_status(201);
    let it = by_setup_link(app, &text(&made["url"]));
    it.get("/v1/setup").await.expect_status(200);
    let link = format!("/setup-links/{}", text(&made["id"]));
    let foreign = other.admin.delete(&other.path(&link)).await;
    foreign.expect_problem(404, "not_found");
    let revoked = school.admin.delete(&school.path(&link)).await;
    revoked.expect_status(204);
    over(&it).await;
    let again = school.admin.delete(&school.path(&link)).await;
    again.expect_problem(404, "not_found");
    // By time.
    let one_day = make(&school, &connection, json!({ "valid_days": 1 })).await;
    let it = by_setup_link(app, &text(&one_day.expect_status(201)["url"]));
    app.advance(Duration::from_secs(24 * 60 * 60));
    over(&it).await;
    // By whoever made it, who could not make it any more.
    let school = Organization {
        admin: app
            .sign_in(&school.admin.email, crate::support::people::PASSWORD)
            .await,
        ..school
    };
    let ann = app.register("ann@else.example").await;
    app.join(&school, &ann, "teacher").await;
    app.verify_email(&ann.id);
    let path = school.path(&format!("/members/{}", ann.id));
    let role = async |role: &str| {
        let changed = school.admin.patch(&path, json!({ "role": role })).await;
        changed.expect_status(200);
    };
    role("admin").await;
    let by_ann = Organization {
        id: school.id.clone(),
        slug: school.slug.clone(),
        admin: app
            .sign_in("ann@else.example", crate::support::people::PASSWORD)
            .await,
    };
    let it = linked(app, &by_ann, &connection).await;
    it.get("/v1/setup").await.expect_status(200);
    role("member").await;
    over(&it).await;
    // With its connection.
    let it = linked(app, &school, &connection).await;
    school
        .admin
        .delete(&path_of(&school, &connection))
        .await
        .expect_status(204);
    over(&it).await;
});

both_databases!(only_good_links_are_made, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let connection = blank(&school).await;
    for (more, field, code) in [
        (json!({ "valid_days": 0 }), "/valid_days", "out_of_range"),
        (json!({ "valid_days": 31 }), "/valid_days", "out_of_range"),
        (json!({ "email": "nobody" }), "/email", "email_invalid"),
    ] {
        let refused = make(&school, &connection, more).await;
        refused.expect_fields(&[(field, code)]);
    }
    let foreign = make(&other, &connection, json!({})).await;
    foreign.expect_fields(&[("/connection_id", "connection_unknown")]);
    for number in 0..4 {
        let mailed = make(&school, &connection, json!({ "email": "it@x.example" })).await;
        if number < 3 {
            mailed.expect_status(201);
        } else {
            mailed.expect_problem(429, "rate_limited");
        }
    }
});

both_databases!(a_test_is_its_makers, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let tested = school.events("connection.tested").await;
    assert_eq!(tested[0]["actor"]["kind"], "account");
    assert_eq!(tested[0]["actor"]["account_id"], school.admin.id);
    assert_eq!(tested[0]["actor"]["name"], school.admin.email);
    // An operator's.
    let operator = app.operator().await;
    let tests = format!("{}/tests", path_of(&school, &connection));
    let begun = operator.post(&tests, Value::Null).await.expect_status(201);
    goes_round(app, &provider, &begun).await;
    let tested = school.events("connection.tested").await;
    assert_eq!(tested[0]["actor"]["kind"], "operator");
    assert_eq!(tested[0]["actor"]["account_id"], operator.id);
    // That of a link which is revoked meanwhile says nothing any more.
    let made = make(&school, &connection, json!({})).await;
    let made = made.expect_status(201);
    let it = by_setup_link(app, &text(&made["url"]));
    let begun = it.post("/v1/setup/tests", Value::Null).await;
    let begun = begun.expect_status(201);
    let link = school.path(&format!("/setup-links/{}", text(&made["id"])));
    school.admin.delete(&link).await.expect_status(204);
    let start: Url = text(&begun["start_url"]).parse().unwrap();
    let end = follow(app, &start).await;
    assert_eq!((end.path(), end.query()), ("/sign-in/tested", None));
    let tested = school.events("connection.tested").await;
    assert_eq!(tested.as_array().unwrap().len(), 2);
});

both_databases!(a_link_shows_no_people, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    app.register("ann@else.example").await;
    let known = json!({ "sub": "mira-1", "email": "mira@hill.example" });
    come(&school, &connection, &provider, known.clone())
        .await
        .expect_status(200);
    let it = linked(app, &school, &connection).await;
    let mut seen = Vec::new();
    for claims in [
        known,
        json!({ "sub": "ann-1", "email": "ann@else.example" }),
        json!({ "sub": "noah-1", "email": "noah@hill.example" }),
    ] {
        let begun = it.post("/v1/setup/tests", Value::Null).await;
        let begun = begun.expect_status(201);
        let start: Url = text(&begun["start_url"]).parse().unwrap();
        let to_provider = follow(app, &start).await;
        let back = provider.sign_in(to_provider.as_str(), (app.now(), claims.clone()));
        follow(app, &back).await;
        let id = text(&begun["id"]);
        let test = it.get(&format!("/v1/setup/tests/{id}")).await;
        let test = test.expect_status(200);
        assert_eq!(test["status"], "passed", "{test:#}");
        assert_eq!(test["would"], Value::Null);
        assert_eq!(test["claims"]["email"], claims["email"]);
        seen.push(names_of_steps(&test));
        // An admin reads on.
        let path = format!("{}/tests/{id}", path_of(&school, &connection));
        let whole = school.admin.get(&path).await.expect_status(200);
        assert!(names_of_steps(&whole).contains(&"identity".to_owned()));
        assert_ne!(whole["would"], Value::Null);
    }
    // Somebody known, somebody with an account elsewhere and a stranger look alike.
    assert!(seen.iter().all(|steps| *steps == seen[0]), "{seen:?}");
    for step in ["identity", "account", "rules", "seat"] {
        assert!(!seen[0].contains(&step.to_owned()), "{seen:?}");
    }
    // What the provider sends is for whoever runs it to mend.
    for step in ["subject", "email"] {
        assert!(seen[0].contains(&step.to_owned()), "{seen:?}");
    }
});

fn names_of_steps(test: &Value) -> Vec<String> {
    let steps = test["steps"].as_array().unwrap();
    steps.iter().map(|step| text(&step["name"])).collect()
}

/// Makes a test that has begun.
async fn goes_round(app: &App, provider: &IdentityProvider, begun: &Value) {
    let start: Url = text(&begun["start_url"]).parse().unwrap();
    let to_provider = follow(app, &start).await;
    let claims = json!({ "sub": "tester" });
    let back = provider.sign_in(to_provider.as_str(), (app.now(), claims));
    assert_eq!(follow(app, &back).await.path(), "/sign-in/tested");
}

#[test]
fn links_are_mailed_as_often_as_invitations() {
    let configure = |config: &mut Config| {
        let quota = Quota {
            uses: 3,
            seconds: 86_400,
        };
        config
            .limits
            .set(Limit::Invitations, QuotaSetting(Some(quota)));
    };
    on_both(configure, async |app| {
        let school = app.school().await;
        let connection = blank(&school).await;
        let mail_to = async |number: usize| {
            let email = json!({ "email": format!("it{number}@provider.example") });
            make(&school, &connection, email).await
        };
        for number in 0..3 {
            let made = mail_to(number).await.expect_status(201);
            let path = school.path(&format!("/setup-links/{}", text(&made["id"])));
            school.admin.delete(&path).await.expect_status(204);
        }
        mail_to(3).await.expect_problem(429, "rate_limited");
        make(&school, &connection, json!({}))
            .await
            .expect_status(201);
    });
}
