//! Who sees codes and looks after them: those who may let people in.

use serde_json::json;

use super::{code_of, code_path, group};
use crate::support::both_databases;
use crate::support::people::text;

both_databases!(only_who_may_let_people_in_sees_a_code, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let eight_b = group(&school, "8B").await;
    let code = code_of(&school, Some(&seven_a)).await;
    let pupil = app.register("pupil@x.org").await;
    pupil.redeems(&code, "joined").await;
    let teacher = app.register("teacher@x.org").await;
    teacher.redeems(&code, "joined").await;
    let (school_id, teacher_id) = (school.id.clone(), teacher.id.clone());
    app.verify_email_by_reset(&teacher.id);
    let as_teacher = json!({ "account_type": "teacher" });
    let path = format!("/v1/organizations/{school_id}/members/{teacher_id}");
    school
        .admin
        .patch(&path, as_teacher)
        .await
        .expect_status(200);
    let teacher = app
        .sign_in(&teacher.email, crate::support::people::PASSWORD)
        .await;
    let made = json!({ "name": "Chess" });
    let own = teacher.post(&school.path("/groups"), made).await;
    let own = text(&own.expect_status(201)["id"]);
    let attacker = app
        .sign_in(
            "admin@busy-company.example",
            crate::support::people::PASSWORD,
        )
        .await;
    let operator = app.operator().await;
    let all = |group: Option<&str>| {
        let path = code_path(&school, group);
        [path.clone(), format!("{path}/qr"), format!("{path}/uses")]
    };
    for (group, owner) in [(None, "organization"), (Some(seven_a.as_str()), "group")] {
        for path in all(group) {
            operator.get(&path).await.expect_status(200);
            school.admin.get(&path).await.expect_status(200);
            teacher.get(&path).await.expect_problem(403, "forbidden");
            pupil.get(&path).await.expect_problem(403, "forbidden");
            attacker.get(&path).await.expect_problem(404, "not_found");
            app.anonymous()
                .get(&path)
                .await
                .expect_problem(401, "not_signed_in");
        }
        let path = code_path(&school, group);
        for person in [&teacher, &pupil] {
            let pause = json!({ "paused": true });
            person
                .patch(&path, pause)
                .await
                .expect_problem(403, "forbidden");
            let reset = format!("{path}/reset");
            person
                .post(&reset, json!({}))
                .await
                .expect_problem(403, "forbidden");
        }
        let reset = format!("{path}/reset");
        attacker
            .post(&reset, json!({}))
            .await
            .expect_problem(404, "not_found");
        let unchanged = school.admin.get(&path).await.expect_status(200);
        assert_eq!(unchanged["status"], "open", "{owner}");
    }
    // A group that somebody is not in is none that they see; one that they manage is theirs.
    for path in all(Some(&eight_b)) {
        teacher.get(&path).await.expect_problem(404, "not_found");
        pupil.get(&path).await.expect_problem(403, "forbidden");
    }
    for path in all(Some(&own)) {
        teacher.get(&path).await.expect_status(200);
    }
    let path = code_path(&school, Some(&own));
    teacher
        .patch(&path, json!({ "paused": true }))
        .await
        .expect_status(200);
    teacher
        .post(&format!("{path}/reset"), json!({}))
        .await
        .expect_status(200);
    // A group of another organization has no code here.
    let busy = attacker.get("/v1/organizations").await.expect_status(200);
    let busy = text(&busy["items"][0]["id"]);
    let path = format!("/v1/organizations/{busy}/groups/{seven_a}/invite-code");
    attacker.get(&path).await.expect_problem(404, "not_found");
});
