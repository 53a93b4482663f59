//! A key never does more than its creator may do at that moment.

use super::*;
use crate::support::people::PASSWORD;

/// A second admin who joined by themselves, and a key of theirs.
async fn second_admin<'a>(app: &'a App, school: &Organization<'_>) -> (Person<'a>, Person<'a>) {
    let bob = app.register("bob@x.example").await;
    app.join(school, &bob, "teacher").await;
    make_admin(school, &bob).await;
    let bob = app.sign_in(&bob.email, PASSWORD).await;
    let key = create(&bob, school, &["organization:read"]).await;
    (bob, bearer(app, &key))
}

async fn make_admin(school: &Organization<'_>, who: &Person<'_>) {
    who.app.verify_email_by_reset(&who.id);
    let admin = json!({ "role": "admin" });
    let changed = school.admin.patch(&school.path_of(&who.id), admin).await;
    changed.expect_status(200);
}

both_databases!(who_is_no_admin_any_more_has_no_powerful_key, |app| {
    let school = app.school().await;
    let (bob, key) = second_admin(app, &school).await;
    let seats = school.path("/seats");
    key.get(&seats).await.expect_status(200);
    let member = json!({ "role": "member" });
    let of_bob = school.path_of(&bob.id);
    school.admin.patch(&of_bob, member).await.expect_status(200);
    key.get(&seats).await.expect_problem(403, "forbidden");
    // The key stands in the list, so that an admin can revoke it.
    assert_eq!(listed(&school).await.len(), 1);
    make_admin(&school, &bob).await;
    key.get(&seats).await.expect_status(200);
});

both_databases!(who_leaves_takes_the_power_of_the_key_along, |app| {
    let school = app.school().await;
    let (bob, key) = second_admin(app, &school).await;
    let leave = format!("/v1/me/memberships/{}", school.id);
    bob.delete(&leave).await.expect_status(204);
    let refused = key.get(&school.path("/seats")).await;
    refused.expect_problem(404, "not_found");
});

both_databases!(who_is_removed_takes_the_power_of_the_key_along, |app| {
    let school = app.school().await;
    let (bob, key) = second_admin(app, &school).await;
    let removed = school.admin.delete(&school.path_of(&bob.id)).await;
    removed.expect_status(204);
    let refused = key.get(&school.path("/seats")).await;
    refused.expect_problem(404, "not_found");
});

both_databases!(a_deactivated_member_has_no_powerful_key, |app| {
    let school = app.school().await;
    let (bob, key) = second_admin(app, &school).await;
    let seats = school.path("/seats");
    let of_bob = school.path_of(&bob.id);
    let deactivate = format!("{of_bob}/deactivate");
    let done = school.admin.post(&deactivate, json!({})).await;
    done.expect_status(200);
    key.get(&seats).await.expect_problem(404, "not_found");
    let reactivate = format!("{of_bob}/reactivate");
    let done = school.admin.post(&reactivate, json!({})).await;
    done.expect_status(200);
    key.get(&seats).await.expect_status(200);
});

both_databases!(a_deactivated_account_has_no_key, |app| {
    let school = app.school().await;
    school
        .import_students("email,password,username\nbob@x.org,quiet rivers 11,Bob\n")
        .await;
    let bob = app.sign_in("bob@x.org", "quiet rivers 11").await;
    make_admin(&school, &bob).await;
    let bob = app.sign_in("bob@x.org", "quiet rivers 11").await;
    let key = bearer(app, &create(&bob, &school, &["organization:read"]).await);
    let seats = school.path("/seats");
    key.get(&seats).await.expect_status(200);
    let deactivate = format!("{}/deactivate", school.path_of(&bob.id));
    let done = school.admin.post(&deactivate, json!({})).await;
    done.expect_status(200);
    key.get(&seats).await.expect_problem(401, "not_signed_in");
});

both_databases!(a_key_goes_with_its_creators_account, |app| {
    let school = app.school().await;
    let (bob, key) = second_admin(app, &school).await;
    let id = text(&listed(&school).await[0]["id"]);
    let deleted = bob.delete("/v1/me").await;
    deleted.expect_status(204);
    let refused = key.get(&school.path("/seats")).await;
    refused.expect_problem(401, "not_signed_in");
    assert!(listed(&school).await.is_empty());
    let log = school.events_on(&id).await;
    assert_eq!(log[0]["action"], "api_key.created");
    assert_eq!(log[0]["actor"]["name"], "bob@x.example");
});

both_databases!(a_key_goes_with_its_organization, |app| {
    let school = app.school().await;
    let key = reader(app, &school).await;
    let deleted = school.admin.delete(&school.path("")).await;
    deleted.expect_status(204);
    let refused = key.get(&school.path("/seats")).await;
    refused.expect_problem(401, "not_signed_in");
});

both_databases!(a_key_does_not_end_with_a_session, |app| {
    let school = app.school().await;
    let key = reader(app, &school).await;
    let out = school.admin.delete("/v1/me/sessions").await;
    out.expect_status(204);
    key.get(&school.path("/seats")).await.expect_status(200);
    app.sign_in(&school.admin.email, PASSWORD).await;
});
