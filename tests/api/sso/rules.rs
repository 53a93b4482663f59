//! Rules: what claims make of people.

use diesel::connection::SimpleConnection as _;

use super::*;

both_databases!(the_first_rule_makes_type_and_groups, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let (staff, maths) = (
        new_group(&school, "Staff").await,
        new_group(&school, "Maths").await,
    );
    let rules = json!([
        rule(
            "role",
            "teacher",
            json!({ "account_type": "teacher", "group_ids": [staff, maths] })
        ),
        rule("role", "pupil", json!({ "group_ids": [maths] })),
    ]);
    let changed = set_rules(&school, &connection, json!({ "rules": rules })).await;
    assert_eq!(changed["apply"], "first");
    assert_eq!(
        changed["rules"][0]["then"]["group_ids"],
        json!([staff, maths])
    );
    assert_eq!(changed["rules"][1]["then"]["account_type"], Value::Null);
    assert_eq!(changed["status"], "active");
    assert_eq!(changed["tested_at"], connection["tested_at"]);

    let teacher = json!({ "sub": "tea", "role": ["teacher", "pupil"], "name": "Tea Cher" });
    let tea = comes(&school, &connection, (&provider, teacher)).await;
    assert_eq!(tea["account_type"], "teacher");
    assert_eq!(groups_of(&tea), ["Maths", "Staff"]);
    let pupil = json!({ "sub": "pip", "role": "pupil", "name": "Pip Pupil" });
    let pip = comes(&school, &connection, (&provider, pupil)).await;
    assert_eq!(pip["account_type"], "student");
    assert_eq!(groups_of(&pip), ["Maths"]);
    let nobody = json!({ "sub": "non", "role": "visitor" });
    let non = comes(&school, &connection, (&provider, nobody)).await;
    assert_eq!(
        (non["account_type"].clone(), groups_of(&non)),
        (json!("student"), vec![])
    );

    // With `first` nothing changes when somebody comes again.
    let raised = json!({ "sub": "pip", "role": "teacher" });
    let pip = comes(&school, &connection, (&provider, raised)).await;
    assert_eq!(
        (pip["account_type"].clone(), groups_of(&pip)),
        (json!("student"), vec!["Maths".to_owned()])
    );

    let added = school.events("group.members_added").await;
    assert_eq!(added[0]["details"]["via"], "sso");
    assert_eq!(added[0]["details"]["connection_id"], connection["id"]);
    let seats = school
        .admin
        .get(&school.path("/seats"))
        .await
        .expect_status(200);
    assert_eq!(seats["by_account_type"]["teacher"]["used"], 2);
});

