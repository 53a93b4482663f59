//! What the audit log tells of imports, and what it does not (`docs/audit-log.md`).

use serde_json::{Value, json};

use super::{STUDENTS, file, file_of, form, part, students};
use crate::support::both_databases;
use crate::support::people::Organization;

/// The events about an import, the oldest first.
async fn events(school: &Organization<'_>, import: &Value) -> Vec<Value> {
    let id = import["id"].as_str().unwrap();
    let mut events = school.all(&format!("/audit-events?subject_id={id}")).await;
    events.reverse();
    events
}

fn actions(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["action"].as_str().unwrap())
        .collect()
}

both_databases!(an_import_is_told_from_its_upload_to_its_discard, |app| {
    let school = app.school().await;
    let rows = [
        "pupil1@x.example,purple fox 1,Pupil",
        "no address,purple fox 2,Pupil",
    ];
    let upload = school.import(file_of(&rows), STUDENTS).await;
    let import = upload.expect_status(202);
    app.drain().await;
    school.download(&import, "userlist.csv").await;
    school.download(&import, "errors.csv").await;
    let discard = school.discard(&import).await;
    discard.expect_status(204);
    // What was refused has changed nothing.
    school
        .of_import(&import, "/userlist.csv")
        .await
        .expect_problem(410, "results_expired");
    let events = events(&school, &import).await;
    let admin = json!({
        "kind": "account", "account_id": school.admin.id, "api_key_id": null,
        "name": school.admin.email,
    });
    let system = json!({
        "kind": "system", "account_id": null, "api_key_id": null, "name": "rollcall",
    });
    let counts = json!({ "created": 1, "email_invalid": 1 });
    let expected = [
        (
            "import.accepted",
            &admin,
            json!({ "source": "csv", "rows": 2, "account_type": "student" }),
        ),
        (
            "import.finished",
            &system,
            json!({ "status": "completed", "rows": 2, "by_outcome": counts }),
        ),
        (
            "import.results_downloaded",
            &admin,
            json!({ "file": "userlist.csv" }),
        ),
        (
            "import.results_downloaded",
            &admin,
            json!({ "file": "errors.csv" }),
        ),
        ("import.results_discarded", &admin, json!({})),
    ];
    assert_eq!(events.len(), expected.len(), "{events:#?}");
    for (event, (action, actor, details)) in events.iter().zip(expected) {
        assert_eq!(event["action"], action);
        assert_eq!(event["actor"], *actor, "{action}");
        assert_eq!(event["details"], details, "{action}");
        assert_eq!(
            event["subject"],
            json!({ "type": "import", "id": import["id"] }),
            "{action}"
        );
    }
    assert_eq!(events[0]["request_id"], upload.header("x-request-id"));
    assert_eq!(events[1]["request_id"], Value::Null);
    assert_eq!(events[4]["request_id"], discard.header("x-request-id"));
});

both_databases!(other_ends_are_told_too, |app| {
    let school = app.school().await;
    let cancelled = school.accepted(file(2), STUDENTS).await;
    school.cancel(&cancelled).await.expect_status(200);
    school
        .cancel(&cancelled)
        .await
        .expect_problem(409, "import_finished");
    let of_cancelled = events(&school, &cancelled).await;
    assert_eq!(
        actions(&of_cancelled),
        ["import.accepted", "import.cancelled"]
    );
    assert_eq!(
        of_cancelled[1]["actor"]["account_id"],
        school.admin.id.as_str()
    );
    let counts = json!({ "status": "cancelled", "rows": 2, "by_outcome": { "cancelled": 2 } });
    assert_eq!(of_cancelled[1]["details"], counts);

    let fields = students(&[("on_row_error", "refuse_all")]);
    let failed = school.accepted(file(2) + "no address,x,y\n", &fields).await;
    let of_failed = events(&school, &failed).await;
    assert_eq!(actions(&of_failed), ["import.accepted", "import.finished"]);
    let counts = json!({ "email_invalid": 1, "refused": 2 });
    let details = json!({ "status": "failed", "rows": 3, "by_outcome": counts });
    assert_eq!(of_failed[1]["details"], details);

    let empty = school
        .accepted(file_of(&["no address,x,y"]), STUDENTS)
        .await;
    let of_empty = events(&school, &empty).await;
    assert_eq!(actions(&of_empty), ["import.accepted", "import.finished"]);
    school
        .import("nonsense", STUDENTS)
        .await
        .expect_problem(422, "file_no_header");
    assert_eq!(
        school.all("/audit-events?subject_type=import").await.len(),
        6
    );
});

both_databases!(an_operator_is_named_as_one, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let form = form(STUDENTS).part("file", part(file(1)));
    let import = operator
        .upload(&school.path("/imports"), form)
        .await
        .expect_status(202);
    let events = events(&school, &import).await;
    assert_eq!(events[0]["actor"]["kind"], "operator");
    assert_eq!(events[0]["actor"]["name"], operator.email);
});
