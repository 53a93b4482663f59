//! Who may open what, why, and who may ask.

use rollcall::domain::resource::Resource;
use rollcall::store::access::{self, AccessQuestion};

use super::*;

both_databases!(the_reason_is_the_group_that_opens_the_longest, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let mut groups = Vec::new();
    for name in ["Z first", "7B", "7C", "7D"] {
        let group = school.new_group(name).await;
        school.add_to_group(&group, &[&ann.id], "member").await;
        groups.push(group);
    }
    let set = async |place: usize, until: Value| {
        let until = json!({ "expires_at": until });
        grant(&school.admin, &groups[place], "course/1", until).await
    };
    set(1, json!(IN_JUNE)).await;
    assert_eq!(
        reason(&school, &ann.id, "1").await,
        ("7B".to_owned(), json!(IN_JUNE))
    );
    set(2, json!(IN_JULY)).await;
    assert_eq!(
        reason(&school, &ann.id, "1").await,
        ("7C".to_owned(), json!(IN_JULY))
    );
    // Of those that end alike, the oldest group.
    set(0, json!(IN_JULY)).await;
    assert_eq!(reason(&school, &ann.id, "1").await.0, "Z first");
    set(3, json!(null)).await;
    assert_eq!(
        reason(&school, &ann.id, "1").await,
        ("7D".to_owned(), json!(null))
    );
    set(1, json!(null)).await;
    assert_eq!(
        reason(&school, &ann.id, "1").await,
        ("7B".to_owned(), json!(null))
    );
    // Where the longest is gone, the next one is the reason.
    for place in [1, 3] {
        let path = format!("{}/grants/course/1", groups[place]);
        school.admin.delete(&path).await.expect_status(204);
    }
    assert_eq!(reason(&school, &ann.id, "1").await.0, "Z first");
});

both_databases!(only_active_members_of_the_group_may_open_it, |app| {
    let school = app.school().await;
    let [ann, bob, cid] = students(app, &school).await;
    let dan = app.register("dan@x.org").await;
    app.join(&school, &dan, "student").await;
    let group = school.new_group("7A").await;
    let people = [&ann.id, &bob.id, &cid.id, &dan.id];
    school.add_to_group(&group, &people, "member").await;
    grant(&school.admin, &group, "course/1", json!({})).await;
    for id in people {
        reason(&school, id, "1").await;
    }
    // Managers are in the group too.
    reason(&school, &school.admin.id, "1").await;
    // An account that the organization manages, and one that it does not.
    for id in [&ann.id, &dan.id] {
        school.deactivate(&school.path_of(id)).await;
        expect_closed(&school, id, "1").await;
        school.reactivate(&school.path_of(id)).await;
        reason(&school, id, "1").await;
    }
    let remove = json!({ "account_ids": [bob.id] });
    let removed = school
        .admin
        .post(&format!("{group}/members/remove"), remove)
        .await;
    removed.expect_status(200);
    expect_closed(&school, &bob.id, "1").await;
    let removed = school.admin.delete(&school.path_of(&cid.id)).await;
    removed.expect_status(204);
    expect_closed(&school, &cid.id, "1").await;
    let left = dan
        .delete(&format!("/v1/me/memberships/{}", school.id))
        .await;
    left.expect_status(204);
    expect_closed(&school, &dan.id, "1").await;
});

both_databases!(a_closed_account_opens_nothing, |app| {
    use diesel::prelude::*;
    use rollcall::domain::ids::AccountId;
    use rollcall::store::schema::accounts;
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&ann.id], "member").await;
    grant(&school.admin, &group, "course/1", json!({})).await;
    let id: AccountId = ann.id.parse().unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::update(accounts::table.find(id))
        .set(accounts::deactivated_at.eq(app.now()))
        .execute(&mut **connection)
        .unwrap();
    drop(connection);
    expect_closed(&school, &ann.id, "1").await;
});

