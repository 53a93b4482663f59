//! At the same moment: the last admin stays, the ledger is right, nothing hangs.

use futures_util::future::join_all;
use serde_json::json;

use super::{check_invariants, crowd, limit_seats};
use crate::support::people::{Organization, Person, seats_in_total, text};
use crate::support::{App, both_databases};

/// A school with a second admin.
async fn with_second_admin<'a>(app: &'a App, round: usize) -> (Organization<'a>, Person<'a>) {
    let school = app.organization(&format!("School {round}"), "school").await;
    let email = format!("second{round}@x.org");
    let csv = format!("email,password,username\n{email},quiet rivers 11,Second\n");
    school.import_students(csv).await;
    let second = app.sign_in(&email, "quiet rivers 11").await;
    app.verify_email_by_reset(&second.id);
    let admin = json!({ "role": "admin" });
    school
        .admin
        .patch(&school.path_of(&second.id), admin)
        .await
        .expect_status(200);
    let second = app.sign_in(&email, "quiet rivers 11").await;
    (school, second)
}

both_databases!(of_two_admins_who_remove_each_other_one_stays, |app| {
    for round in 0..6 {
        let (school, second) = with_second_admin(app, round).await;
        let (of_first, of_second) = (school.path_of(&school.admin.id), school.path_of(&second.id));
        let (one, two) = match round % 3 {
            0 => tokio::join!(school.admin.delete(&of_second), second.delete(&of_first)),
            1 => {
                let (first, other) = (
                    format!("{of_first}/deactivate"),
                    format!("{of_second}/deactivate"),
                );
                tokio::join!(
                    school.admin.post(&other, json!({})),
                    second.post(&first, json!({}))
                )
            }
            _ => {
                let member = json!({ "role": "member" });
                tokio::join!(
                    school.admin.patch(&of_second, member.clone()),
                    second.patch(&of_first, member)
                )
            }
        };
        let done = [&one, &two]
            .iter()
            .filter(|answer| answer.status.is_success())
            .count();
        assert_eq!(done, 1, "{} {}", one.text, two.text);
        // The other is no admin any more: removed, shut out, or a plain member.
        let refused = if one.status.is_success() { two } else { one };
        let code = refused.json()["code"].clone();
        let expected: &[&str] = match round % 3 {
            0 => &["not_found"],
            1 => &["not_found", "not_signed_in"],
            _ => &["forbidden"],
        };
        assert!(expected.iter().any(|it| code == *it), "{}", refused.text);
        check_invariants(app, &school);
    }
});

both_databases!(the_last_two_admins_delete_their_accounts_at_once, |app| {
    for round in 0..4 {
        let (school, second) = with_second_admin(app, round).await;
        let (one, two) = tokio::join!(school.admin.delete("/v1/me"), second.delete("/v1/me"));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409], "{} {}", one.text, two.text);
        check_invariants(app, &school);
    }
});

both_databases!(
    deactivated_and_reactivated_at_once_the_ledger_is_right,
    |app| {
        let school = app.school().await;
        let operator = app.operator().await;
        let ids = crowd(&school, 12).await;
        let admin = &school.admin;
        for id in &ids[..6] {
            let path = format!("{}/deactivate", school.path_of(id));
            school.admin.post(&path, json!({})).await.expect_status(200);
        }
        // Seven are active; there is room for three more.
        limit_seats(&operator, &school, seats_in_total(Some(10))).await;
        let paths: Vec<_> = ids
            .iter()
            .flat_map(|id| {
                ["deactivate", "reactivate"].map(|word| format!("{}/{word}", school.path_of(id)))
            })
            .collect();
        let calls = paths.iter().map(|path| school.admin.post(path, json!({})));
        for answer in join_all(calls).await {
            assert!(
                [200, 409].contains(&answer.status.as_u16()),
                "{}",
                answer.text
            );
        }
        check_invariants(app, &school);
        let calls = ids.iter().map(|id| {
            let path = format!("{}/reactivate", school.path_of(id));
            async move { admin.post(&path, json!({})).await }
        });
        let answers = join_all(calls).await;
        check_invariants(app, &school);
        let ledger = school
            .admin
            .get(&school.path("/seats"))
            .await
            .expect_status(200);
        assert_eq!(ledger["total"]["used"], 10);
        let refused = answers.iter().filter(|answer| answer.status == 409).count();
        assert_eq!(refused, 3);
    }
);

both_databases!(everything_at_once_on_the_same_people_ends_well, |app| {
    let school = app.school().await;
    let ids = crowd(&school, 6).await;
    app.verify_emails_by_reset();
    let admin = &school.admin;
    let group = school.new_group("7A").await;
    let mut calls: Vec<std::pin::Pin<Box<dyn Future<Output = crate::support::TestResponse> + '_>>> =
        Vec::new();
    for id in &ids {
        let member = school.path_of(id);
        for word in ["deactivate", "reactivate", "password-reset"] {
            let path = format!("{member}/{word}");
            calls.push(Box::pin(async move { admin.post(&path, json!({})).await }));
        }
        for account_type in ["teacher", "student"] {
            let path = member.clone();
            let change =
                json!({ "account_type": account_type, "username": format!("Now {account_type}") });
            calls.push(Box::pin(async move { admin.patch(&path, change).await }));
        }
        for query in ["", "?delete_account=true"] {
            let path = format!("{member}{query}");
            calls.push(Box::pin(async move { admin.delete(&path).await }));
        }
    }
    for account_type in ["teacher", "student", "teacher"] {
        let body = json!({ "account_ids": ids, "account_type": account_type, "add_group_ids": [school.id_of(&group)] });
        let path = school.path("/members/bulk-update");
        calls.push(Box::pin(async move { admin.post(&path, body).await }));
    }
    for below in ["/members", "/members/remove"] {
        let (path, body) = (format!("{group}{below}"), json!({ "account_ids": ids }));
        calls.push(Box::pin(async move { admin.post(&path, body).await }));
    }
    for answer in join_all(calls).await {
        assert!(
            answer.status.as_u16() < 500,
            "{} {}",
            answer.status,
            answer.text
        );
    }
    check_invariants(app, &school);
});

both_databases!(
    a_session_ends_for_good_however_the_deactivation_falls,
    |app| {
        for round in 0..4 {
            let school = app.organization(&format!("School {round}"), "school").await;
            let email = format!("ann{round}@x.org");
            let csv = format!("email,password,username\n{email},quiet rivers 11,Ann\n");
            school.import_students(csv).await;
            let ann = app.sign_in(&email, "quiet rivers 11").await;
            let path = format!("{}/deactivate", school.path_of(&ann.id));
            let login = json!({ "email": email, "password": "quiet rivers 11" });
            let anonymous = app.anonymous();
            let (closed, tokens) = tokio::join!(
                school.admin.post(&path, json!({})),
                anonymous.post("/v1/auth/login", login)
            );
            closed.expect_status(200);
            let late = (tokens.status == 200).then(|| {
                let mut late = app.anonymous();
                late.access_token = Some(text(&tokens.json()["access_token"]));
                late
            });
            // Neither now, nor when the account is open again.
            for word in ["deactivate", "reactivate"] {
                let path = format!("{}/{word}", school.path_of(&ann.id));
                school.admin.post(&path, json!({})).await.expect_status(200);
                for session in late.iter().chain([&ann]) {
                    session
                        .get("/v1/me")
                        .await
                        .expect_problem(401, "not_signed_in");
                }
            }
        }
    }
);
