//! What the identity provider of one organization, or whoever registered an address, must not get of others.

use super::*;

async fn redeem_code_of(school: &Organization<'_>, who: &Person<'_>) {
    let code = school.admin.get(&school.path("/invite-code")).await;
    let code = json!({ "code": code.expect_status(200)["code"] });
    let redeemed = who.post("/v1/invite-codes/redeem", code).await;
    redeemed.expect_status(200);
}

both_databases!(
    a_session_is_confined_once_its_organization_manages_no_more,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let provider = IdentityProvider::start();
        let connection = active(&other, &provider).await;
        let claims = json!({ "sub": "1", "email": "teacher@hill.example" });
        let came = come(&other, &connection, &provider, claims).await;
        let came = came.expect_status(200);
        assert_eq!(came["confined_to"], Value::Null);
        let early = holder(app, &came);
        redeem_code_of(&school, &early).await;
        // The account is its owner's own now; the session still is the other school's.
        for path in ["", "/members", "/groups"] {
            let refused = early.get(&school.path(path)).await;
            refused.expect_problem(403, "session_confined");
        }
        early.get(&other.path("")).await.expect_status(200);
        let body = json!({ "refresh_token": early.refresh_token });
        let refreshed = app.anonymous().post("/v1/auth/refresh", body).await;
        let later = holder(app, &refreshed.expect_status(200));
        let refused = later.get(&school.path("")).await;
        refused.expect_problem(403, "session_confined");
        let refused = later.get("/v1/me/sessions").await;
        refused.expect_problem(403, "session_confined");
    }
);

both_databases!(
    a_mailed_code_closes_the_account_to_who_registered_it,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let squatter = app.register_unverified("teacher@hill.example").await;
        let own = json!({ "sub": "squatter" });
        let more = json!({ "purpose": "link" });
        let end = go_round(&squatter, &connection, (&provider, own.clone()), more).await;
        let linked = exchange(app, &ticket_of(&end)).await.expect_status(200);
        assert_eq!(linked["outcome"], "linked");
        let claims = json!({ "sub": "teacher", "email": "teacher@hill.example" });
        let came = come(&school, &connection, &provider, claims.clone()).await;
        let came = came.expect_status(200);
        assert_eq!(came["outcome"], "link_required");
        let linked = link_by_mail(app, &came["link_token"], "teacher@hill.example").await;
        let linked = linked.expect_status(200);
        let teacher = holder(app, &linked);
        let me = teacher.get("/v1/me").await.expect_status(200);
        assert_eq!(me["id"], squatter.id);

        let refused = squatter.get("/v1/me").await;
        refused.expect_problem(401, "not_signed_in");
        let body = json!({ "email": "teacher@hill.example", "password": PASSWORD });
        let refused = app.anonymous().post("/v1/auth/login", body).await;
        refused.expect_problem(401, "wrong_credentials");
        let came = come(&school, &connection, &provider, own).await;
        let came = came.expect_status(200);
        assert_eq!(came["outcome"], "account_created");
        let again = come(&school, &connection, &provider, claims).await;
        assert_eq!(again.expect_status(200)["outcome"], "signed_in");
        let unlinked = school.events("identity.unlinked").await;
        assert_eq!(unlinked.as_array().unwrap().len(), 1);
    }
);

both_databases!(a_mailed_password_closes_it_too, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let squatter = app.register_unverified("teacher@hill.example").await;
    let own = json!({ "sub": "squatter" });
    let more = json!({ "purpose": "link" });
    let end = go_round(&squatter, &connection, (&provider, own.clone()), more).await;
    exchange(app, &ticket_of(&end)).await.expect_status(200);
    let body = json!({ "email": "teacher@hill.example" });
    let forgot = app.anonymous().post("/v1/auth/password/forgot", body).await;
    forgot.expect_status(202);
    let token = app.last_mail_to("teacher@hill.example").await.token();
    let body = json!({ "token": token, "password": "eight brown geese 8" });
    let reset = app.anonymous().post("/v1/auth/password/reset", body).await;
    reset.expect_status(204);
    let came = come(&school, &connection, &provider, own).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
});

