//! `members.csv` (`docs/members.md`).

use serde_json::json;

use super::{crowd, students};
use crate::support::both_databases;

/// The lines of a file, without its byte-order mark.
fn lines(file: &str) -> Vec<&str> {
    let file = file.strip_prefix('\u{feff}').expect("no byte-order mark");
    file.split_terminator("\r\n").collect()
}

const HEADER: &str = "account_id,username,email,email_verified,account_type,role,status,managed,\
    generated_address,joined_via,joined_at,registered_at,last_active_at,groups";

both_databases!(the_file_has_what_the_list_has, |app| {
    let school = app.school().await;
    school
        .import_students(
            "email,password,username\n\
             zed@hill.example,quiet rivers 11,\"Zed, \"\"Z\"\"\"\n\
             ada@hill.example,quiet rivers 12,Ada\n",
        )
        .await;
    let ada = app.sign_in("ada@hill.example", "quiet rivers 12").await;
    for name in ["Choir", "7A"] {
        let group = school.new_group(name).await;
        school.add_to_group(&group, &[&ada.id], "member").await;
    }
    let file = school
        .admin
        .get(&school.path("/members.csv?account_type=student"))
        .await;
    assert_eq!(file.status, 200);
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(file.header("cache-control"), "no-store");
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"members.csv\""
    );
    let found = lines(&file.text);
    assert_eq!(found.len(), 3);
    assert_eq!(found[0], HEADER);
    let of_ada = format!(
        "{},Ada,ada@hill.example,false,student,member,active,true,false,csv_import,\
         2026-09-01T07:30:00Z,2026-09-01T07:30:00Z,2026-09-01T07:30:00Z,\"7A; Choir\"",
        ada.id
    );
    assert_eq!(found[1], of_ada);
    assert!(
        found[2].contains(",\"Zed, \"\"Z\"\"\",zed@hill.example,"),
        "{}",
        found[2]
    );
    assert!(
        found[2].ends_with(",2026-09-01T07:30:00Z,,"),
        "{}",
        found[2]
    );
    let log = school
        .admin
        .get(&school.path("/audit-events?action=members.exported"))
        .await;
    let log = log.expect_status(200);
    assert_eq!(
        log["items"][0]["details"],
        json!({ "filter": { "account_type": "student" } })
    );
    let none = school
        .admin
        .get(&school.path("/members.csv?search=nobody"))
        .await;
    assert_eq!(lines(&none.text), [HEADER]);
});

both_databases!(a_name_that_is_a_formula_is_defused, |app| {
    let school = app.school().await;
    let eve = app.register("eve@x.org").await;
    eve.patch(
        "/v1/me",
        json!({ "username": "=HYPERLINK(\"http://evil.example\")" }),
    )
    .await
    .expect_status(200);
    app.join(&school, &eve, "student").await;
    let group = school.new_group("@SUM(1)").await;
    school.add_to_group(&group, &[&eve.id], "member").await;
    let file = school
        .admin
        .get(&school.path("/members.csv?search=eve"))
        .await;
    let found = lines(&file.text);
    assert!(
        found[1].contains(",\"'=HYPERLINK(\"\"http://evil.example\"\")\","),
        "{}",
        found[1]
    );
    assert!(found[1].ends_with(",'@SUM(1)"), "{}", found[1]);
});

both_databases!(many_are_streamed_once_each_in_every_order, |app| {
    let school = app.school().await;
    // More than two chunks.
    let mut ids = crowd(&school, 1203).await;
    ids.sort();
    for query in ["", "&sort=registered&direction=desc", "&sort=last_active"] {
        let path = format!("/members.csv?email_domain=crowd.example{query}");
        let file = school.admin.get(&school.path(&path)).await;
        let mut found: Vec<String> = lines(&file.text)[1..]
            .iter()
            .map(|line| line.split(',').next().unwrap().to_owned())
            .collect();
        if query.is_empty() {
            assert!(file.text.find("Pupil 0000").unwrap() < file.text.find("Pupil 1202").unwrap());
        }
        found.sort();
        assert_eq!(found, ids, "{query}");
    }
});

both_databases!(staff_get_their_groups_and_pupils_nothing, |app| {
    let school = app.school().await;
    let [ann, bob, cid] = students(app, &school).await;
    app.verify_email_by_reset(&ann.id);
    school
        .admin
        .patch(
            &school.path_of(&ann.id),
            json!({ "account_type": "teacher" }),
        )
        .await
        .expect_status(200);
    let ann = app.sign_in(&ann.email, "quiet rivers 11").await;
    let path = school.path("/members.csv");
    let file = ann.get(&path).await;
    assert_eq!(lines(&file.text), [HEADER]);
    let group = ann
        .post(&school.path("/groups"), json!({ "name": "7A" }))
        .await
        .expect_status(201);
    let group = school.path(&format!("/groups/{}", group["id"].as_str().unwrap()));
    school.add_to_group(&group, &[&bob.id], "member").await;
    let file = ann.get(&path).await;
    assert_eq!(lines(&file.text).len(), 3);
    assert!(file.text.contains("bob@") && !file.text.contains("cid@"));
    cid.get(&path).await.expect_problem(403, "forbidden");
    app.anonymous()
        .get(&path)
        .await
        .expect_problem(401, "not_signed_in");
    for query in ["?limit=10", "?color=red", "?managed=perhaps"] {
        school
            .admin
            .get(&format!("{path}{query}"))
            .await
            .expect_problem(400, "malformed_request");
    }
});
