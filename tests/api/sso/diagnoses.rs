//! What tests and diagnoses say, and by which names.

use super::saml_flows::saml_draft;
use super::*;

both_databases!(a_test_that_waits_says_so_and_ends_with_its_id, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let path = format!("{}/tests", path_of(&school, &connection));
    let begun = school.admin.post(&path, Value::Null).await;
    let begun = begun.expect_status(201);
    let test = format!("{path}/{}", text(&begun["id"]));
    let waiting = school.admin.get(&test).await.expect_status(200);
    assert_eq!(waiting["status"], "waiting");
    assert_eq!(waiting["steps"].as_array().unwrap().len(), 1);
    let step = &waiting["steps"][0];
    assert_eq!(
        (&step["name"], &step["result"], &step["received"]),
        (
            &json!("authorization"),
            &json!("skipped"),
            &json!("nobody has opened start_url yet")
        )
    );
    let advice = text(&step["advice"]);
    assert!(advice.contains(&text(&begun["expires_at"])), "{advice}");

    let start = Url::parse(&text(&begun["start_url"])).unwrap();
    let to_provider = follow(app, &start).await;
    let claims = json!({ "sub": "ann", "name": "Ann" });
    let back = provider.sign_in(to_provider.as_str(), (app.now(), claims));
    let end = follow(app, &back).await;
    assert_eq!(end.path(), "/sign-in/tested");
    let expected = format!("test={}", text(&begun["id"]));
    assert_eq!(end.query(), Some(expected.as_str()));
    // A test that was made already is nobody's to begin.
    let again = follow(app, &start).await;
    assert_eq!((again.path(), again.query()), ("/sign-in/tested", None));

    let passed = school.admin.get(&test).await.expect_status(200);
    let steps = passed["steps"].to_string();
    assert!(steps.contains("An account would be made."), "{steps}");
    assert!(!steps.contains("nobody has come back"), "{steps}");
});

/// Opens a test of a connection in a browser that stays at the provider; gives the address there, and the test.
async fn opened(school: &Organization<'_>, connection: &Value) -> (Url, Value) {
    let path = format!("{}/tests", path_of(school, connection));
    let begun = school.admin.post(&path, Value::Null).await;
    let begun = begun.expect_status(201);
    let start = Url::parse(&text(&begun["start_url"])).unwrap();
    follow(school.admin.app, &start).await;
    // Whoever opens it once more is sent there once more.
    let to_provider = follow(school.admin.app, &start).await;
    let test = format!("{path}/{}", text(&begun["id"]));
    let test = school.admin.get(&test).await.expect_status(200);
    (to_provider, test)
}

/// The step that a test waits for, which says what its provider was sent.
fn sent_to_provider(test: &Value) -> String {
    assert_eq!(test["status"], "waiting");
    let last = test["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["name"], &last["result"]),
        (&json!("authorization"), &json!("skipped"))
    );
    let advice = text(&last["advice"]);
    assert!(advice.starts_with("Compare both"), "{advice}");
    text(&last["received"])
}

both_databases!(an_opened_test_names_what_has_to_be_registered, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let (to_provider, test) = opened(&school, &connection).await;
    let received = sent_to_provider(&test);
    let sent: HashMap<_, _> = to_provider.query_pairs().into_owned().collect();
    let here = &connection["service_provider"];
    assert_eq!(sent["redirect_uri"], text(&here["redirect_uri"]));
    assert!(received.contains(&sent["redirect_uri"]), "{received}");
    assert!(received.contains(&sent["client_id"]), "{received}");
    let whole = test["steps"].to_string();
    for secret in ["state", "nonce", "code_challenge"] {
        assert!(!whole.contains(&sent[secret]), "{secret}: {whole}");
    }
    assert!(!whole.contains(CLIENT_SECRET), "{whole}");

    let connection = saml_draft(&school).await;
    let (_, test) = opened(&school, &connection).await;
    let received = sent_to_provider(&test);
    let here = &connection["service_provider"];
    for name in ["entity_id", "acs_url"] {
        let value = text(&here[name]);
        assert!(received.contains(&value), "{name}: {received}");
    }
});

both_databases!(an_opened_test_that_has_ended_says_only_how, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let (_, test) = opened(&school, &connection).await;
    // Another client ends the tests that wait.
    let change = json!({ "client_id": "another" });
    let path = path_of(&school, &connection);
    let changed = school.admin.patch(&path, change).await;
    changed.expect_status(200);
    let path = format!("{path}/tests/{}", text(&test["id"]));
    let ended = school.admin.get(&path).await.expect_status(200);
    assert_eq!(ended["status"], "failed");
    let steps = ended["steps"].to_string();
    assert!(!steps.contains("was sent"), "{steps}");
});