both_databases!(
    whoever_has_an_account_is_expected_no_more_than_others,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let path = path_of(&school, &connection);
        let eve = app.register("eve@else.example").await;
        let claims = json!({ "sub": "eve", "email": "eve@else.example" });
        for arrivals in ["expected", "proven_domains"] {
            let body = json!({ "arrivals": arrivals });
            school.admin.patch(&path, body).await.expect_status(200);
            for purpose in ["link", "step_up"] {
                let more = json!({ "purpose": purpose });
                let end = go_round(&eve, &connection, (&provider, claims.clone()), more).await;
                let refused = exchange(app, &ticket_of(&end)).await;
                refused.expect_problem(403, "not_expected_here");
            }
            let came = come(&school, &connection, &provider, claims.clone()).await;
            let came = came.expect_status(200);
            assert_eq!(came["outcome"], "link_required");
            let body = json!({ "link_token": came["link_token"] });
            let refused = eve.post("/v1/me/identities", body).await;
            let told = refused.expect_problem(403, "not_expected_here");
            // The refusal can be looked up.
            let detail = text(&told["detail"]);
            let reference = detail.split("Reference: ").nth(1).unwrap();
            let reference = reference.trim_end_matches('.').to_lowercase();
            let path = school.path(&format!("/diagnoses/{reference}"));
            let diagnosis = school.admin.get(&path).await.expect_status(200);
            assert_eq!(diagnosis["purpose"], "link");
            assert_eq!(diagnosis["code"], "not_expected_here");
            let refused = link_by_mail(app, &came["link_token"], "eve@else.example").await;
            refused.expect_problem(403, "not_expected_here");
        }
        let members = school.admin.get(&school.path("/members")).await;
        let members = members.expect_status(200);
        assert_eq!(members["items"].as_array().unwrap().len(), 1);
    }
);

both_databases!(guests_and_denied_addresses_are_nobodys_own, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let csv = "email,password,username\nann@hill.example,quiet rivers 11,Ann\n";
    school.import_students(csv).await;
    vouched(app, &school, "hill.example").await;
    for (number, more) in [json!({ "acct": 1 }), json!({ "acct": "1" })]
        .into_iter()
        .enumerate()
    {
        let mut claims = more.clone();
        claims["sub"] = json!(format!("guest-{number}"));
        claims["email"] = json!("ann@hill.example");
        let came = come(&school, &connection, &provider, claims).await;
        let came = came.expect_status(200);
        assert_eq!(came["outcome"], "link_required", "{more}");
    }
    for (number, denied) in [
        json!(false),
        json!("no"),
        json!(" false"),
        json!(0.0),
        json!([false]),
    ]
    .into_iter()
    .enumerate()
    {
        let claims = json!({
            "sub": format!("denied-{number}"), "email": "ann@hill.example", "email_verified": denied,
        });
        let came = come(&school, &connection, &provider, claims).await;
        let came = came.expect_status(200);
        assert_eq!(came["outcome"], "account_created", "{denied}");
        let me = holder(app, &came).get("/v1/me").await.expect_status(200);
        assert_eq!(me["generated_address"], true);
    }
    let own = json!({
        "sub": "ann", "email": "ann@hill.example", "email_verified": "true", "acct": 0,
        "idp": provider.issuer(),
    });
    let came = come(&school, &connection, &provider, own).await;
    assert_eq!(came.expect_status(200)["outcome"], "linked");
});

both_databases!(another_organizations_proof_lengthens_no_session, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let (here, there) = (
        active(&school, &provider).await,
        active(&other, &provider).await,
    );
    let hours = json!({ "session_hours": 1 });
    let path = path_of(&school, &here);
    school.admin.patch(&path, hours).await.expect_status(200);
    let ann = app.register("ann@else.example").await;
    let claims = json!({ "sub": "ann", "email": "ann@else.example" });
    for connection in [&here, &there] {
        let more = json!({ "purpose": "link" });
        let end = go_round(&ann, connection, (&provider, claims.clone()), more).await;
        exchange(app, &ticket_of(&end)).await.expect_status(200);
    }
    let came = come(&school, &here, &provider, claims.clone()).await;
    let by_school = holder(app, &came.expect_status(200));
    let more = json!({ "purpose": "step_up" });
    let end = go_round(&by_school, &there, (&provider, claims), more).await;
    exchange(app, &ticket_of(&end)).await.expect_status(200);
    app.advance(Duration::from_secs(61 * 60));
    let body = json!({ "refresh_token": by_school.refresh_token });
    let refused = app.anonymous().post("/v1/auth/refresh", body).await;
    refused.expect_problem(401, "not_signed_in");
});