both_databases!(always_follows_and_leaves_what_people_did, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let mut groups = Vec::new();
    for name in ["Blue", "Choir", "Green", "Hand"] {
        groups.push(new_group(&school, name).await);
    }
    let [blue, choir, green, hand] = [&groups[0], &groups[1], &groups[2], &groups[3]];
    let rules = json!([
        rule(
            "team",
            "blue",
            json!({ "group_ids": [blue, choir], "account_type": "teacher" })
        ),
        rule(
            "team",
            "green",
            json!({ "group_ids": [green], "account_type": "student" })
        ),
    ]);
    set_rules(
        &school,
        &connection,
        json!({ "rules": rules, "apply": "always" }),
    )
    .await;
    let as_team = async |team: &str| {
        let claims = json!({ "sub": "ida", "team": team, "name": "Ida" });
        comes(&school, &connection, (&provider, claims)).await
    };
    let ida = as_team("blue").await;
    assert_eq!(ida["account_type"], "teacher");
    assert_eq!(groups_of(&ida), ["Blue", "Choir"]);
    let id = text(&ida["account_id"]);
    // By hand into one group, and into one that the rules gave: both stay.
    let path = school.path(&format!("/groups/{hand}"));
    school.add_to_group(&path, &[&id], "member").await;
    let roles = school.path(&format!("/groups/{choir}/members/{id}"));
    let managing = school
        .admin
        .patch(&roles, json!({ "role": "manager" }))
        .await;
    managing.expect_status(200);

    let ida = as_team("green").await;
    assert_eq!(ida["account_type"], "student");
    assert_eq!(groups_of(&ida), ["Choir", "Green", "Hand"]);
    let removed = school.events("group.members_removed").await;
    assert_eq!(removed[0]["details"]["connection_id"], connection["id"]);
    assert_eq!(removed[0]["details"]["account_ids"], json!([id]));
    // What a manager takes somebody out of, no rule gives again.
    let out = school.path(&format!("/groups/{green}/members/remove"));
    let out = school
        .admin
        .post(&out, json!({ "account_ids": [id] }))
        .await;
    out.expect_status(200);
    let ida = as_team("green").await;
    assert_eq!(groups_of(&ida), ["Choir", "Hand"]);
    // Without a match nothing is given, and no account type is anybody's guess.
    as_team("blue").await;
    let ida = as_team("none").await;
    assert_eq!(ida["account_type"], "teacher");
    assert_eq!(groups_of(&ida), ["Choir", "Hand"]);
    // What was left out for its size is no answer.
    as_team("blue").await;
    let claims = json!({ "sub": "ida", "_claim_names": { "team": "src1" } });
    let ida = comes(&school, &connection, (&provider, claims)).await;
    assert_eq!(ida["account_type"], "teacher");
    assert_eq!(groups_of(&ida), ["Blue", "Choir", "Hand"]);
    let diagnoses = school
        .admin
        .get(&school.path("/diagnoses?limit=1"))
        .await
        .expect_status(200);
    let steps = diagnoses["items"][0]["steps"].as_array().unwrap();
    let said = steps
        .iter()
        .find(|step| step["name"] == "rules")
        .expect("a step");
    assert_eq!(said["result"], "warning");
    assert!(text(&said["expected"]).contains("`team`"), "{said}");
    // The groups are theirs once the connection is gone.
    let path = format!("{}?force=true", path_of(&school, &connection));
    school.admin.delete(&path).await.expect_status(204);
    let ida = member(&school, &json!(id)).await;
    assert_eq!(groups_of(&ida), ["Blue", "Choir", "Hand"]);
});

both_databases!(
    no_rule_lowers_an_admin_nor_trusts_a_foreign_password,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        vouched(app, &school, "hill.example").await;
        let rules = json!([
            rule("role", "teacher", json!({ "account_type": "teacher" })),
            rule("role", "pupil", json!({ "account_type": "student" })),
        ]);
        set_rules(
            &school,
            &connection,
            json!({ "rules": rules, "apply": "always" }),
        )
        .await;
        // The admin links their own account, and is called a pupil.
        let claims = json!({ "sub": "root", "role": "pupil" });
        let end = go_round(
            &school.admin,
            &connection,
            (&provider, claims),
            json!({ "purpose": "link" }),
        )
        .await;
        exchange(app, &ticket_of(&end)).await.expect_status(200);
        let admin = member(&school, &json!(school.admin.id)).await;
        assert_eq!(
            (&admin["account_type"], &admin["role"]),
            (&json!("teacher"), &json!("admin"))
        );
        // Whose password the school has set stays a pupil, whatever the provider says.
        let list = format!("email,password,username\nset@hill.example,{PASSWORD},Set\n");
        school.import_students(list).await;
        let claims = json!({ "sub": "set", "email": "set@hill.example", "role": "teacher" });
        let set = comes(&school, &connection, (&provider, claims.clone())).await;
        assert_eq!(set["account_type"], "student");
        let diagnoses = school
            .admin
            .get(&school.path("/diagnoses?limit=1"))
            .await
            .expect_status(200);
        let shown = diagnoses["items"][0]["steps"].to_string();
        assert!(shown.contains("that somebody else may open"), "{shown}");
    }
);

