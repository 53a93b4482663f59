//! Who it is that comes: which account they open.

use super::*;

both_databases!(whoever_was_sent_away_does_not_come_back, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let claims = json!({ "sub": "mira-1", "email": "mira@hill.example" });
    let first = come(&school, &connection, &provider, claims.clone())
        .await
        .expect_status(200);
    let mira = holder(app, &first);
    let id = text(&mira.get("/v1/me").await.expect_status(200)["id"]);
    school.deactivate(&school.path_of(&id)).await;
    mira.get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let refused = come(&school, &connection, &provider, claims.clone()).await;
    let problem = refused.expect_problem(403, "account_deactivated");
    assert!(
        text(&problem["detail"]).contains("Reference: "),
        "{problem:#}"
    );
    let diagnosis = format!("/diagnoses/{}", text(&problem["reference"]));
    let diagnosis = school.admin.get(&school.path(&diagnosis)).await;
    assert_eq!(diagnosis.expect_status(200)["code"], "account_deactivated");
    school.reactivate(&school.path_of(&id)).await;
    come(&school, &connection, &provider, claims.clone())
        .await
        .expect_status(200);
    school
        .admin
        .delete(&school.path(&format!("/members/{id}")))
        .await
        .expect_status(204);
    let refused = come(&school, &connection, &provider, claims.clone()).await;
    refused.expect_problem(403, "removed_by_admin");
    // Under another subject the address is still that of whom an admin removed.
    let other = json!({ "sub": "mira-2", "email": "mira@hill.example" });
    let linked = come(&school, &connection, &provider, other)
        .await
        .expect_status(200);
    assert_eq!(linked["outcome"], "link_required");
    let refused = school.events("sign_in.refused").await;
    assert_eq!(refused.as_array().unwrap().len(), 2, "{refused:#}");
});

both_databases!(a_new_member_needs_a_seat_and_a_member_none, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let mira = json!({ "sub": "mira-1", "email": "mira@hill.example" });
    come(&school, &connection, &provider, mira.clone())
        .await
        .expect_status(200);
    let operator = app.operator().await;
    let seats = school.path("/seats");
    operator
        .put(&seats, seats_in_total(Some(2)))
        .await
        .expect_status(200);
    let bo = json!({ "sub": "bo-1", "email": "bo@hill.example" });
    let refused = come(&school, &connection, &provider, bo.clone()).await;
    refused.expect_problem(409, "no_seat");
    come(&school, &connection, &provider, mira)
        .await
        .expect_status(200);
    operator
        .put(&seats, seats_in_total(Some(3)))
        .await
        .expect_status(200);
    let came = come(&school, &connection, &provider, bo)
        .await
        .expect_status(200);
    assert_eq!(came["outcome"], "account_created");
});

both_databases!(somebody_without_an_address_gets_a_generated_one, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    for (claims, name) in [
        (json!({ "sub": "1", "name": "Mira Lind" }), "Mira Lind"),
        (
            json!({ "sub": "2", "email": "m@x.example", "email_verified": false, "name": "Bo" }),
            "Bo",
        ),
        (
            json!({ "sub": "3", "email": "no address", "name": "Cy" }),
            "Cy",
        ),
    ] {
        let came = come(&school, &connection, &provider, claims)
            .await
            .expect_status(200);
        assert_eq!(came["outcome"], "account_created");
        let me = holder(app, &came).get("/v1/me").await.expect_status(200);
        assert_eq!(me["generated_address"], true, "{me:#}");
        assert_eq!(me["username"], name);
    }
    let nameless = come(&school, &connection, &provider, json!({ "sub": "4" })).await;
    let me = holder(app, &nameless.expect_status(200))
        .get("/v1/me")
        .await
        .expect_status(200);
    assert_eq!(me["username"], "Student");
});