both_databases!(
    who_was_removed_is_known_without_an_address_and_account,
    |app| {
        use diesel::prelude::*;
        use rollcall::domain::ids::AccountId;
        use rollcall::store::schema::accounts;

        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let claims = json!({ "sub": "mira", "name": "Mira" });
        let came = come(&school, &connection, &provider, claims.clone()).await;
        let mira = holder(app, &came.expect_status(200));
        let id = text(&mira.get("/v1/me").await.expect_status(200)["id"]);
        let path = school.path(&format!("/members/{id}"));
        school.admin.delete(&path).await.expect_status(204);
        let gone: AccountId = id.parse().unwrap();
        let mut connection_to_database = app.state.services.pool.get().unwrap();
        diesel::delete(accounts::table.find(gone))
            .execute(&mut **connection_to_database)
            .unwrap();
        drop(connection_to_database);
        let refused = come(&school, &connection, &provider, claims).await;
        refused.expect_problem(403, "removed_by_admin");
    }
);

both_databases!(unlinking_ends_the_sessions_by_it, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let ann = app.register("ann@else.example").await;
    let claims = json!({ "sub": "ann", "email": "ann@else.example" });
    let more = json!({ "purpose": "link" });
    let end = go_round(&ann, &connection, (&provider, claims.clone()), more).await;
    exchange(app, &ticket_of(&end)).await.expect_status(200);
    let came = come(&school, &connection, &provider, claims).await;
    let by_school = holder(app, &came.expect_status(200));
    let identities = school.path(&format!("/members/{}/identities", ann.id));
    let found = school.admin.get(&identities).await.expect_status(200);
    let one = format!("{identities}/{}", text(&found["items"][0]["id"]));
    school.admin.delete(&one).await.expect_status(204);
    let ended = by_school.get("/v1/me").await;
    ended.expect_problem(401, "not_signed_in");
    // Her own goes on.
    ann.get("/v1/me").await.expect_status(200);
});

both_databases!(one_organization_uses_up_no_codes_of_another, |app| {
    let school = app.school().await;
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let (here, there) = (
        active(&school, &provider).await,
        active(&other, &provider).await,
    );
    app.register("ann@else.example").await;
    let claims = json!({ "sub": "ann", "email": "ann@else.example" });
    let before = app.mails().await.len();
    for _ in 0..10 {
        let came = come(&other, &there, &provider, claims.clone()).await;
        let body = json!({ "link_token": came.expect_status(200)["link_token"] });
        let mailed = app.anonymous().post("/v1/sign-in/link-mail", body).await;
        mailed.expect_status(202);
    }
    assert_eq!(app.mails().await.len(), before + 3);
    let came = come(&school, &here, &provider, claims).await;
    let token = came.expect_status(200)["link_token"].clone();
    let linked = link_by_mail(app, &token, "ann@else.example").await;
    linked.expect_status(200);
});

both_databases!(
    a_code_that_leads_elsewhere_lets_nobody_in_for_the_first_time,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let mira = json!({ "sub": "mira", "name": "Mira" });
        let by_code = async || {
            let more = json!({ "invite_code": "AAAA-AAAA-AA" });
            let end = go_round(
                &app.anonymous(),
                &connection,
                (&provider, mira.clone()),
                more,
            )
            .await;
            exchange(app, &ticket_of(&end)).await
        };
        let steps_of_last = async || {
            let diagnoses = school.admin.get(&school.path("/diagnoses")).await;
            let diagnoses = diagnoses.expect_status(200);
            diagnoses["items"][0]["steps"].as_array().unwrap().clone()
        };
        by_code().await.expect_problem(404, "code_unknown");
        let steps = steps_of_last().await;
        let about_account = steps.iter().filter(|step| step["name"] == "account");
        let [refused] = about_account.collect::<Vec<_>>()[..] else {
            panic!("it is told once: {steps:#?}");
        };
        assert_eq!(refused["result"], "failed");
        assert_eq!(
            refused["received"],
            "a code that is none of the organization"
        );
        // Whoever is a member already signs in, and the admins read of the code.
        let came = come(&school, &connection, &provider, mira.clone()).await;
        assert_eq!(came.expect_status(200)["outcome"], "account_created");
        by_code().await.expect_status(200);
        let steps = steps_of_last().await;
        let warned = steps.iter().any(|step| {
            step["result"] == "warning"
                && step["received"] == "a code that is none of the organization"
        });
        assert!(warned, "{steps:#?}");
    }
);
