//! `userlist.csv`: what an admin takes away, while it is there.

use std::time::Duration;

use diesel::prelude::*;
use rollcall::error::Code;
use rollcall::services::authorization::ReadImports;
use rollcall::services::context::RequestContext;
use rollcall::services::imports::results::{self, ResultFile};
use rollcall::services::unit_of_work::UnitOfWork;
use rollcall::store::schema::import_rows;
use serde_json::{Value, json};

use super::{STUDENTS, assert_counts, file, file_of, id_of, records, students};
use crate::support::people::{Organization, PASSWORD};
use crate::support::{App, both_databases};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

both_databases!(the_list_has_every_row_in_the_order_of_the_file, |app| {
    let school = app.school().await;
    let rows = [
        "Pupil3@x.example,purple fox 1,\"Doe, Jane\"",
        "pupil2,purple fox 2,Pupil 2",
        "pupil1@x.example,short,Pupil 1",
    ];
    let import = school.imported(file_of(&rows), STUDENTS).await;
    assert_eq!(
        school.download(&import, "userlist.csv").await,
        "\u{feff}row,email,password,username,account_type,status,error_code,error\r\n\
         1,pupil3@x.example,purple fox 1,\"Doe, Jane\",student,created,,\r\n\
         2,,,,student,failed,email_invalid,\"An email address has an @, as in \
         jane@example.org.\"\r\n\
         3,pupil1@x.example,,,student,failed,password_too_short,A password has at least 10 \
         characters.\r\n"
    );
});

both_databases!(two_thousand_rows_come_in_pieces, |app| {
    let school = app.school().await;
    let import = school.imported(file(2_000), STUDENTS).await;
    assert_counts(&import, json!({ "created": 2_000 }));
    let path = school.path(&format!("/imports/{}/userlist.csv", id_of(&import)));
    let request = school.admin.request(reqwest::Method::GET, &path);
    let mut answer = request.send().await.unwrap();
    assert!(
        answer.content_length().is_none(),
        "it was whole before it was sent"
    );
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    let table = records(std::str::from_utf8(&bytes).unwrap());
    assert_eq!(table.len(), 2_001);
    for (number, record) in table.iter().enumerate().skip(1) {
        assert_eq!(record[0], number.to_string());
        assert_eq!(record[1], format!("pupil{number}@x.example"));
        assert_eq!(record[2], format!("purple fox {number}"));
        assert_eq!(record[5], "created");
    }
});

both_databases!(results_are_there_when_the_import_has_ended, |app| {
    let school = app.school().await;
    let import = school.accepted(file(2), STUDENTS).await;
    for below in ["/userlist.csv", "/errors.csv"] {
        school
            .of_import(&import, below)
            .await
            .expect_problem(409, "import_not_ready");
    }
    school
        .discard(&import)
        .await
        .expect_problem(409, "import_not_ready");
    app.drain().await;
    school.download(&import, "userlist.csv").await;
    school.download(&import, "errors.csv").await;
});

/// Asserts that results are gone, and all else is there.
async fn assert_expired(school: &Organization<'_>, import: &Value) {
    for below in ["/userlist.csv", "/errors.csv"] {
        school
            .of_import(import, below)
            .await
            .expect_problem(410, "results_expired");
    }
    school
        .discard(import)
        .await
        .expect_problem(410, "results_expired");
    let mut now = school.import_with(&import["id"]).await;
    // Discarded results have run out at that moment.
    now["results_expire_at"] = import["results_expire_at"].clone();
    assert_eq!(now, *import);
    assert_eq!(school.outcomes(import).await, ["created", "email_missing"]);
}

/// How many rows of an import keep something sealed.
fn sealed(app: &App, import: &Value) -> i64 {
    let mut connection = app.state.services.pool.get().unwrap();
    import_rows::table
        .filter(import_rows::import_id.eq(id_of(import)))
        .filter(import_rows::sealed.is_not_null())
        .count()
        .get_result(&mut **connection)
        .unwrap()
}

const PAIR: [&str; 2] = [
    "pupil1@x.example,purple fox 1,Pupil 1",
    ",purple fox 2,Pupil 2",
];

both_databases!(
    results_expire_after_a_day_whether_or_not_they_are_cleaned_up,
    |app| {
        let mut school = app.school().await;
        let import = school.imported(file_of(&PAIR), STUDENTS).await;
        assert_eq!(import["results_expire_at"], "2026-09-02T07:30:00Z");
        app.advance(DAY - Duration::from_secs(1));
        app.drain().await;
        school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
        school.download(&import, "userlist.csv").await;
        app.advance(Duration::from_secs(1));
        assert_eq!(sealed(app, &import), 2);
        assert_expired(&school, &import).await;
        app.drain().await;
        assert_eq!(sealed(app, &import), 0);
        assert_expired(&school, &import).await;
    }
);

both_databases!(discarded_results_are_gone_at_once, |app| {
    let school = app.school().await;
    let import = school.imported(file_of(&PAIR), STUDENTS).await;
    let kept = school
        .imported(file_of(&["b@x.example,purple fox 3,B"]), STUDENTS)
        .await;
    let answer = school.discard(&import).await;
    answer.expect_status(204);
    assert_eq!(answer.text, "");
    assert_eq!(sealed(app, &import), 0);
    assert_expired(&school, &import).await;
    // Accounts and other imports stay as they are.
    app.sign_in("pupil1@x.example", "purple fox 1").await;
    assert_eq!(sealed(app, &kept), 1);
    school.download(&kept, "userlist.csv").await;
});

both_databases!(a_download_breaks_off_where_the_results_vanish, |app| {
    let school = app.school().await;
    let import = school.imported(file(600), STUDENTS).await;
    let services = &app.state.services;
    let permit = app.cli_permit::<ReadImports>(school.id.parse().unwrap());
    let context = RequestContext::command_line(services.clock.now());
    let mut connection = services.pool.get().unwrap();
    let mut tx = UnitOfWork::new(&mut connection, services, &context);
    let mut download =
        results::open(&mut tx, &permit, id_of(&import), ResultFile::UserList).unwrap();
    let mut lines = 0;
    for _ in 0..2 {
        let chunk = download.next_chunk(&mut tx).unwrap().unwrap();
        lines += String::from_utf8(chunk).unwrap().lines().count();
    }
    assert_eq!(lines, 101);
    school.discard(&import).await.expect_status(204);
    let broken = download.next_chunk(&mut tx).unwrap_err();
    assert_eq!(broken.code(), Code::ResultsExpired);
});

both_databases!(results_of_what_ended_otherwise_expire_too, |app| {
    let mut school = app.school().await;
    let cancelled = school.accepted(file(2), STUDENTS).await;
    school.cancel(&cancelled).await.expect_status(200);
    let fields = students(&[("on_row_error", "refuse_all")]);
    let failed = school.accepted(file_of(&PAIR), &fields).await;
    assert_eq!(failed["status"], "failed");
    app.advance(DAY);
    school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    for import in [&cancelled, &failed] {
        let refused = school.of_import(import, "/errors.csv").await;
        refused.expect_problem(410, "results_expired");
    }
    app.drain().await;
    assert_eq!((sealed(app, &cancelled), sealed(app, &failed)), (0, 0));
});
