//! What a session opens for which only an organization's identity provider vouches.

use std::collections::BTreeSet;

use super::*;

/// Ann, an admin of a club of her own, linked to the school's provider: with her own session, and with the school's.
async fn linked<'a>(
    app: &'a App,
    school: &Organization<'a>,
) -> (Organization<'a>, Person<'a>, IdentityProvider) {
    let ann = app.register("ann@else.example").await;
    let club = app.organization_of(ann, "Chess Club", "school").await;
    let ann = app.sign_in("ann@else.example", PASSWORD).await;
    let provider = IdentityProvider::start();
    let connection = active(school, &provider).await;
    let claims = json!({ "sub": "ann-1", "email": "ann@else.example" });
    let came = come(school, &connection, &provider, claims.clone())
        .await
        .expect_status(200);
    let body = json!({ "link_token": came["link_token"] });
    ann.post("/v1/me/identities", body).await.expect_status(204);
    let came = come(school, &connection, &provider, claims)
        .await
        .expect_status(200);
    assert_eq!(came["confined_to"], school.id);
    (club, holder(app, &came), provider)
}

both_databases!(a_schools_provider_opens_the_school_only, |app| {
    let school = app.school().await;
    let (club, by_school, _provider) = linked(app, &school).await;
    by_school.get(&school.path("")).await.expect_status(200);
    for path in ["", "/members", "/groups", "/audit-events", "/connections"] {
        let refused = by_school.get(&club.path(path)).await;
        refused.expect_problem(403, "session_confined");
    }
    let promoted = json!({ "name": "Mine" });
    let refused = by_school.patch(&club.path(""), promoted).await;
    refused.expect_problem(403, "session_confined");
    let memberships = by_school.get("/v1/me/memberships").await.expect_status(200);
    let memberships = memberships["items"].as_array().unwrap().clone();
    assert_eq!(memberships.len(), 1);
    assert_eq!(memberships[0]["organization"]["id"], school.id);
    let organizations = by_school.get("/v1/organizations").await.expect_status(200);
    assert_eq!(organizations["items"].as_array().unwrap().len(), 1);
    by_school.get("/v1/me").await.expect_status(200);
    // The same person, by her own password.
    let ann = app.sign_in("ann@else.example", PASSWORD).await;
    ann.get(&club.path("/members")).await.expect_status(200);
});

both_databases!(it_changes_nothing_of_the_account, |app| {
    let school = app.school().await;
    let (club, by_school, _provider) = linked(app, &school).await;
    let found = json!({ "name": "New", "kind": "school" });
    let code = json!({ "code": "AAAA-AAAA-AA" });
    let password = json!({
        "current_password": PASSWORD, "new_password": "eight blue geese 8"
    });
    let confined = [
        by_school.post("/v1/organizations", found).await,
        by_school.post("/v1/invite-codes/redeem", code).await,
        by_school.post("/v1/auth/password/change", password).await,
        by_school
            .patch("/v1/me", json!({ "username": "Eve" }))
            .await,
        by_school.delete("/v1/me").await,
        by_school.delete("/v1/me/sessions").await,
        by_school.get("/v1/me/sessions").await,
        by_school.get("/v1/me/invitations").await,
        by_school
            .delete(&format!("/v1/me/memberships/{}", club.id))
            .await,
        by_school.post("/v1/auth/email/resend", json!({})).await,
    ];
    for refused in confined {
        refused.expect_problem(403, "session_confined");
    }
});

both_databases!(an_operators_power_stays_with_the_password, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let operator = app.operator().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let claims = json!({ "sub": "op-1", "email": operator.email });
    let came = come(&school, &connection, &provider, claims.clone())
        .await
        .expect_status(200);
    let body = json!({ "link_token": came["link_token"] });
    operator
        .post("/v1/me/identities", body)
        .await
        .expect_status(204);
    let came = come(&school, &connection, &provider, claims)
        .await
        .expect_status(200);
    let by_school = holder(app, &came);
    by_school.get(&school.path("")).await.expect_status(200);
    by_school
        .get(&school.path("/seats"))
        .await
        .expect_problem(403, "forbidden");
    by_school
        .get(&other.path(""))
        .await
        .expect_problem(404, "not_found");
    operator.get(&other.path("/seats")).await.expect_status(200);
});

