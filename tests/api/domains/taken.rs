//! A domain is proven by one organization at a time.

use futures_util::future::join_all;

use super::*;

async fn two(app: &App) -> [Organization<'_>; 2] {
    let one = app.organization("One School", "school").await;
    [one, app.organization("Other School", "school").await]
}

both_databases!(who_proves_a_domain_first_has_it, |app| {
    let [mut one, mut other] = two(app).await;
    let name = name_in(app, "hill");
    let (first, second) = (add(&one, &name).await, add(&other, &name).await);
    assert_ne!(first["record"]["value"], second["record"]["value"]);
    publish(&first);
    publish(&second);
    check(&one, &first).await.expect_status(200);
    check(&other, &second)
        .await
        .expect_problem(409, "domain_taken");
    let pending = now(&other, &second).await;
    assert_eq!(pending["status"], "pending");
    assert_eq!(pending["checked_at"], "2026-09-01T07:30:00Z");
    a_day_later(app, &mut [&mut one, &mut other]).await;
    assert_eq!(now(&other, &second).await["status"], "pending");
    assert_eq!(now(&one, &first).await["status"], "proven");
    let operator = app.operator().await;
    let vouch = json!({ "vouched": true });
    let path = path_of(&other, &second);
    operator
        .patch(&path, vouch)
        .await
        .expect_problem(409, "domain_taken");
    assert_eq!(count_events(&other, "domain.proven").await, 0);

    one.admin
        .delete(&path_of(&one, &first))
        .await
        .expect_status(204);
    let proven = check(&other, &second).await.expect_status(200);
    assert_eq!(proven["status"], "proven");
});

both_databases!(what_has_lapsed_is_free_for_others, |app| {
    let [mut one, mut other] = two(app).await;
    let name = name_in(app, "hill");
    let first = prove(&one, &name).await;
    withdraw(&first);
    for _ in 0..8 {
        a_day_later(app, &mut [&mut one, &mut other]).await;
    }
    assert_eq!(now(&one, &first).await["status"], "lapsed");
    prove(&other, &name).await;
    publish(&first);
    check(&one, &first)
        .await
        .expect_problem(409, "domain_taken");
    a_day_later(app, &mut [&mut one, &mut other]).await;
    assert_eq!(now(&one, &first).await["status"], "lapsed");
});

both_databases!(of_organizations_that_prove_at_once_one_does, |app| {
    let name = name_in(app, "hill");
    let mut domains = Vec::new();
    for number in 0..4 {
        let school = app
            .organization(&format!("School {number}"), "school")
            .await;
        let domain = add(&school, &name).await;
        publish(&domain);
        domains.push((school, domain));
    }
    let checks = domains.iter().map(|(school, domain)| check(school, domain));
    let answers = join_all(checks).await;
    let (proven, others): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 200);
    assert_eq!(proven.len(), 1);
    for refused in others {
        refused.expect_problem(409, "domain_taken");
    }
});

both_databases!(a_domain_is_its_organizations_alone, |app| {
    let [one, other] = two(app).await;
    let domain = prove(&one, &name_in(app, "hill")).await;
    let of_other = path_of(&other, &domain);
    let admin = &other.admin;
    admin.get(&of_other).await.expect_problem(404, "not_found");
    admin
        .delete(&of_other)
        .await
        .expect_problem(404, "not_found");
    let open = json!({ "joining": "open" });
    admin
        .patch(&of_other, open)
        .await
        .expect_problem(404, "not_found");
    check(&other, &domain)
        .await
        .expect_problem(404, "not_found");
    let theirs = path_of(&one, &domain);
    admin.get(&theirs).await.expect_problem(404, "not_found");
    admin.delete(&theirs).await.expect_problem(404, "not_found");
    assert_eq!(now(&one, &domain).await, domain);
});
