//! Which domains can be added, by whom, how many, and how often they are checked.

use futures_util::future::join_all;

use super::*;

/// What adding a domain is refused with.
async fn refused(school: &Organization<'_>, name: &str) -> TestResponse {
    let body = json!({ "domain": name });
    school.admin.post(&school.path("/domains"), body).await
}

both_databases!(domains_of_everybody_are_no_organizations, |app| {
    let school = app.school().await;
    for name in ["gmail.com", "@GMX.de", "outlook.com", "laposte.net"] {
        let refused = refused(&school, name).await;
        refused.expect_problem(422, "domain_not_provable");
    }
    for name in ["co.uk", "edu.au", "OnMicrosoft.com"] {
        let refused = refused(&school, name).await;
        let problem = refused.expect_problem(422, "domain_not_provable");
        assert!(text(&problem["detail"]).contains("below this domain"));
    }
    for name in ["login.invalid", "hill-road-school.login.invalid"] {
        let refused = refused(&school, name).await;
        refused.expect_problem(422, "domain_not_provable");
    }
    for name in [
        "school",
        "jane@school.example",
        "*.school.example",
        "192.0.2.7",
        "",
    ] {
        refused(&school, name)
            .await
            .expect_fields(&[("/domain", "domain_invalid")]);
    }
});

both_databases!(a_domain_is_known_by_its_canonical_name, |app| {
    let school = app.school().await;
    let domain = add(&school, &name_in(app, "bücher")).await;
    let name = text(&domain["domain"]);
    assert!(name.starts_with("xn--bcher-"), "{name}");
    for spelling in [name_in(app, "BÜCHER"), name.clone()] {
        let again = refused(&school, &spelling).await;
        again.expect_problem(409, "domain_taken");
    }
    // A domain below it is one of its own.
    add(&school, &format!("mail.{name}")).await;
    publish(&domain);
    check(&school, &domain).await.expect_status(200);
});

both_databases!(an_operator_vouches_and_takes_that_back, |app| {
    let mut school = app.school().await;
    let operator = app.operator().await;
    let domain = add(&school, &name_in(app, "hill")).await;
    let path = path_of(&school, &domain);
    let vouch = json!({ "vouched": true });
    school
        .admin
        .patch(&path, vouch.clone())
        .await
        .expect_problem(403, "forbidden");
    let vouched = operator.patch(&path, vouch).await.expect_status(200);
    assert_eq!(
        (&vouched["status"], &vouched["vouched"]),
        (&json!("proven"), &json!(true))
    );
    let events = school.events("domain.proven").await;
    assert_eq!(events[0]["details"]["vouched"], true);
    // No record is looked for, however often or long.
    for _ in 0..9 {
        a_day_later(app, &mut [&mut school]).await;
        check(&school, &domain).await.expect(200, vouched.clone());
    }
    let operator = app.sign_in(&operator.email, PASSWORD).await;
    let back = json!({ "vouched": false });
    let pending = operator.patch(&path, back).await.expect_status(200);
    assert_eq!(
        (&pending["status"], &pending["vouched"]),
        (&json!("pending"), &json!(false))
    );
    check(&school, &domain)
        .await
        .expect_problem(409, "domain_not_proven");
    publish(&domain);
    check(&school, &domain).await.expect_status(200);
});

both_databases!(how_people_join_is_changed, |app| {
    let school = app.school().await;
    let domain = add(&school, &name_in(app, "hill")).await;
    let path = path_of(&school, &domain);
    for _ in 0..2 {
        let open = json!({ "joining": "open" });
        let changed = school.admin.patch(&path, open).await.expect_status(200);
        assert_eq!(changed["joining"], "open");
    }
    let nothing = school.admin.patch(&path, json!({})).await;
    assert_eq!(nothing.expect_status(200)["joining"], "open");
    let events = school.events("domain.updated").await;
    let details = json!({ "domain": domain["domain"], "joining": "open" });
    assert_eq!(events.as_array().unwrap().len(), 1);
    assert_eq!(events[0]["details"], details);
    let other = json!({ "joining": "anybody" });
    school
        .admin
        .patch(&path, other)
        .await
        .expect_problem(400, "malformed_request");
});

both_databases!(a_domain_has_six_checks_an_hour, |app| {
    let school = app.school().await;
    let domain = add(&school, &name_in(app, "hill")).await;
    for _ in 0..6 {
        check(&school, &domain)
            .await
            .expect_problem(409, "domain_not_proven");
    }
    check(&school, &domain)
        .await
        .expect_problem(429, "rate_limited");
    // Adding it anew is no way around.
    let path = path_of(&school, &domain);
    school.admin.delete(&path).await.expect_status(204);
    let anew = add(&school, &text(&domain["domain"])).await;
    check(&school, &anew)
        .await
        .expect_problem(429, "rate_limited");
    let other = add(&school, &name_in(app, "dale")).await;
    check(&school, &other)
        .await
        .expect_problem(409, "domain_not_proven");
    app.advance(Duration::from_secs(600));
    check(&school, &anew)
        .await
        .expect_problem(409, "domain_not_proven");
});

both_databases!(an_organization_has_a_hundred_domains, |app| {
    let school = app.school().await;
    for number in 0..99 {
        add(&school, &name_in(app, &format!("d{number}"))).await;
    }
    // Those who come at once do not both take the last place.
    let names: Vec<_> = (0..3)
        .map(|it| name_in(app, &format!("last{it}")))
        .collect();
    let answers = join_all(names.iter().map(|name| refused(&school, name))).await;
    let added = answers.iter().filter(|it| it.status == 201).count();
    assert_eq!(added, 1);
    for refused in answers.iter().filter(|it| it.status != 201) {
        refused.expect_fields(&[("", "too_many")]);
    }
    let mut seen = 0;
    let mut query = String::from("?limit=30");
    loop {
        let page = school
            .admin
            .get(&school.path(&format!("/domains{query}")))
            .await;
        let page = page.expect_status(200);
        seen += page["items"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            Some(cursor) => query = format!("?limit=30&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(seen, 100);
});

both_databases!(an_idempotency_key_adds_a_domain_once, |app| {
    let school = app.school().await;
    let add = || {
        let request = school
            .admin
            .request(reqwest::Method::POST, &school.path("/domains"));
        let request = request.header("idempotency-key", "one");
        crate::support::people::send(request.json(&json!({ "domain": name_in(app, "hill") })))
    };
    let first = add().await.expect_status(201);
    let second = add().await;
    assert_eq!(second.header("idempotent-replayed"), "true");
    assert_eq!(second.expect_status(201), first);
});
