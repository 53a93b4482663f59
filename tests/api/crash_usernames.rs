//! `kill -9` while names become accounts: none is lost or doubled, and no number is left out
//! (`docs/imports.md`).

use diesel::prelude::*;
use rollcall::store::schema::generated_addresses;
use serde_json::json;

use crate::support::app::block_on;
use crate::support::invariants;
use crate::support::people::text;
use crate::support::process::Installation;

const NAMES: usize = 450;

const KILLS: i64 = 3;

mod whenever_a_server_is_killed_every_name_has_one_account {
    use super::*;

    #[test]
    fn sqlite() {
        block_on(scenario(&Installation::on_sqlite()));
    }

    #[test]
    fn postgres() {
        if let Some(installation) = Installation::on_postgres() {
            block_on(scenario(&installation));
        }
    }
}

async fn scenario(installation: &Installation) {
    let mut process = installation.start();
    let school = process.school("Hill Road School").await;
    let body = json!({ "usernames": vec!["Jane Doe"; NAMES], "account_type": "student" });
    let path = school.path("/imports/usernames");
    let accepted = process
        .post(&path, &school.token, body)
        .await
        .expect_status(202);
    let id = text(&accepted["id"]);
    for kill in 1..=KILLS {
        let has_gone_on = |import: &serde_json::Value| {
            import["counts"]["created"].as_i64().unwrap() >= 100 * kill
        };
        school.watch(&process, &id, has_gone_on).await;
        process.kill();
        process = installation.start();
    }
    let import = school.finished(&process, &id).await;
    assert_eq!(import["counts"]["created"], NAMES, "{import:#}");
    let list = format!("/imports/{id}/userlist.csv");
    let list = invariants::records_of(&school.get(&process, &list).await.text);
    assert_eq!(list.len(), NAMES);
    for (place, record) in list.iter().enumerate() {
        let number = match place {
            0 => String::new(),
            place => format!("-{}", place + 1),
        };
        assert_eq!(
            record["email"],
            format!("jane-doe{number}@hill-road-school.login.invalid")
        );
    }
    for place in [0, 99, 100, NAMES - 1] {
        let (email, password) = (&list[place]["email"], &list[place]["password"]);
        assert!(process.signs_in(email, password).await, "{email}");
    }
    let remembered: i64 = generated_addresses::table
        .count()
        .get_result(&mut **installation.pool().get().unwrap())
        .unwrap();
    assert_eq!(remembered, i64::try_from(NAMES).unwrap());
    invariants::check_school(school.subject(&process, &installation.pool()), NAMES, 0).await;
}