both_databases!(a_connection_lets_in_whom_it_is_set_to, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let path = path_of(&school, &connection);
    let expected = json!({ "arrivals": "expected" });
    school.admin.patch(&path, expected).await.expect_status(200);
    let claims = json!({ "sub": "mira-1", "email": "mira@hill.example" });
    let refused = come(&school, &connection, &provider, claims.clone()).await;
    let told = refused.expect_problem(403, "not_expected_here");
    assert!(
        text(&told["detail"]).starts_with("This organization does not know you"),
        "{told}"
    );
    // Whoever mistyped a code learns that it is the code.
    let mistyped = json!({ "invite_code": "AAAA-AAAA-AA" });
    let by = (&provider, claims.clone());
    let end = go_round(&app.anonymous(), &connection, by, mistyped).await;
    let refused = exchange(app, &ticket_of(&end)).await;
    let told = refused.expect_problem(403, "not_expected_here");
    assert!(text(&told["detail"]).contains("it was mistyped"), "{told}");
    // By a code of the organization somebody is expected.
    let code = school
        .admin
        .get(&school.path("/invite-code"))
        .await
        .expect_status(200);
    let more = json!({ "invite_code": code["code"] });
    let end = go_round(
        &app.anonymous(),
        &connection,
        (&provider, claims.clone()),
        more,
    )
    .await;
    let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
    let memberships = holder(app, &came)
        .get("/v1/me/memberships")
        .await
        .expect_status(200);
    assert_eq!(memberships["items"][0]["joined_via"], "organization_code");
    let proven = json!({ "arrivals": "proven_domains" });
    school.admin.patch(&path, proven).await.expect_status(200);
    let bo = json!({ "sub": "bo-1", "email": "bo@hill.example" });
    let refused = come(&school, &connection, &provider, bo).await;
    refused.expect_problem(403, "not_expected_here");
    come(&school, &connection, &provider, claims)
        .await
        .expect_status(200);
});

both_databases!(the_same_subject_at_two_organizations_is_two_people, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let here = active(&school, &provider).await;
    let there = active(&other, &provider).await;
    let claims = json!({ "sub": "1", "name": "Mira" });
    let mira = come(&school, &here, &provider, claims.clone())
        .await
        .expect_status(200);
    let twin = come(&other, &there, &provider, claims)
        .await
        .expect_status(200);
    assert_eq!(twin["outcome"], "account_created");
    let id =
        async |who: &Value| text(&holder(app, who).get("/v1/me").await.expect_status(200)["id"]);
    assert_ne!(id(&mira).await, id(&twin).await);
});

both_databases!(in_a_proven_domain_the_provider_is_believed, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    active(&other, &provider).await;
    let csv = "email,password,username\nann@hill.example,quiet rivers 11,Ann\n";
    school.import_students(csv).await;
    let ann = json!({ "sub": "ann-1", "email": "ann@hill.example" });
    let came = come(&school, &connection, &provider, ann.clone()).await;
    assert_eq!(came.expect_status(200)["outcome"], "link_required");
    let discover = async || {
        let address = json!({ "email": "nobody@hill.example" });
        let found = app.anonymous().post("/v1/sign-in/discover", address).await;
        found.expect_status(200)["connections"].clone()
    };
    assert_eq!(discover().await, json!([]));
    let domain = json!({ "domain": "hill.example" });
    let domain = school.admin.post(&school.path("/domains"), domain).await;
    let domain = school.path(&format!(
        "/domains/{}",
        text(&domain.expect_status(201)["id"])
    ));
    let operator = app.operator().await;
    operator
        .patch(&domain, json!({ "vouched": true }))
        .await
        .expect_status(200);
    let came = come(&school, &connection, &provider, ann)
        .await
        .expect_status(200);
    assert_eq!(came["outcome"], "linked");
    assert_eq!(came["confined_to"], Value::Null);
    let bo = json!({ "sub": "bo-1", "email": "bo@hill.example" });
    let came = come(&school, &connection, &provider, bo)
        .await
        .expect_status(200);
    let bo = holder(app, &came).get("/v1/me").await.expect_status(200);
    assert_eq!(bo["email_verified"], true);
    let found = discover().await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["id"], connection["id"]);
    // Somebody's own account stays theirs, in a proven domain too.
    app.register("eve@hill.example").await;
    let eve = json!({ "sub": "eve-1", "email": "eve@hill.example" });
    let came = come(&school, &connection, &provider, eve)
        .await
        .expect_status(200);
    assert_eq!(came["outcome"], "link_required");
});