both_databases!(one_test_too_many_is_told_the_limit, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = draft(&school, &provider).await;
    let path = path_of(&school, &connection);
    let (tests, refresh) = (format!("{path}/tests"), format!("{path}/refresh"));
    // Tests and reads of what a provider publishes are counted apart.
    for (path, status) in [(&tests, 201), (&refresh, 200)] {
        for _ in 0..10 {
            let taken = school.admin.post(path, Value::Null).await;
            taken.expect_status(status);
        }
        let refused = school.admin.post(path, Value::Null).await;
        let problem = refused.expect_problem(429, "rate_limited");
        let detail = text(&problem["detail"]);
        assert!(
            detail.contains("The limit `connection_test` is 10 within one hour"),
            "{detail}"
        );
        assert!(detail.contains(": tests of one connection"), "{detail}");
        assert!(detail.contains("`Retry-After`"), "{detail}");
    }
});

both_databases!(identities_and_diagnoses_name_what_they_belong_to, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let rule = json!({
        "when": { "claim": "role", "is": "equals", "value": "teacher" },
        "then": { "account_type": "teacher" },
    });
    let path = path_of(&school, &connection);
    let changed = school.admin.patch(&path, json!({ "rules": [rule] })).await;
    changed.expect_status(200);
    let named = json!({ "id": connection["id"], "name": connection["name"], "kind": "oidc" });
    let claims = json!({ "sub": "ann", "role": "teacher" });
    let came = come(&school, &connection, &provider, claims.clone()).await;
    let ann = holder(app, &came.expect_status(200));
    let own = ann.get("/v1/me/identities").await.expect_status(200);
    let identity = &own["items"][0];
    assert_eq!(identity["connection"], named);
    assert_eq!(identity["organization"]["id"], school.id.as_str());
    assert!(identity["organization"]["name"].is_string(), "{identity}");
    assert!(identity.get("organization_id").is_none(), "{identity}");

    let newest = async || {
        let list = school.admin.get(&school.path("/diagnoses?limit=1")).await;
        list.expect_status(200)["items"][0].clone()
    };
    let first = newest().await;
    assert_eq!(first["connection"], named);
    assert!(first.get("connection_id").is_none(), "{first}");
    let steps = first["steps"].to_string();
    assert!(
        steps.contains("`/rules/0`: `role` equals `teacher`"),
        "{steps}"
    );
    // With `first`, rules are not tried of who has come before.
    let again = come(&school, &connection, &provider, claims).await;
    again.expect_status(200);
    let again = newest().await;
    let steps = again["steps"].as_array().unwrap();
    let rules = steps.iter().find(|step| step["name"] == "rules").unwrap();
    assert_eq!(rules["result"], "skipped");
    let path = school.path(&format!("/diagnoses/{}", text(&again["reference"])));
    let one = school.admin.get(&path).await.expect_status(200);
    assert_eq!(one, again);
});

both_databases!(who_gets_no_seat_is_told_whom_to_ask, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let limits = json!({ "total": 1, "by_account_type": { "student": null, "teacher": null } });
    let operator = app.operator().await;
    let set = operator.put(&school.path("/seats"), limits).await;
    set.expect_status(200);
    let refused = come(&school, &connection, &provider, json!({ "sub": "pip" })).await;
    let problem = refused.expect_problem(409, "no_seat");
    let detail = text(&problem["detail"]);
    assert!(detail.contains("Ask the people who run it"), "{detail}");
    assert!(!detail.contains("licence"), "{detail}");
    let last = last_step(&school, &problem).await;
    let expected = "a free seat for the account type student";
    assert_eq!(
        (&last["name"], &last["expected"]),
        (&json!("seat"), &json!(expected))
    );
});

both_databases!(the_last_step_of_a_refusal_tells_it, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let pause = json!({ "paused": true });
    let paused = school
        .admin
        .patch(&school.path("/invite-code"), pause)
        .await;
    let more = json!({ "invite_code": paused.expect_status(200)["code"] });
    let pip = (&provider, json!({ "sub": "pip" }));
    let end = go_round(&app.anonymous(), &connection, pip, more).await;
    let refused = exchange(app, &ticket_of(&end)).await;
    let problem = refused.expect_problem(409, "code_paused");
    let last = last_step(&school, &problem).await;
    assert_eq!(
        (&last["name"], &last["result"]),
        (&json!("account"), &json!("failed"))
    );
    let told = text(&problem["detail"]);
    assert!(told.starts_with(&text(&last["received"])), "{last}");
});