both_databases!(without_a_seat_of_the_type_a_member_keeps_theirs, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let come_as = async |sub: &str, role: &str| {
        let claims = json!({ "sub": sub, "role": role });
        come(&school, &connection, &provider, claims).await
    };
    come_as("ida", "pupil").await.expect_status(200);
    let limits = json!({ "total": null, "by_account_type": { "student": null, "teacher": 1 } });
    let operator = app.operator().await;
    operator
        .put(&school.path("/seats"), limits)
        .await
        .expect_status(200);
    let rules = json!([rule(
        "role",
        "teacher",
        json!({ "account_type": "teacher" })
    )]);
    set_rules(
        &school,
        &connection,
        json!({ "rules": rules, "apply": "always" }),
    )
    .await;
    // A member is not locked out by the ledger; somebody new is.
    let again = come_as("ida", "teacher").await.expect_status(200);
    let ida = holder(app, &again).get("/v1/me").await.expect_status(200);
    assert_eq!(member(&school, &ida["id"]).await["account_type"], "student");
    come_as("new", "teacher")
        .await
        .expect_problem(409, "no_seat");
    come_as("other", "pupil").await.expect_status(200);
});

both_databases!(rules_are_checked_where_they_are_written, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let other = app.organization("Other School", "school").await;
    let foreign = new_group(&other, "Foreign").await;
    let path = path_of(&school, &connection);
    let many: Vec<Value> = (0..101)
        .map(|_| rule("a", "b", json!({ "account_type": "student" })))
        .collect();
    for (rules, pointer, code) in [
        (
            json!([rule("role", "a", json!({ "group_ids": [foreign] }))]),
            "/rules/0/then/group_ids/0",
            "not_found",
        ),
        (
            json!([rule("role", "a", json!({ "account_type": "learner" }))]),
            "/rules/0/then/account_type",
            "account_type_not_in_kind",
        ),
        (
            json!([rule("role", "a", json!({}))]),
            "/rules/0/then",
            "missing",
        ),
        (
            json!([rule("", "a", json!({ "account_type": "student" }))]),
            "/rules/0/when/claim",
            "invalid",
        ),
        (
            json!([rule("role", "a\u{0}", json!({ "account_type": "student" }))]),
            "/rules/0/when/value",
            "invalid",
        ),
        (json!(many), "/rules", "too_many"),
    ] {
        for refused in [
            school.admin.patch(&path, json!({ "rules": rules })).await,
            preview(&school, &connection, json!({ "rules": rules })).await,
        ] {
            let problem = refused.expect_problem(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer);
            assert_eq!(problem["errors"][0]["code"], code);
        }
    }
    let wrong =
        json!({ "rules": [{ "when": { "claim": "a", "is": "like", "value": "b" }, "then": {} }] });
    school.admin.patch(&path, wrong).await.expect_status(400);
    // A group that is deleted later is not given, and the step says so.
    let group = new_group(&school, "Gone").await;
    let rules = json!([rule("role", "pupil", json!({ "group_ids": [group] }))]);
    set_rules(&school, &connection, json!({ "rules": rules })).await;
    school
        .admin
        .delete(&school.path(&format!("/groups/{group}")))
        .await
        .expect_status(204);
    let ida = comes(
        &school,
        &connection,
        (&provider, json!({ "sub": "ida", "role": "pupil" })),
    )
    .await;
    assert!(groups_of(&ida).is_empty());
    let shown = preview(&school, &connection, json!({})).await;
    assert_eq!(shown.expect_status(200)["people_changed"], 0);
    // Others' rules are nobody's here.
    let foreign = format!("{}/rules/preview", path_of(&other, &connection));
    other
        .admin
        .post(&foreign, json!({}))
        .await
        .expect_problem(404, "not_found");
});

