//! Generated login addresses: never one that exists or existed
//! (`docs/imports.md#names-without-addresses`).

use std::collections::BTreeSet;
use std::time::Duration;

use diesel::prelude::*;
use futures_util::future::join_all;
use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::username::Username;
use rollcall::services::generated_addresses::claim;
use rollcall::services::imports::execution::BatchOutcome;
use rollcall::store::accounts::{self, Account};
use rollcall::store::schema::{accounts as account_table, generated_addresses};
use rollcall::store::transaction;
use rollcall::store::transaction::with_retries;
use serde_json::json;

use super::{HaltingWorker, STUDENTS, assert_counts, file_of, id_of, work_as_another};
use crate::support::people::text;
use crate::support::{App, both_databases};

const DOMAIN: &str = "hill-road-school.login.invalid";

fn at_school(names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| format!("{name}@{DOMAIN}"))
        .collect()
}

/// How many addresses of this domain were ever given out.
fn remembered(app: &App, domain: &str) -> i64 {
    let mut connection = app.state.services.pool.get().unwrap();
    generated_addresses::table
        .filter(generated_addresses::domain.eq(domain))
        .count()
        .get_result(&mut **connection)
        .unwrap()
}

/// Claims addresses for these names, as the work on an import does.
fn claimed(app: &App, names: &[String]) -> Vec<EmailAddress> {
    let names: Vec<Username> = names.iter().map(|name| name.parse().unwrap()).collect();
    with_retries(|| {
        let mut connection = app.state.services.pool.get()?;
        transaction(&mut connection, |connection| {
            claim(connection, DOMAIN, &names)
        })
    })
    .unwrap()
}

both_databases!(people_of_one_name_are_numbered, |app| {
    let school = app.school().await;
    let names = ["Jane Doe", "jane doe", "Jäne Döe", "Li", "Jane-Doe"];
    let import = school.imported_names(&names).await;
    let expected = at_school(&["jane-doe", "jane-doe-2", "jane-doe-3", "li", "jane-doe-4"]);
    assert_eq!(school.addresses(&import).await, expected);
    let again = school.imported_names(&["Jane Doe", "Li", "Lu"]).await;
    assert_eq!(
        school.addresses(&again).await,
        at_school(&["jane-doe-5", "li-2", "lu"])
    );
});

both_databases!(whoever_has_a_number_in_their_name_keeps_it, |app| {
    let school = app.school().await;
    let import = school
        .imported_names(&["Room", "Room", "Room 2", "Room 2026", "Room"])
        .await;
    let expected = at_school(&["room", "room-3", "room-2", "room-2026", "room-4"]);
    assert_eq!(school.addresses(&import).await, expected);
    let again = school.imported_names(&["Room 2", "Room 4"]).await;
    assert_eq!(
        school.addresses(&again).await,
        at_school(&["room-2-2", "room-4-2"])
    );
});

both_databases!(
    an_address_of_somebody_who_is_gone_is_not_given_out_again,
    |app| {
        let school = app.school().await;
        school.imported_names(&["Jane Doe", "Jane Doe"]).await;
        let mut connection = app.state.services.pool.get().unwrap();
        let gone = account_table::table.filter(account_table::email.like(format!("%@{DOMAIN}")));
        assert_eq!(diesel::delete(gone).execute(&mut **connection).unwrap(), 2);
        drop(connection);
        let again = school.imported_names(&["Jane Doe"]).await;
        assert_eq!(school.addresses(&again).await, at_school(&["jane-doe-3"]));
    }
);