both_databases!(staff_learn_of_no_group_that_they_do_not_manage, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let tom = app.register("tom@x.org").await;
    app.join(&school, &tom, "teacher").await;
    let (managed, support) = (
        school.new_group("7A").await,
        school.new_group("Support").await,
    );
    school.add_to_group(&managed, &[&tom.id], "manager").await;
    school.add_to_group(&managed, &[&ann.id], "member").await;
    school
        .add_to_group(&support, &[&tom.id, &ann.id], "member")
        .await;
    for (group, id, until) in [
        (&managed, "1", IN_JUNE),
        (&support, "2", IN_JUNE),
        (&managed, "3", IN_JUNE),
        (&support, "3", IN_JULY),
    ] {
        let body = json!({ "expires_at": until });
        grant(&school.admin, group, &format!("course/{id}"), body).await;
    }
    let told = async |who: &Person<'_>, account: &str| {
        let ids = ["1", "2", "3", "4"];
        let resources = ids.map(|id| json!({ "type": "course", "id": id }));
        let question = json!({ "account_id": account, "resources": resources });
        let answers = who.post(&school.path("/access"), question).await;
        let answers = answers.expect_status(200);
        let mut told = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            let one = ask(who, &school, account, id).await.expect_status(200);
            let among = &answers["results"][place];
            assert_eq!(
                (&one["allowed"], &one["reason"]),
                (&among["allowed"], &among["reason"])
            );
            let group = one["reason"]["group"]["name"].clone();
            told.push((one["allowed"] == true, group));
        }
        told
    };
    let (own, foreign) = (json!("7A"), json!("Support"));
    let none = json!(null);
    assert_eq!(
        told(&tom, &ann.id).await,
        [
            (true, own.clone()),
            (true, none.clone()),
            (true, none.clone()),
            (false, none.clone())
        ]
    );
    for (who, account) in [(&school.admin, &ann.id), (&ann, &ann.id), (&tom, &tom.id)] {
        assert_eq!(
            told(who, account).await,
            [
                (true, own.clone()),
                (true, foreign.clone()),
                (true, foreign.clone()),
                (false, none.clone())
            ]
        );
    }
});

both_databases!(who_may_ask_of_whom, |app| {
    let school = app.school().await;
    let [ann, bob, cid] = students(app, &school).await;
    let tom = app.register("tom@x.org").await;
    app.join(&school, &tom, "teacher").await;
    let managed = school.new_group("7A").await;
    school.add_to_group(&managed, &[&tom.id], "manager").await;
    school.add_to_group(&managed, &[&ann.id], "member").await;
    let visited = school.new_group("7B").await;
    school
        .add_to_group(&visited, &[&tom.id, &bob.id], "member")
        .await;
    grant(&school.admin, &managed, "course/1", json!({})).await;
    let is_allowed = async |who: &Person<'_>, account: &str| {
        let answer = ask(who, &school, account, "1").await;
        answer.expect_status(200)["allowed"] == true
    };
    assert!(is_allowed(&tom, &tom.id).await);
    assert!(is_allowed(&tom, &ann.id).await);
    assert!(is_allowed(&ann, &ann.id).await);
    assert!(!is_allowed(&bob, &bob.id).await);
    assert!(is_allowed(&app.operator().await, &ann.id).await);
    let unknown = "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11".to_owned();
    let others = [
        (&tom, [&bob.id, &cid.id, &unknown]),
        (&ann, [&bob.id, &tom.id, &unknown]),
    ];
    for (who, accounts) in others {
        for account in accounts {
            let refused = ask(who, &school, account, "1").await;
            refused.expect_problem(404, "not_found");
            let resources = json!([{ "type": "course", "id": "1" }]);
            let question = json!({ "account_id": account, "resources": resources });
            let refused = who.post(&school.path("/access"), question).await;
            refused.expect_problem(404, "not_found");
        }
    }
    // Nothing tells an account of elsewhere from one that does not exist.
    let elsewhere = app.register("eve@x.org").await;
    for account in [&unknown, &elsewhere.id] {
        expect_closed(&school, account, "1").await;
    }
    let refused = ask(&elsewhere, &school, &elsewhere.id, "1").await;
    refused.expect_problem(404, "not_found");
});

both_databases!(a_key_asks_what_its_creator_may_ask, |app| {
    let school = app.school().await;
    let [ann, bob, _] = students(app, &school).await;
    let tess = app.register("tess@x.org").await;
    app.join(&school, &tess, "teacher").await;
    app.verify_email_by_reset(&tess.id);
    let admin = json!({ "role": "admin" });
    let of_tess = school.path_of(&tess.id);
    school.admin.patch(&of_tess, admin).await.expect_status(200);
    let tess = app.sign_in("tess@x.org", PASSWORD).await;
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&tess.id], "manager").await;
    school.add_to_group(&group, &[&ann.id], "member").await;
    let body = json!({ "name": "Library", "scopes": ["access:read", "grants:read"] });
    let created = tess.post(&school.path("/api-keys"), body).await;
    let key = Person {
        access_token: Some(text(&created.expect_status(201)["key"])),
        ..Person::anonymous(app)
    };
    ask(&key, &school, &bob.id, "1").await.expect_status(200);
    key.get(&format!("{group}/grants")).await.expect_status(200);
    let set = key
        .put(&format!("{group}/grants/course/1"), json!({}))
        .await;
    let refused = set.expect_problem(403, "forbidden");
    let lacks = "This API key does not have the scope `grants:write`.";
    assert_eq!(refused["detail"], lacks);
    let member = json!({ "role": "member" });
    school
        .admin
        .patch(&of_tess, member)
        .await
        .expect_status(200);
    ask(&key, &school, &ann.id, "1").await.expect_status(200);
    let refused = ask(&key, &school, &bob.id, "1").await;
    refused.expect_problem(404, "not_found");
});