both_databases!(links_and_step_ups_leave_whose_account_it_was, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let rule = json!({
        "when": { "claim": "sub", "is": "starts_with", "value": "" },
        "then": { "account_type": "teacher" },
    });
    let path = path_of(&school, &connection);
    let changed = school.admin.patch(&path, json!({ "rules": [rule] })).await;
    changed.expect_status(200);
    let ann = app.register_unverified("ann@else.example").await;
    let claims = json!({ "sub": "ann", "email": "ann@else.example" });
    let newest = async || {
        let list = school.admin.get(&school.path("/diagnoses?limit=1")).await;
        list.expect_status(200)["items"][0].clone()
    };
    let came = come(&school, &connection, &provider, claims.clone()).await;
    let came = came.expect_status(200);
    let asked = newest().await;
    assert_eq!(asked["purpose"], "sign_in");
    assert_eq!(asked["account_id"], Value::Null, "nobody has shown it yet");
    let body = json!({ "link_token": came["link_token"] });
    let linked = ann.post("/v1/me/identities", body).await;
    linked.expect_status(204);
    let left = newest().await;
    assert_eq!(
        (&left["purpose"], &left["status"], &left["account_id"]),
        (&json!("link"), &json!("passed"), &json!(ann.id))
    );
    let steps = left["steps"].to_string();
    assert!(steps.contains("has signed in to it"), "{steps}");
    assert!(steps.contains("A new member, with a seat."), "{steps}");
    assert!(
        steps.contains("an account that somebody else may open"),
        "{steps}"
    );
    for purpose in ["link", "step_up"] {
        let more = json!({ "purpose": purpose });
        let by = (&provider, claims.clone());
        let end = go_round(&ann, &connection, by, more).await;
        exchange(app, &ticket_of(&end)).await.expect_status(200);
        let left = newest().await;
        assert_eq!(
            (&left["purpose"], &left["account_id"]),
            (&json!(purpose), &json!(ann.id))
        );
    }
});

both_databases!(a_pause_on_the_way_is_diagnosed, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    app.register("ann@else.example").await;
    let ann = json!({ "sub": "ann", "email": "ann@else.example" });
    let came = come(&school, &connection, &provider, ann).await;
    let link_token = came.expect_status(200)["link_token"].clone();
    let pip = (&provider, json!({ "sub": "pip" }));
    let end = go_round(&app.anonymous(), &connection, pip, json!({})).await;
    let pause = format!("{}/pause", path_of(&school, &connection));
    let paused = school.admin.post(&pause, Value::Null).await;
    paused.expect_status(200);
    let refused = exchange(app, &ticket_of(&end)).await;
    let problem = refused.expect_problem(409, "connection_not_active");
    let last = last_step(&school, &problem).await;
    assert!(text(&last["advice"]).contains("activate it"), "{last}");
    let owner = app.sign_in("ann@else.example", PASSWORD).await;
    let body = json!({ "link_token": link_token });
    let refused = owner.post("/v1/me/identities", body).await;
    let problem = refused.expect_problem(409, "connection_not_active");
    last_step(&school, &problem).await;
});

both_databases!(a_link_token_is_no_longer_than_one_can_be, |app| {
    let person = app.school().await.admin;
    let body = json!({ "link_token": "l".repeat(201) });
    let refused = person.post("/v1/me/identities", body).await;
    refused.expect_fields(&[("/link_token", "too_long")]);
});

/// What was checked last of a refusal, which names its diagnosis.
async fn last_step(school: &Organization<'_>, problem: &Value) -> Value {
    let told = text(&problem["detail"]);
    let (_, reference) = told.rsplit_once("Reference: ").expect("no reference");
    let path = school.path(&format!("/diagnoses/{}", reference.trim_end_matches('.')));
    let diagnosis = school.admin.get(&path).await.expect_status(200);
    diagnosis["steps"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone()
}

both_databases!(of_who_got_in_nothing_is_kept_of_what_came, |app| {
    let school = app.school().await;
    vouched(app, &school, "hill.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    for address in ["mira@hill.example", "mira.lind@hill.example", "lind"] {
        let claims = json!({ "sub": "the-subject", "email": address, "name": "Mira Lind" });
        let came = come(&school, &connection, &provider, claims).await;
        came.expect_status(200);
    }
    let saml = super::saml_flows::saml_active(&school).await;
    let ada = crate::saml::provider::assertion_of("_a55e", "ada@hill.example");
    let end = super::saml_flows::come_with(app, &saml, &ada).await;
    exchange(app, &ticket_of(&end)).await.expect_status(200);
    let kept = school.admin.get(&school.path("/diagnoses")).await;
    let kept = kept.expect_status(200)["items"].clone();
    let kept = kept.as_array().unwrap();
    assert_eq!(kept.len(), 4);
    let mut seen = Vec::new();
    for diagnosis in kept {
        assert_eq!(diagnosis["status"], "passed");
        let text_of_steps = diagnosis["steps"].to_string();
        for claim in ["@hill.example", "the-subject", "lind"] {
            assert!(
                !text_of_steps.to_lowercase().contains(claim),
                "{text_of_steps}"
            );
        }
        for step in diagnosis["steps"].as_array().unwrap() {
            let name = text(&step["name"]);
            let is_of_person = ["email", "subject"].contains(&&*name);
            assert_eq!(step["received"].is_null(), is_of_person, "{step}");
            seen.push(name);
        }
    }
    assert!(seen.contains(&"email".to_owned()) && seen.contains(&"subject".to_owned()));
    // A test shows it, for an hour.
    let claims = json!({ "sub": "noah", "email": "noah@hill.example" });
    let tested = test(&school, &connection, &provider, claims).await;
    assert!(tested["steps"].to_string().contains("noah@hill.example"));
});