both_databases!(a_slug_that_changes_hands_carries_no_address_along, |app| {
    let school = app.school().await;
    school.imported_names(&["Jane Doe"]).await;
    let slug = |slug: &str| json!({ "slug": slug });
    school
        .admin
        .patch(&school.path(""), slug("hill"))
        .await
        .expect_status(200);
    let moved = school.imported_names(&["Jane Doe"]).await;
    assert_eq!(
        school.addresses(&moved).await,
        ["jane-doe@hill.login.invalid"]
    );
    let other = app.organization("Valley School", "school").await;
    other
        .admin
        .patch(&other.path(""), slug("hill-road-school"))
        .await
        .expect_status(200);
    let taken_over = other.imported_names(&["Jane Doe"]).await;
    assert_eq!(
        other.addresses(&taken_over).await,
        at_school(&["jane-doe-2"])
    );
    // Not even when the organization is gone, and its accounts with it.
    school
        .admin
        .delete(&school.path(""))
        .await
        .expect_status(204);
    other
        .admin
        .patch(&other.path(""), slug("hill"))
        .await
        .expect_status(200);
    let inherited = other.imported_names(&["Jane Doe"]).await;
    assert_eq!(
        other.addresses(&inherited).await,
        ["jane-doe-2@hill.login.invalid"]
    );
});

both_databases!(the_slug_counts_that_holds_when_the_account_is_made, |app| {
    let school = app.school().await;
    let import = school.accepted_names(&["Jane Doe"]).await;
    let slug = json!({ "slug": "hill" });
    school
        .admin
        .patch(&school.path(""), slug)
        .await
        .expect_status(200);
    app.drain().await;
    assert_eq!(
        school.addresses(&import).await,
        ["jane-doe@hill.login.invalid"]
    );
});

both_databases!(an_address_that_an_account_has_is_not_given_out, |app| {
    let school = app.school().await;
    // From a time when the login domain was another one.
    for name in ["jane-doe", "jane-doe-2", "jane-doe-4"] {
        let email = EmailAddress::parse(&format!("{name}@{DOMAIN}")).unwrap();
        let account = Account::new(email, "Jane".parse().unwrap(), app.now());
        let mut connection = app.state.services.pool.get().unwrap();
        assert!(accounts::insert(&mut connection, &account).unwrap());
    }
    let import = school.imported_names(&["Jane Doe", "Jane Doe"]).await;
    assert_counts(&import, json!({ "created": 2 }));
    assert_eq!(
        school.addresses(&import).await,
        at_school(&["jane-doe-3", "jane-doe-5"])
    );
});

both_databases!(what_was_cancelled_in_time_has_taken_no_address, |app| {
    let school = app.school().await;
    let import = school.accepted_names(&["Jane Doe"]).await;
    assert_eq!(remembered(app, DOMAIN), 0);
    school.cancel(&import).await.expect_status(200);
    app.drain().await;
    assert_eq!(remembered(app, DOMAIN), 0);
});

both_databases!(
    ten_thousand_people_of_one_name_have_an_address_each,
    |app| {
        let names: Vec<String> = vec!["Jane Doe".to_owned(); 500];
        let mut last = None;
        for _ in 0..20 {
            last = claimed(app, &names).pop();
        }
        assert_eq!(last.unwrap().as_str(), format!("jane-doe-10000@{DOMAIN}"));
        assert_eq!(remembered(app, DOMAIN), 10_000);
    }
);

both_databases!(
    numbers_that_names_have_taken_are_passed_over_quickly,
    |app| {
        for hundred in 0..20 {
            let names: Vec<String> = (2..102)
                .map(|number| format!("x {}", hundred * 100 + number))
                .collect();
            claimed(app, &names);
        }
        let addresses = claimed(app, &["x".to_owned(), "x".to_owned(), "x".to_owned()]);
        let addresses: Vec<_> = addresses.iter().map(EmailAddress::as_str).collect();
        assert_eq!(addresses, at_school(&["x", "x-2002", "x-2003"]));
    }
);

both_databases!(those_who_claim_at_once_never_share_an_address, |app| {
    let names = |offset: usize| -> Vec<String> {
        let names = (0..60).map(|number| format!("Jane {}", (number + offset) % 3));
        names.collect()
    };
    let claims = (0..6).map(|offset| {
        let state = app.state.clone();
        let names: Vec<Username> = names(offset)
            .iter()
            .map(|name| name.parse().unwrap())
            .collect();
        tokio::task::spawn_blocking(move || {
            with_retries(|| {
                let mut connection = state.services.pool.get()?;
                transaction(&mut connection, |connection| {
                    claim(connection, DOMAIN, &names)
                })
            })
            .unwrap()
        })
    });
    let all: Vec<_> = join_all(claims)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    let different: BTreeSet<_> = all.iter().map(|email| email.as_str().to_owned()).collect();
    assert_eq!((all.len(), different.len()), (360, 360));
    assert_eq!(remembered(app, DOMAIN), 360);
});