both_databases!(a_preview_tells_what_would_change, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let choir = new_group(&school, "Choir").await;
    for (sub, role) in [
        ("ann", "teacher"),
        ("bea", "pupil"),
        ("cat", "teacher"),
        ("dan", "left"),
    ] {
        let mut claims = json!({ "sub": sub, "name": sub, "role": role });
        if role == "left" {
            claims = json!({ "sub": sub, "name": sub, "_claim_names": { "role": "src1" } });
        }
        come(&school, &connection, &provider, claims)
            .await
            .expect_status(200);
    }
    let gift = json!({ "account_type": "teacher", "group_ids": [choir] });
    let rules = json!([rule("role", "teacher", gift.clone())]);
    let shown = preview(&school, &connection, json!({ "rules": rules }))
        .await
        .expect_status(200);
    assert_eq!(shown["people_checked"], 4);
    assert_eq!(shown["people_changed"], 2);
    assert_eq!(shown["people_left_out"], 1);
    assert_eq!(shown["people"][0]["username"], "ann");
    assert_eq!(
        shown["people"][0]["now"],
        json!({ "account_type": "student", "groups": [] })
    );
    let then = json!({ "account_type": "teacher", "groups": [{ "id": choir, "name": "Choir" }] });
    assert_eq!(shown["people"][0]["then"], then);
    assert_eq!(shown["people"][1]["username"], "cat");
    assert_eq!(shown["next_cursor"], Value::Null);
    assert_eq!(shown["people_unreadable"], 0);
    assert_eq!(shown["claims_unseen"], json!([]));
    let seats = json!({
        "student": { "limit": null, "used": 4, "then_used": 2 },
        "teacher": { "limit": null, "used": 1, "then_used": 3 },
    });
    assert_eq!(shown["seats"], seats);
    // By pages, the counts are of all.
    let path = format!("{}/rules/preview?limit=1", path_of(&school, &connection));
    let body = json!({ "rules": rules });
    let first = school
        .admin
        .post(&path, body.clone())
        .await
        .expect_status(200);
    assert_eq!(
        (&first["people"][0]["username"], &first["people_changed"]),
        (&json!("ann"), &json!(2))
    );
    let next = format!("{path}&cursor={}", text(&first["next_cursor"]));
    let second = school.admin.post(&next, body).await.expect_status(200);
    assert_eq!(second["people"].as_array().unwrap().len(), 1);
    assert_eq!(second["people"][0]["username"], "cat");
    assert_eq!(second["next_cursor"], Value::Null);
    // Nothing changed, and nothing is to change by the rules that there are: none.
    let shown = preview(&school, &connection, json!({}))
        .await
        .expect_status(200);
    assert_eq!(
        (&shown["people_changed"], &shown["people_checked"]),
        (&json!(0), &json!(4))
    );
    // Of claims.
    let claims = json!({ "rules": rules, "claims": { "role": ["x", "teacher"] } });
    let shown = preview(&school, &connection, claims)
        .await
        .expect_status(200);
    assert_eq!(shown["people"][0]["account_id"], Value::Null);
    assert_eq!(shown["people"][0]["now"], Value::Null);
    assert_eq!(shown["people"][0]["then"], then);
    assert_eq!(
        (&shown["people_checked"], &shown["people_changed"]),
        (&json!(1), &json!(1))
    );
    // Who comes with claims that no rule asks for comes in as without rules.
    let claims = json!({ "rules": rules, "claims": { "role": "pupil" } });
    let shown = preview(&school, &connection, claims)
        .await
        .expect_status(200);
    assert_eq!(
        shown["people"][0]["then"],
        json!({ "account_type": "student", "groups": [] })
    );
    assert_eq!(shown["people_changed"], 0);
    // A claim that nobody has is named; one that was left out for its size is none of them.
    let of = |claim: &str| rule(claim, "teacher", gift.clone());
    let mistyped = json!([of("Role"), of("role"), of("roles.of"), of("roles.of")]);
    let shown = preview(&school, &connection, json!({ "rules": mistyped }))
        .await
        .expect_status(200);
    assert_eq!(shown["claims_unseen"], json!(["Role", "roles.of"]));
    let claims = json!({ "rules": mistyped, "claims": { "roles": { "of": "pupil" } } });
    let shown = preview(&school, &connection, claims)
        .await
        .expect_status(200);
    assert_eq!(shown["claims_unseen"], json!(["Role", "role"]));
    // What is sealed for another place cannot be read, and is counted.
    let mixed_up = app.as_cli(|tx| {
        let mix_up = "UPDATE identity_claims SET sealed =
             (SELECT sealed FROM connections WHERE sealed IS NOT NULL LIMIT 1)";
        Ok(tx.connection.batch_execute(mix_up)?)
    });
    mixed_up.expect("no connection");
    let shown = preview(&school, &connection, json!({ "rules": rules }))
        .await
        .expect_status(200);
    assert_eq!(
        (&shown["people_checked"], &shown["people_unreadable"]),
        (&json!(0), &json!(4))
    );
    // A month later nobody is known any more.
    app.advance(Duration::from_secs(31 * 24 * 60 * 60));
    app.drain().await;
    let admin = app.sign_in(&school.admin.email, PASSWORD).await;
    let path = format!("{}/rules/preview", path_of(&school, &connection));
    let shown = admin
        .post(&path, json!({ "rules": rules }))
        .await
        .expect_status(200);
    assert_eq!(shown["people_checked"], 0);
});

