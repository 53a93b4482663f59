//! Who may import, and whose imports can be seen (`docs/permissions.md`).

use std::time::Duration;

use reqwest::Method;
use reqwest::multipart::Part;
use serde_json::{Value, json};

use super::{STUDENTS, ask_about, file, file_of, form, part};
use crate::support::people::{Organization, Person, send, text};
use crate::support::{App, TestResponse, both_databases};

/// Asks for everything there is about imports, as `person`.
async fn ask_all(
    person: &Person<'_>,
    school: &Organization<'_>,
    import: &Value,
) -> Vec<TestResponse> {
    let upload = form(STUDENTS).part("file", part(file(64)));
    let mut answers = vec![
        person.upload(&school.path("/imports"), upload).await,
        person.get(&school.path("/imports")).await,
    ];
    answers.extend(ask_about(person, school, import).await);
    answers
}

/// Asserts that everything is refused so, and that nothing came of it.
async fn assert_all_refused(
    person: &Person<'_>,
    school: &Organization<'_>,
    import: &Value,
    (status, code): (u16, &str),
) {
    for answer in ask_all(person, school, import).await {
        answer.expect_problem(status, code);
    }
    assert_eq!(school.traces().0, 1);
    assert_eq!(school.import_with(&import["id"]).await, *import);
    school.download(import, "userlist.csv").await;
}

/// A school, with a student, a teacher and an import.
async fn school_with_people(app: &App) -> (Organization<'_>, Value) {
    let school = app.school().await;
    let teacher = school
        .accepted(
            file_of(&["teacher@x.example,purple fox 1,T"]),
            &[("account_type", "teacher")],
        )
        .await;
    app.drain().await;
    forget(app, &teacher);
    let rows = [
        "student@x.example,purple fox 1,S",
        "no address,purple fox 1,S",
    ];
    let import = school.import_students(file_of(&rows)).await;
    (school, import)
}

/// Takes an import out of the way, so that one is left to be counted.
fn forget(app: &App, import: &Value) {
    use diesel::prelude::*;
    use rollcall::store::schema::imports;
    let mut connection = app.state.services.pool.get().unwrap();
    diesel::delete(imports::table.find(super::id_of(import)))
        .execute(&mut **connection)
        .unwrap();
}

both_databases!(admins_and_operators_import_and_learners_do_not, |app| {
    let (school, import) = school_with_people(app).await;
    let student = app.sign_in("student@x.example", "purple fox 1").await;
    assert_all_refused(&student, &school, &import, (403, "forbidden")).await;
    let operator = app.operator().await;
    let answers = ask_all(&operator, &school, &import).await;
    let statuses: Vec<_> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    assert_eq!(statuses, [202, 200, 200, 200, 200, 200, 409, 204]);
});

both_databases!(
    staff_without_a_group_import_nothing_and_see_no_import,
    |app| {
        let (school, import) = school_with_people(app).await;
        let teacher = app.sign_in("teacher@x.example", "purple fox 1").await;
        let answers = ask_all(&teacher, &school, &import).await;
        answers[0].expect_problem(403, "forbidden");
        answers[1].expect(200, json!({ "items": [], "next_cursor": null }));
        for answer in &answers[2..] {
            answer.expect_problem(404, "not_found");
        }
        assert_eq!(school.traces().0, 1);
        assert_eq!(school.import_with(&import["id"]).await, import);
        school.download(&import, "userlist.csv").await;
    }
);

both_databases!(an_organization_that_is_not_yours_is_not_there, |app| {
    let (school, import) = school_with_people(app).await;
    let other = app.organization("Valley School", "school").await;
    let lonely = app.register("lonely@x.example").await;
    for person in [&other.admin, &lonely] {
        assert_all_refused(person, &school, &import, (404, "not_found")).await;
    }
    // Nor does an import of somebody else's open through an organization of one's own.
    let busy = busy_import(app);
    for id in [
        text(&import["id"]),
        busy,
        uuid::Uuid::now_v7().to_string(),
        "7".to_owned(),
    ] {
        for answer in ask_about(&other.admin, &other, &json!({ "id": id })).await {
            answer.expect_problem(404, "not_found");
        }
    }
    assert_eq!(school.import_with(&import["id"]).await, import);
});

/// The import of the busy company.
fn busy_import(app: &App) -> String {
    use diesel::prelude::*;
    use rollcall::domain::ids::ImportId;
    use rollcall::store::schema::imports;
    let mut connection = app.state.services.pool.get().unwrap();
    let import: ImportId = imports::table
        .order(imports::id.asc())
        .select(imports::id)
        .first(&mut **connection)
        .unwrap();
    import.to_string()
}

both_databases!(without_a_valid_session_there_is_no_import, |app| {
    let (mut school, import) = school_with_people(app).await;
    let mut forger = school.admin.clone();
    let other = app.register("other@x.example").await.access_token.unwrap();
    let token = school.admin.access_token.clone().unwrap();
    let mut parts: Vec<&str> = token.split('.').collect();
    parts[1] = other.split('.').nth(1).unwrap();
    forger.access_token = Some(parts.join("."));
    assert_all_refused(&forger, &school, &import, (401, "not_signed_in")).await;
    assert_all_refused(&app.anonymous(), &school, &import, (401, "not_signed_in")).await;
    let expired = school.admin.clone();
    app.advance(Duration::from_secs(15 * 60));
    school.admin = app
        .sign_in(&school.admin.email, crate::support::people::PASSWORD)
        .await;
    assert_all_refused(&expired, &school, &import, (401, "not_signed_in")).await;
});

both_databases!(a_list_of_names_is_read_when_its_sender_is_known, |app| {
    let (school, _) = school_with_people(app).await;
    let learner = app.sign_in("student@x.example", "purple fox 1").await;
    for (who, status, code) in [
        (&app.anonymous(), 401, "not_signed_in"),
        (&app.register("stranger@x.example").await, 404, "not_found"),
        (&learner, 403, "forbidden"),
        (&school.admin, 400, "malformed_request"),
    ] {
        let list = who.request(Method::POST, &school.path("/imports/usernames"));
        let list = list.header("content-type", "application/json");
        send(list.body("[not JSON"))
            .await
            .expect_problem(status, code);
    }
});

both_databases!(a_refusal_reaches_a_client_that_is_still_sending, |app| {
    let (school, _) = school_with_people(app).await;
    let student = app.sign_in("student@x.example", "purple fox 1").await;
    for (person, status, code) in [
        (app.anonymous(), 401, "not_signed_in"),
        (student, 403, "forbidden"),
    ] {
        let form = form(STUDENTS).part("file", Part::bytes(vec![b'x'; 8 * 1024 * 1024]));
        let refused = person.upload(&school.path("/imports"), form).await;
        refused.expect_problem(status, code);
    }
});
