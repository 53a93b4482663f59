//! Two organizations that know the same resources, and one person in both.

use super::*;

both_databases!(a_grant_opens_in_its_own_organization_only, |app| {
    let school = app.school().await;
    let (boss, company, theirs) = busy_company(app).await;
    let worker = app
        .sign_in("person1@busy.example", "Busy bees 1 buzz")
        .await;
    app.join(&school, &worker, "student").await;
    let ours = school.new_group("7A").await;
    school.add_to_group(&ours, &[&worker.id], "member").await;
    grant(&boss, &theirs, "course/1", json!({})).await;
    let until = json!({ "expires_at": IN_JUNE });
    grant(&boss, &theirs, "course/2", until.clone()).await;
    // In the company, where everybody is in the group; not in the school.
    reason(&company, &worker.id, "1").await;
    expect_closed(&school, &worker.id, "1").await;
    grant(&school.admin, &ours, "course/2", json!({})).await;
    assert_eq!(reason(&company, &worker.id, "2").await.1, json!(IN_JUNE));
    assert_eq!(reason(&school, &worker.id, "2").await.1, json!(null));
    // Many at once tell no more.
    let question = json!({
        "account_id": worker.id,
        "resources": [{ "type": "course", "id": "1" }, { "type": "course", "id": "2" }],
    });
    let many = school.admin.post(&school.path("/access"), question).await;
    let many = many.expect_status(200);
    assert_eq!(many["results"][0]["allowed"], false);
    assert_eq!(
        many["results"][1]["reason"]["group"]["id"],
        school.id_of(&ours)
    );
    // Who is deactivated in the one goes on in the other.
    school.deactivate(&school.path_of(&worker.id)).await;
    expect_closed(&school, &worker.id, "2").await;
    reason(&company, &worker.id, "2").await;
});

both_databases!(nobody_reaches_what_another_organization_opens, |app| {
    let school = app.school().await;
    let (boss, company, theirs) = busy_company(app).await;
    grant(&boss, &theirs, "course/1", json!({})).await;
    let library = key(
        app,
        &school,
        &["access:read", "grants:read", "grants:write"],
    )
    .await;
    let group = theirs.rsplit('/').next().unwrap();
    let as_ours = school.path(&format!("/groups/{group}"));
    for who in [&library, &school.admin] {
        for below in [&theirs, &as_ours] {
            let path = format!("{below}/grants/course/1");
            for answer in [
                who.get(&format!("{below}/grants")).await,
                who.get(&path).await,
                who.put(&path, json!({})).await,
                who.delete(&path).await,
            ] {
                answer.expect_problem(404, "not_found");
            }
        }
        let refused = ask(who, &company, &boss.id, "1").await;
        refused.expect_problem(404, "not_found");
        // Their people are nobody's of the school.
        let answer = ask(who, &school, &boss.id, "1").await;
        answer.expect(200, json!({ "allowed": false, "reason": null }));
    }
    reason(&company, &boss.id, "1").await;
    let log = company.events_on(group).await;
    assert_eq!(log[0]["action"], "grant.created");
});

both_databases!(an_organization_is_deleted_with_its_grants, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::grants;
    let school = app.school().await;
    let (boss, company, theirs) = busy_company(app).await;
    let group = school.new_group("7A").await;
    grant(&school.admin, &group, "course/1", json!({})).await;
    grant(&boss, &theirs, "course/1", json!({})).await;
    let deleted = school.admin.delete(&school.path("")).await;
    deleted.expect_status(204);
    let mut connection = app.state.services.pool.get().unwrap();
    let left: i64 = grants::table.count().get_result(&mut **connection).unwrap();
    drop(connection);
    assert_eq!(left, 1);
    reason(&company, &boss.id, "1").await;
});