both_databases!(a_session_lives_as_long_as_its_proof, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let hours = json!({ "session_hours": 2 });
    school
        .admin
        .patch(&path_of(&school, &connection), hours)
        .await
        .expect_status(200);
    let claims = json!({ "sub": "mira-1", "email": "mira@hill.example" });
    let came = come(&school, &connection, &provider, claims)
        .await
        .expect_status(200);
    let mira = holder(app, &came);
    let refresh = async |token: &str| {
        let body = json!({ "refresh_token": token });
        app.anonymous().post("/v1/auth/refresh", body).await
    };
    app.advance(Duration::from_secs(60 * 60));
    let refreshed = refresh(&mira.refresh_token).await.expect_status(200);
    app.advance(Duration::from_secs(61 * 60));
    let ended = refresh(&text(&refreshed["refresh_token"])).await;
    ended.expect_problem(401, "not_signed_in");
});

/// Goes round once more in a session, for this.
async fn again(
    who: &Person<'_>,
    purpose: &str,
    connection: &Value,
    trip: (&IdentityProvider, Value),
) -> TestResponse {
    let more = json!({ "purpose": purpose });
    let end = go_round(who, connection, trip, more).await;
    exchange(who.app, &ticket_of(&end)).await
}

both_databases!(a_step_up_adds_a_proof, |app| {
    let school = app.school().await;
    let ann = app.register("ann@else.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let claims = json!({ "sub": "ann-1", "email": "ann@else.example" });
    let go = async |who: &Person<'_>, purpose: &str| {
        let trip = (&provider, claims.clone());
        let went = again(who, purpose, &connection, trip).await;
        went.expect_status(200)
    };
    let linked = go(&ann, "link").await;
    assert_eq!(linked["outcome"], "linked");
    assert!(linked["access_token"].is_null());
    let policy = json!({ "required": true, "emergency_admins": [school.admin.id] });
    let set = school
        .admin
        .put(&school.path("/sign-in-policy"), policy)
        .await;
    set.expect_status(200);
    // Whoever links has just come by the connection: that is a proof as well.
    ann.get(&school.path("")).await.expect_status(200);
    let ann = app.sign_in("ann@else.example", PASSWORD).await;
    let refused = ann.get(&school.path("")).await;
    refused.expect_problem(403, "sso_required");
    let stepped = go(&ann, "step_up").await;
    assert_eq!(stepped["outcome"], "stepped_up");
    ann.get(&school.path("")).await.expect_status(200);
});

