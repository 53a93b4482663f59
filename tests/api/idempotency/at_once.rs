//! Twins that arrive at the same moment, at one server or at several.

use futures_util::future::join_all;
use rollcall::domain::imports::ImportStatus;
use serde_json::json;

use super::{KEY, accounts_with, ann, listed, post, upload};
use crate::support::app::block_on;
use crate::support::invariants;
use crate::support::people::PASSWORD;
use crate::support::{App, TestResponse, both_databases};

both_databases!(ten_at_once_have_one_effect_and_one_answer, |app| {
    let school = app.school().await;
    let registrations = join_all(
        (0..10).map(|_| async { post(&app.anonymous(), KEY, "/v1/auth/register", ann()).await }),
    );
    expect_one_answer(&registrations.await, 201);
    assert_eq!(accounts_with(app, "ann@x.example"), 1);
    let body = json!({ "name": "Lake Side School", "kind": "school" });
    let organizations =
        join_all((0..10).map(|_| post(&school.admin, KEY, "/v1/organizations", body.clone())));
    expect_one_answer(&organizations.await, 201);
    assert_eq!(listed(&school.admin, "/v1/organizations").await, 2);
    let change = json!({ "current_password": PASSWORD, "new_password": "eight brown geese 8" });
    let changes = join_all((0..10).map(|_| {
        post(
            &school.admin,
            "change",
            "/v1/auth/password/change",
            change.clone(),
        )
    }));
    expect_one_answer(&changes.await, 204);
    let csv = "email,password,username\nben@x.example,seven green ducks 7,Ben\n";
    let uploads =
        join_all((0..5).map(|_| upload(&school, "file", &[("account_type", "student")], csv)));
    expect_one_answer(&uploads.await, 202);
    assert_eq!(listed(&school.admin, &school.path("/imports")).await, 1);
    let staging = invariants::imports_that_are(&app.state.services.pool, &[ImportStatus::Staging]);
    assert_eq!(staging, 0);
});

fn expect_one_answer(answers: &[TestResponse], status: u16) {
    let new = answers
        .iter()
        .filter(|answer| answer.header("idempotent-replayed").is_empty());
    assert_eq!(new.count(), 1, "{answers:?}");
    for answer in answers {
        answer.expect_status(status);
        assert_eq!(answer.text, answers[0].text);
    }
}

#[test]
fn two_servers_at_once_do_it_once() {
    let apps = [Some(App::on_sqlite()), App::on_postgres()];
    for app in apps.iter().flatten() {
        let replica = app.replica();
        block_on(async {
            let registrations = (0..10).map(|number| {
                let anonymous = if number % 2 == 0 { app } else { &replica }.anonymous();
                async move { post(&anonymous, KEY, "/v1/auth/register", ann()).await }
            });
            expect_one_answer(&join_all(registrations).await, 201);
            assert_eq!(accounts_with(app, "ann@x.example"), 1);
        });
    }
}
