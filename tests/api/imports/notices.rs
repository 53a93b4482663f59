//! The mail that an import has ended (`docs/mail.md`).

use std::time::Duration;

use diesel::prelude::*;
use rollcall::domain::ids::AccountId;
use rollcall::domain::timestamp::Timestamp;
use rollcall::store::schema::{accounts, memberships};
use serde_json::json;

use super::{HaltingWorker, STUDENTS, file, file_of, students};
use crate::support::ReceivedMail;
use crate::support::app::block_on;
use crate::support::people::text;
use crate::support::{App, both_databases};

/// The notices to this address.
async fn notices(app: &App, address: &str) -> Vec<ReceivedMail> {
    let mails = app.mails().await;
    let is_notice = |mail: &ReceivedMail| mail.to == address && mail.subject.contains("import");
    mails.into_iter().filter(is_notice).collect()
}

both_databases!(whoever_made_an_import_is_told_of_its_end, |app| {
    let school = app.school().await;
    let rows = [
        "pupil1@x.example,purple fox 1,Pupil",
        "pupil2@x.example,purple fox 2,Pupil",
        "no address,purple fox 3,Pupil",
    ];
    school.imported(file_of(&rows), STUDENTS).await;
    let notices = notices(app, &school.admin.email).await;
    assert_eq!(notices.len(), 1);
    let notice = &notices[0];
    assert!(notice.text.contains("Hill Road School"), "{}", notice.text);
    for number in ["3", "2", "1"] {
        assert!(notice.text.contains(number), "{}", notice.text);
    }
    for secret in ["purple fox", "pupil1"] {
        assert!(!notice.text.contains(secret), "{}", notice.text);
        assert!(!notice.html.contains(secret), "{}", notice.html);
    }
});

both_databases!(an_import_that_ends_at_once_is_told_too, |app| {
    let school = app.school().await;
    school
        .accepted(file_of(&["no address,purple fox 1,P"]), STUDENTS)
        .await;
    assert_eq!(notices(app, &school.admin.email).await.len(), 1);
    let all_or_nothing = students(&[("on_row_error", "refuse_all")]);
    let failed = school
        .accepted(file_of(&["no address,purple fox 1,P"]), &all_or_nothing)
        .await;
    assert_eq!(failed["status"], "failed");
    assert_eq!(notices(app, &school.admin.email).await.len(), 2);
    school.imported_names(&["Jane"]).await;
    assert_eq!(notices(app, &school.admin.email).await.len(), 3);
});

both_databases!(who_cancels_knows_without_a_mail, |app| {
    let school = app.school().await;
    let import = school.accepted(file(64), STUDENTS).await;
    school.cancel(&import).await.expect_status(200);
    app.drain().await;
    assert_eq!(notices(app, &school.admin.email).await.len(), 0);
});

both_databases!(two_workers_tell_it_once, |app| {
    let school = app.school().await;
    for on_row_error in ["skip", "refuse_all"] {
        let fields = students(&[("on_row_error", on_row_error)]);
        let rows = file(150).replace("pupil", &format!("{on_row_error}.pupil"));
        school.accepted(rows, &fields).await;
        let mut worker = HaltingWorker::start(app).await;
        worker.write_one().await;
        app.advance(Duration::from_secs(11));
        app.drain().await;
        worker.finish().await;
    }
    assert_eq!(notices(app, &school.admin.email).await.len(), 2);
});

both_databases!(who_is_gone_or_has_no_mailbox_is_not_written_to, |app| {
    let school = app.school().await;
    let group = school.group("7A").await;
    let body = json!({ "usernames": ["Ada Teacher"], "account_type": "teacher" });
    let path = school.path("/imports/usernames");
    let teacher = school.admin.post(&path, body).await.expect_status(202);
    app.drain().await;
    let list = school.table(&teacher, "userlist.csv").await;
    let teacher = app.sign_in(&list[1][1], &list[1][2]).await;
    let own = json!({ "name": "Own" });
    let own = teacher
        .post(&school.path("/groups"), own)
        .await
        .expect_status(201);
    let body = |group: &str| {
        json!({
            "usernames": ["Jane"], "account_type": "student", "group_ids": [group],
        })
    };
    teacher
        .post(&path, body(&text(&own["id"])))
        .await
        .expect_status(202);
    let before = app.mails().await.len();
    // Whoever is no member any more is not told what becomes of their import.
    let operator = app.operator().await;
    school
        .admin
        .post(&path, body(&group))
        .await
        .expect_status(202);
    let admin: AccountId = school.admin.id.parse().unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::delete(memberships::table.filter(memberships::account_id.eq(admin)))
        .execute(&mut **connection)
        .unwrap();
    drop(connection);
    assert_eq!(app.mails().await.len(), before);
    // An operator needs no membership; an account that is gone needs no mail.
    operator.post(&path, body(&group)).await.expect_status(202);
    assert_eq!(notices(app, &operator.email).await.len(), 1);
    operator.post(&path, body(&group)).await.expect_status(202);
    let mut connection = app.state.services.pool.get().unwrap();
    let account: AccountId = operator.id.parse().unwrap();
    diesel::delete(accounts::table.find(account))
        .execute(&mut **connection)
        .unwrap();
    drop(connection);
    assert_eq!(app.mails().await.len(), before + 1);
});

both_databases!(an_address_that_nobody_has_proved_is_not_flooded, |app| {
    let school = app.school().await;
    let import = || school.accepted(file_of(&["no address,purple fox 1,P"]), STUDENTS);
    for _ in 0..8 {
        import().await;
    }
    // As many as a mailbox gets; the others wait.
    assert_eq!(notices(app, &school.admin.email).await.len(), 5);
    // None of them is in front of the link that verifies the address.
    let mails = app.mails().await.len();
    let resend = school.admin.post("/v1/auth/email/resend", json!({})).await;
    resend.expect_status(202);
    assert_eq!(app.mails().await.len(), mails + 1);
    let admin: AccountId = school.admin.id.parse().unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::update(accounts::table.find(admin))
        .set(accounts::email_verified_at.eq(app.now()))
        .execute(&mut **connection)
        .unwrap();
    drop(connection);
    for _ in 0..8 {
        import().await;
    }
    assert_eq!(notices(app, &school.admin.email).await.len(), 13);
});

async fn an_unverified_maker_gets_no_notice(app: &App) {
    let school = app.school().await;
    let admin: AccountId = school.admin.id.parse().unwrap();
    let import = || school.accepted(file_of(&["no address,purple fox 1,P"]), STUDENTS);
    import().await;
    assert_eq!(notices(app, &school.admin.email).await.len(), 1);
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::update(accounts::table.find(admin))
        .set(accounts::email_verified_at.eq(None::<Timestamp>))
        .execute(&mut **connection)
        .unwrap();
    drop(connection);
    import().await;
    assert_eq!(notices(app, &school.admin.email).await.len(), 1);
}

#[test]
fn strangers_get_no_notice_where_mail_leaves() {
    block_on(an_unverified_maker_gets_no_notice(
        &App::on_sqlite_with_mail_server(),
    ));
    if let Some(app) = App::on_postgres_with_mail_server() {
        block_on(an_unverified_maker_gets_no_notice(&app));
    }
}