both_databases!(a_confined_session_opens_what_it_has_proof_of, |app| {
    let school = app.school().await;
    let (club, by_school, _provider) = linked(app, &school).await;
    let college = app.organization("College", "school").await;
    let second = IdentityProvider::start();
    let connection = active(&college, &second).await;
    let hour = json!({ "session_hours": 1 });
    let path = path_of(&college, &connection);
    college.admin.patch(&path, hour).await.expect_status(200);
    // Whom the college knows by nobody but the school's provider adds nothing.
    let theirs = json!({ "sub": "ann-at-college", "email": "ann@else.example" });
    let stranger = again(
        &by_school,
        "step_up",
        &connection,
        (&second, theirs.clone()),
    )
    .await;
    stranger.expect_problem(403, "session_confined");
    let ann = app.sign_in("ann@else.example", PASSWORD).await;
    let linked = again(&ann, "link", &connection, (&second, theirs.clone())).await;
    linked.expect_status(200);
    for path in [college.path(""), club.path("")] {
        let refused = by_school.get(&path).await;
        refused.expect_problem(403, "session_confined");
    }
    assert_eq!(opened(&by_school).await, of(&[&school]));
    // Another person of the college, whose identity opens another account.
    let other = json!({ "sub": "bob-at-college", "email": "bob@college.example" });
    come(&college, &connection, &second, other.clone())
        .await
        .expect_status(200);
    let refused = again(&by_school, "step_up", &connection, (&second, other)).await;
    refused.expect_problem(403, "session_confined");
    by_school
        .get(&college.path(""))
        .await
        .expect_problem(403, "session_confined");

    let stepped = again(&by_school, "step_up", &connection, (&second, theirs)).await;
    assert_eq!(stepped.expect_status(200)["outcome"], "stepped_up");
    for path in [college.path(""), college.path("/groups"), school.path("")] {
        by_school.get(&path).await.expect_status(200);
    }
    assert_eq!(opened(&by_school).await, of(&[&school, &college]));
    // Of what nobody has proven it opens nothing, and it is no session of her own.
    let refused = by_school.get(&club.path("")).await;
    refused.expect_problem(403, "session_confined");
    let refused = by_school.get("/v1/me/sessions").await;
    refused.expect_problem(403, "session_confined");
    // The proof ends, and what it opened with it.
    app.advance(Duration::from_secs(61 * 60));
    let body = json!({ "refresh_token": by_school.refresh_token });
    let refreshed = app.anonymous().post("/v1/auth/refresh", body).await;
    let by_school = holder(app, &refreshed.expect_status(200));
    by_school.get(&school.path("")).await.expect_status(200);
    by_school
        .get(&college.path(""))
        .await
        .expect_problem(403, "session_confined");
    assert_eq!(opened(&by_school).await, of(&[&school]));
});

both_databases!(an_identity_takes_its_proof_along, |app| {
    let school = app.school().await;
    let (_club, by_school, _provider) = linked(app, &school).await;
    let college = app.organization("College", "school").await;
    let second = IdentityProvider::start();
    let connection = active(&college, &second).await;
    let theirs = json!({ "sub": "ann-at-college", "email": "ann@else.example" });
    let ann = app.sign_in("ann@else.example", PASSWORD).await;
    for (who, purpose) in [(&ann, "link"), (&by_school, "step_up")] {
        let went = again(who, purpose, &connection, (&second, theirs.clone())).await;
        went.expect_status(200);
    }
    let identities = by_school.get("/v1/me/identities").await.expect_status(200);
    let identities = identities["items"].as_array().unwrap().clone();
    assert_eq!(identities.len(), 2);
    let at_college = identities
        .iter()
        .find(|it| it["organization"]["id"] == college.id.as_str());
    let path = format!("/v1/me/identities/{}", text(&at_college.unwrap()["id"]));
    ann.delete(&path).await.expect_status(204);
    // The session was made by the school, and goes on there.
    by_school.get(&school.path("")).await.expect_status(200);
    by_school
        .get(&college.path(""))
        .await
        .expect_problem(403, "session_confined");
});

fn of(organizations: &[&Organization<'_>]) -> BTreeSet<String> {
    organizations.iter().map(|it| it.id.clone()).collect()
}

/// The organizations that a session shows, which are those of its memberships.
async fn opened(who: &Person<'_>) -> BTreeSet<String> {
    let memberships = who.get("/v1/me/memberships").await.expect_status(200);
    let memberships = memberships["items"].as_array().unwrap();
    let theirs: BTreeSet<_> = memberships
        .iter()
        .map(|it| text(&it["organization"]["id"]))
        .collect();
    let organizations = who.get("/v1/organizations").await.expect_status(200);
    let organizations = organizations["items"].as_array().unwrap();
    let shown: BTreeSet<_> = organizations.iter().map(|it| text(&it["id"])).collect();
    assert_eq!(theirs, shown);
    shown
}