both_databases!(a_test_tells_what_rules_would_make, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let choir = new_group(&school, "Choir").await;
    let gift = json!({ "account_type": "teacher", "group_ids": [choir] });
    let rules = json!([rule("role", "teacher", gift)]);
    set_rules(&school, &connection, json!({ "rules": rules })).await;
    let claims = json!({ "sub": "ann", "role": "teacher" });
    let tested = test(&school, &connection, &provider, claims).await;
    let would = json!({
        "account": "account_created", "account_type": "teacher",
        "groups": [{ "id": choir, "name": "Choir" }], "seat": true,
    });
    assert_eq!(tested["would"], would);
    let shown = preview(&school, &connection, json!({}))
        .await
        .expect_status(200);
    assert_eq!(shown["people_checked"], 0);
});

both_databases!(
    whom_a_manager_took_out_stays_out_with_another_address,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        vouched(app, &school, "hill.example").await;
        let group = new_group(&school, "Choir").await;
        let rules = json!([rule("role", "pupil", json!({ "group_ids": [group] }))]);
        set_rules(
            &school,
            &connection,
            json!({ "rules": rules, "apply": "always" }),
        )
        .await;
        let come_as = async |email: &str| {
            let claims = json!({ "sub": "pia", "role": "pupil", "email": email });
            comes(&school, &connection, (&provider, claims)).await
        };
        let pia = come_as("pia@hill.example").await;
        assert_eq!(groups_of(&pia), ["Choir"]);
        let out = school.path(&format!("/groups/{group}/members/remove"));
        let out = school
            .admin
            .post(&out, json!({ "account_ids": [pia["account_id"]] }))
            .await;
        out.expect_status(200);
        let renamed = come_as("pia.new@hill.example").await;
        assert_eq!(renamed["account_id"], pia["account_id"]);
        assert_eq!(renamed["email"], "pia.new@hill.example");
        assert!(groups_of(&renamed).is_empty(), "{renamed}");
    }
);

both_databases!(claims_of_a_preview_are_bounded, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let large = json!({ "claims": { "groups": vec!["g".repeat(100); 700] } });
    let refused = preview(&school, &connection, large).await;
    refused.expect_fields(&[("/claims", "too_long")]);
    // Each dot may be the border between two claims, and so doubles the work: names of many dots are not looked for inside.
    for (dots, expected) in [(8, "teacher"), (9, "student")] {
        let name = "a.".repeat(dots) + "a";
        let claims = (0..=dots).fold(json!("x"), |inner, _| json!({ "a": inner }));
        let teacher = rule(&name, "x", json!({ "account_type": "teacher" }));
        let tried = json!({ "rules": [teacher], "claims": claims });
        let shown = preview(&school, &connection, tried).await;
        let then = &shown.expect_status(200)["people"][0]["then"];
        assert_eq!(then["account_type"], expected, "{dots} dots");
    }
});