both_databases!(many_are_asked_for_in_one_call, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&ann.id], "member").await;
    grant(&school.admin, &group, "course/1", json!({})).await;
    let until = json!({ "expires_at": IN_JUNE });
    grant(&school.admin, &group, "task/2", until).await;
    let library = key(app, &school, &["access:read"]).await;
    let ask = async |resources: Value| {
        let question = json!({ "account_id": ann.id, "resources": resources });
        library.post(&school.path("/access"), question).await
    };
    let group = json!({ "id": school.id_of(&group), "name": "7A" });
    let open = |kind: &str, id: &str, until: Value| {
        let reason = json!({ "group": group, "until": until });
        json!({ "type": kind, "id": id, "allowed": true, "reason": reason })
    };
    let closed =
        |kind: &str, id: &str| json!({ "type": kind, "id": id, "allowed": false, "reason": null });
    // In their order, one twice; a type of one and the id of another make no third.
    let asked = json!([
        { "type": "task", "id": "2" },
        { "type": "course", "id": "2" },
        { "type": "course", "id": "1" },
        { "type": "task", "id": "1" },
        { "type": "task", "id": "2" },
    ]);
    let expected = json!({ "results": [
        open("task", "2", json!(IN_JUNE)),
        closed("course", "2"),
        open("course", "1", json!(null)),
        closed("task", "1"),
        open("task", "2", json!(IN_JUNE)),
    ] });
    ask(asked).await.expect(200, expected);
    let numbered = |count: usize| -> Value {
        let resource = |number: usize| json!({ "type": "course", "id": number.to_string() });
        (0..count).map(resource).collect()
    };
    let most = ask(numbered(500)).await.expect_status(200);
    let results = most["results"].as_array().unwrap();
    assert_eq!(results.len(), 500);
    let allowed: Vec<_> = results.iter().filter(|it| it["allowed"] == true).collect();
    assert_eq!(allowed.len(), 1);
    assert_eq!(allowed[0]["id"], "1");
    let refused = ask(numbered(501)).await;
    refused.expect_fields(&[("/resources", "too_many")]);
    ask(json!([]))
        .await
        .expect_fields(&[("/resources", "missing")]);
    let faulty = json!([
        { "type": "course", "id": "1" },
        { "type": "Course", "id": ".." },
        { "type": "", "id": "1" },
    ]);
    ask(faulty).await.expect_fields(&[
        ("/resources/1/type", "invalid"),
        ("/resources/1/id", "invalid"),
        ("/resources/2/type", "missing"),
    ]);
    let unknown = ask(json!([{ "type": "course", "id": "1", "until": null }])).await;
    unknown.expect_malformed(&[("/resources/0/until", "unknown_field")]);
});

both_databases!(a_question_names_all_of_its_parts, |app| {
    let school = app.school().await;
    let path = school.path("/access");
    let get = async |query: &str| school.admin.get(&format!("{path}?{query}")).await;
    let id = &school.admin.id;
    let without_id = get(&format!(
        "account_id={id}&resource_type=course&resource_id="
    ))
    .await;
    without_id.expect_malformed(&[("?resource_id", "missing")]);
    let bad_account = get("account_id=7&resource_type=course&resource_id=1").await;
    bad_account.expect_malformed(&[("?account_id", "invalid")]);
    let twice = format!("account_id={id}&resource_type=a&resource_id=1&resource_id=2");
    let refused = get(&twice).await;
    refused.expect_malformed(&[("?resource_id", "too_many")]);
    let bad_resource = get(&format!("account_id={id}&resource_type=A&resource_id=..")).await;
    bad_resource.expect_fields(&[("?resource_type", "invalid"), ("?resource_id", "invalid")]);
});

both_databases!(of_many_types_and_ids_only_the_pairs_are_read, |app| {
    let school = app.school().await;
    let [ann, ..] = students(app, &school).await;
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&ann.id], "member").await;
    for resource in ["a/1", "a/2", "b/1", "b/2"] {
        grant(&school.admin, &group, resource, json!({})).await;
    }
    let asked = ["a/1", "b/2", "c/1"].map(|resource| {
        let (resource_type, id) = resource.split_once('/').unwrap();
        Resource {
            resource_type: resource_type.parse().unwrap(),
            id: id.parse().unwrap(),
        }
    });
    let question = AccessQuestion {
        account: ann.id.parse().unwrap(),
        resources: &asked,
        at: app.now(),
    };
    let organization = school.id.parse().unwrap();
    let connection = &mut **app.state.services.pool.get().unwrap();
    let open = access::open_grants(connection, organization, &question).unwrap();
    let mut open: Vec<_> = open
        .iter()
        .map(|one| {
            format!(
                "{}/{}",
                one.resource_type.as_str(),
                one.resource_id.as_str()
            )
        })
        .collect();
    open.sort();
    assert_eq!(open, ["a/1", "b/2"]);
});