both_databases!(organizations_that_create_at_once_do_not_meet, |app| {
    let school = app.school().await;
    let other = app.organization("Valley School", "school").await;
    let names = vec!["Jane Doe"; 230];
    let (one, two) = (
        school.accepted_names(&names).await,
        other.accepted_names(&names).await,
    );
    let workers = (0..3).map(|_| work_as_another(app.state.clone()));
    let mut done = join_all(workers).await.concat();
    done.sort();
    assert_eq!(done, [id_of(&one), id_of(&two)]);
    for (organization, import, domain) in [
        (&school, one, DOMAIN),
        (&other, two, "valley-school.login.invalid"),
    ] {
        let import = organization.import_with(&import["id"]).await;
        assert_counts(&import, json!({ "created": 230 }));
        let addresses = organization.addresses(&import).await;
        assert_eq!(addresses[229], format!("jane-doe-230@{domain}"));
        assert_eq!(remembered(app, domain), 230);
        assert_eq!(organization.students_seats().await, (230, 0));
    }
});

both_databases!(names_whose_worker_died_are_taken_up_where_it_was, |app| {
    let school = app.school().await;
    for refuse_all in [false, true] {
        let on_row_error = if refuse_all { "refuse_all" } else { "skip" };
        let body = json!({
            "usernames": vec![format!("Jane {on_row_error}"); 250],
            "account_type": "student",
            "on_row_error": on_row_error,
        });
        let import = school
            .admin
            .post(&school.path("/imports/usernames"), body)
            .await
            .expect_status(202);
        let mut dead = HaltingWorker::start(app).await;
        dead.write_one().await;
        dead.die().await;
        app.advance(Duration::from_secs(11));
        let mut thought_dead = HaltingWorker::start(app).await;
        thought_dead.write_one().await;
        app.advance(Duration::from_secs(11));
        assert_eq!(work_as_another(app.state.clone()).await, [id_of(&import)]);
        assert_eq!(thought_dead.finish().await, BatchOutcome::Lost);
        let import = school.import_with(&import["id"]).await;
        assert_counts(&import, json!({ "created": 250 }));
        let addresses = school.addresses(&import).await;
        let base = format!("jane-{}", on_row_error.replace('_', "-"));
        assert_eq!(addresses[0], format!("{base}@{DOMAIN}"));
        assert_eq!(addresses[249], format!("{base}-250@{DOMAIN}"));
        let list = school.table(&import, "userlist.csv").await;
        for place in [1, 100, 101, 200, 201, 250] {
            app.sign_in(&list[place][1], &list[place][2]).await;
        }
    }
    assert_eq!(school.students_seats().await, (500, 0));
    assert_eq!(remembered(app, DOMAIN), 500);
});

both_databases!(nobody_else_gives_out_addresses_of_the_login_domain, |app| {
    let school = app.school().await;
    for email in [
        "jane-doe@hill-road-school.login.invalid",
        "Jane@Elsewhere.LOGIN.invalid",
        "jane@login.invalid",
    ] {
        let body = json!({ "email": email, "password": "seven green ducks 7", "username": "J" });
        let refused = app.anonymous().post("/v1/auth/register", body).await;
        refused.expect_fields(&[("/email", "email_invalid")]);
        let row = format!("{email},purple fox 1,Jane");
        let import = school.imported(file_of(&[&row]), STUDENTS).await;
        assert_counts(&import, json!({ "email_invalid": 1 }));
        let error = text(&school.rows(&import, "").await[0]["error"]);
        assert!(error.contains("made up by Rollcall"), "{error}");
    }
    // Close by is another matter.
    app.register("jane@mylogin.invalid.example").await;
});
