//! The fields of the form beside the file.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use super::{STUDENTS, assert_counts, file, form, part, students};
use crate::support::both_databases;
use crate::support::people::text;

both_databases!(fields_may_stand_before_the_file_and_behind_it, |app| {
    let school = app.school().await;
    let before = form(STUDENTS).part("file", part(file(1)));
    let behind = Form::new()
        .text("must_change_password", "true")
        .part("file", part(file(1)))
        .text("account_type", "teacher");
    let path = school.path("/imports");
    let before = school.admin.upload(&path, before).await.expect_status(202);
    let behind = school.admin.upload(&path, behind).await.expect_status(202);
    assert_eq!(before["account_type"], "student");
    assert_eq!(behind["account_type"], "teacher");
});

both_databases!(a_file_needs_no_name_and_no_type, |app| {
    let school = app.school().await;
    let path = school.path("/imports");
    for part in [
        Part::text(file(1)),
        Part::text(file(1))
            .mime_str("application/vnd.ms-excel")
            .unwrap(),
        part(file(1)).mime_str("image/png").unwrap(),
    ] {
        let form = form(STUDENTS).part("file", part);
        school.admin.upload(&path, form).await.expect_status(202);
    }
});

both_databases!(people_join_the_groups_of_their_import, |app| {
    let school = app.school().await;
    let groups = [
        school.group("7A").await,
        school.group("Chess").await,
        school.group("7B").await,
    ];
    let pair = format!(" {} , {},", groups[0], groups[1]);
    for (prefix, fields, expected) in [
        ("a", vec![("group_ids", groups[0].as_str())], vec!["7A"]),
        ("b", vec![("group_ids", &pair)], vec!["7A", "Chess"]),
        (
            "c",
            vec![("group_ids", &pair), ("group_ids", &groups[2])],
            vec!["7A", "7B", "Chess"],
        ),
        (
            "d",
            vec![("group_ids", &groups[2]), ("group_ids", &groups[2])],
            vec!["7B"],
        ),
        ("e", vec![("group_ids", "")], vec![]),
    ] {
        let people = file(2).replace("pupil", prefix);
        let import = school.imported(people, &students(&fields)).await;
        assert_counts(&import, json!({ "created": 2 }));
        let members = school
            .all(&format!("/members?search={prefix}2@x.example"))
            .await;
        let names: Vec<_> = members[0]["groups"]
            .as_array()
            .unwrap()
            .iter()
            .map(|group| group["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, expected);
    }
    let in_7a = school
        .all(&format!(
            "/members?group_id={}&account_type=student",
            groups[0]
        ))
        .await;
    assert_eq!(in_7a.len(), 6);
});

both_databases!(each_field_at_fault_is_named, |app| {
    let school = app.school().await;
    let other = "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c12";
    for (fields, expected) in [
        (vec![], vec![("/account_type", "missing")]),
        (
            vec![("account_type", " ")],
            vec![("/account_type", "missing")],
        ),
        (
            vec![("account_type", "pupil")],
            vec![("/account_type", "unknown_word")],
        ),
        (
            vec![("account_type", "Student")],
            vec![("/account_type", "unknown_word")],
        ),
        (students(STUDENTS), vec![("/account_type", "too_many")]),
        (
            students(&[("mode", "plan")]),
            vec![("/mode", "unknown_word")],
        ),
        (
            students(&[("colour", "red")]),
            vec![("/colour", "unknown_field")],
        ),
        (
            students(&[("on_row_error", "stop")]),
            vec![("/on_row_error", "unknown_word")],
        ),
        (
            students(&[("on_seat_shortage", "buy")]),
            vec![("/on_seat_shortage", "unknown_word")],
        ),
        (
            students(&[("must_change_password", "maybe")]),
            vec![("/must_change_password", "wrong_type")],
        ),
        (
            students(&[("generate_missing_passwords", "2")]),
            vec![("/generate_missing_passwords", "wrong_type")],
        ),
        (
            students(&[("encoding", "klingon")]),
            vec![("/encoding", "unknown_word")],
        ),
        (
            students(&[("delimiter", "dot")]),
            vec![("/delimiter", "unknown_word")],
        ),
        (
            students(&[("group_ids", "7A")]),
            vec![("/group_ids", "invalid")],
        ),
        (
            vec![("mode", "plan"), ("a~b", "x"), ("on_row_error", "STOP")],
            vec![
                ("/mode", "unknown_word"),
                ("/a~0b", "unknown_field"),
                ("/on_row_error", "unknown_word"),
                ("/account_type", "missing"),
            ],
        ),
    ] {
        school
            .import(file(1), &fields)
            .await
            .expect_malformed(&expected);
    }
    let refused = school
        .import(file(1), &students(&[("group_ids", other)]))
        .await;
    refused.expect_fields(&[("/group_ids", "group_unknown")]);
    school.assert_untouched().await;
});

both_databases!(what_is_left_blank_is_not_given, |app| {
    let school = app.school().await;
    let fields = students(&[
        ("account_type", ""),
        ("mode", ""),
        ("on_row_error", ""),
        ("on_seat_shortage", " "),
        ("must_change_password", ""),
        ("generate_missing_passwords", ""),
        ("group_ids", " , "),
    ]);
    let import = school.imported(file(1), &fields).await;
    assert_counts(&import, json!({ "created": 1 }));
});

both_databases!(a_bad_file_is_told_before_a_bad_field, |app| {
    let school = app.school().await;
    for _ in 0..10 {
        let refused = school.import("nonsense\nx\n", &[("mode", "plan")]).await;
        refused.expect_problem(422, "file_no_header");
    }
    school.assert_untouched().await;
});

both_databases!(defaults_can_be_said_aloud, |app| {
    let school = app.school().await;
    let fields = students(&[
        ("mode", "commit"),
        ("on_row_error", "skip"),
        ("on_seat_shortage", "fill"),
        ("must_change_password", "false"),
        ("generate_missing_passwords", " false "),
    ]);
    let import = school.imported(file(1), &fields).await;
    assert_counts(&import, json!({ "created": 1 }));
});

both_databases!(a_form_without_a_file_is_refused, |app| {
    let school = app.school().await;
    let path = school.path("/imports");
    let refused = school.admin.upload(&path, form(STUDENTS)).await;
    refused.expect_malformed(&[("/file", "missing")]);
    let refused = school
        .admin
        .upload(&path, Form::new().text("mode", "commit"))
        .await;
    refused.expect_malformed(&[("/file", "missing"), ("/account_type", "missing")]);
    let misnamed = form(STUDENTS).part("csv", part(file(1)));
    let refused = school.admin.upload(&path, misnamed).await;
    refused.expect_malformed(&[("/csv", "unknown_field"), ("/file", "missing")]);
    school.assert_untouched().await;
});

both_databases!(
    a_file_under_another_name_is_told_so_whatever_is_in_it,
    |app| {
        let school = app.school().await;
        let path = school.path("/imports");
        // Neither UTF-8 nor short.
        let windows_1252 =
            b"email,password,username\njane@x.example,purple fox 1,Ren\xe9\n".repeat(2_000);
        let misnamed = form(STUDENTS).part("datei", Part::bytes(windows_1252));
        let refused = school.admin.upload(&path, misnamed).await;
        refused.expect_malformed(&[("/datei", "unknown_field"), ("/file", "missing")]);
        let detail = text(&refused.json()["errors"][0]["detail"]);
        for name in [
            "`datei`",
            "`file`",
            "account_type",
            "usernames_from_addresses",
        ] {
            assert!(detail.contains(name), "{detail}");
        }
        school.assert_untouched().await;
    }
);

both_databases!(one_file_at_a_time, |app| {
    let school = app.school().await;
    let second = file(64).repeat(2_000);
    let two = form(STUDENTS)
        .part("file", part(file(64)))
        .part("file", part(second));
    let refused = school.admin.upload(&school.path("/imports"), two).await;
    refused.expect_malformed(&[("/file", "too_many")]);
    school.assert_untouched().await;
});

both_databases!(
    types_of_the_other_kind_and_groups_of_others_are_refused,
    |app| {
        let school = app.school().await;
        let company = app.organization("Ant Works", "enterprise").await;
        let group = company.group("7A").await;
        for (organization, account_type) in [
            (&school, "learner"),
            (&school, "creator"),
            (&company, "student"),
            (&company, "teacher"),
        ] {
            let refused = organization
                .import(file(64), &[("account_type", account_type)])
                .await;
            refused.expect_problem(422, "account_type_not_in_kind");
            assert_eq!(organization.traces(), (0, 0));
        }
        let of_others = [group, busy_group(app)];
        for group in of_others {
            let refused = school
                .import(file(64), &students(&[("group_ids", &group)]))
                .await;
            refused.expect_fields(&[("/group_ids", "group_unknown")]);
        }
        school.assert_untouched().await;
    }
);

/// The group of the busy company.
fn busy_group(app: &crate::support::App) -> String {
    use diesel::prelude::*;
    use rollcall::domain::ids::{GroupId, OrganizationId};
    use rollcall::store::schema::{groups, organizations};
    let mut connection = app.state.services.pool.get().unwrap();
    let busy: OrganizationId = organizations::table
        .filter(organizations::name.eq("Busy Company"))
        .select(organizations::id)
        .first(&mut **connection)
        .unwrap();
    let group: GroupId = groups::table
        .filter(groups::organization_id.eq(busy))
        .select(groups::id)
        .first(&mut **connection)
        .unwrap();
    group.to_string()
}

both_databases!(a_form_of_very_many_or_very_large_fields_is_refused, |app| {
    let school = app.school().await;
    let path = school.path("/imports");
    let large = form(STUDENTS)
        .text("mode", "x".repeat(17 * 1024))
        .part("file", part(file(1)));
    school
        .admin
        .upload(&path, large)
        .await
        .expect_problem(413, "payload_too_large");
    let many = (0..2_000).fold(form(STUDENTS), |form, _| form.text("mode", "commit"));
    school
        .admin
        .upload(&path, many.part("file", part(file(1))))
        .await
        .expect_problem(413, "payload_too_large");
    let groups: Vec<String> = (0..101).map(|_| uuid::Uuid::now_v7().to_string()).collect();
    let refused = school
        .import(file(1), &students(&[("group_ids", &groups.join(","))]))
        .await;
    refused.expect_fields(&[("/group_ids", "too_many")]);
    school.assert_untouched().await;
});

both_databases!(flags_are_taken_as_clients_spell_them, |app| {
    let school = app.school().await;
    let csv = "email,password,username\nnobody@x.example,,Nobody\n";
    for (word, outcome) in [
        ("True", "created"),
        ("1", "already_member"),
        ("on", "already_member"),
        ("YES", "already_member"),
    ] {
        let fields = students(&[("generate_missing_passwords", word)]);
        let import = school.import(csv, &fields).await.expect_status(202);
        app.drain().await;
        let import = school.import_with(&import["id"]).await;
        let found = &import["counts"]["by_outcome"];
        assert_eq!(found, &json!({ outcome: 1 }), "{word}");
    }
});

both_databases!(flags_that_say_no_are_taken_too, |app| {
    let school = app.school().await;
    let csv = "email,password,username\nnobody@x.example,,Nobody\n";
    for word in ["False", "FALSE", "0", "off", "no", " No ", "", "  "] {
        let fields = students(&[("generate_missing_passwords", word)]);
        let import = school.import(csv, &fields).await.expect_status(202);
        app.drain().await;
        let import = school.import_with(&import["id"]).await;
        let found = &import["counts"]["by_outcome"];
        assert_eq!(found, &json!({ "password_missing": 1 }), "{word:?}");
    }
    for word in ["maybe", "2", "nein", "f", "truefalse"] {
        let fields = students(&[("generate_missing_passwords", word)]);
        let refused = school.import(csv, &fields).await;
        refused.expect_malformed(&[("/generate_missing_passwords", "wrong_type")]);
    }
});

both_databases!(what_is_no_form_is_refused, |app| {
    let school = app.school().await;
    let path = school.path("/imports");
    for (kind, body, status, code) in [
        ("text/csv", file(1), 415, "unsupported_media_type"),
        (
            "application/x-www-form-urlencoded",
            "a=b".to_owned(),
            415,
            "unsupported_media_type",
        ),
        ("nonsense", file(1), 415, "unsupported_media_type"),
        ("multipart/form-data", file(1), 400, "malformed_request"),
        (
            "multipart/form-data; boundary=x",
            file(1),
            400,
            "malformed_request",
        ),
        (
            "multipart/form-data; boundary=x",
            String::new(),
            400,
            "malformed_request",
        ),
        (
            "multipart/form-data; boundary=x",
            "--x\r\nContent-Disposition: form-data\r\n\r\nstudent\r\n--x--\r\n".to_owned(),
            400,
            "malformed_request",
        ),
    ] {
        let request = school
            .admin
            .request(reqwest::Method::POST, &path)
            .header("content-type", kind)
            .body(body);
        crate::support::people::send(request)
            .await
            .expect_problem(status, code);
    }
    let bare = school.admin.request(reqwest::Method::POST, &path);
    let bare = crate::support::people::send(bare).await;
    bare.expect_problem(415, "unsupported_media_type");
    school.assert_untouched().await;
});

both_databases!(a_field_that_is_no_text_is_refused, |app| {
    let school = app.school().await;
    let form = Form::new()
        .part("account_type", Part::bytes(vec![0xff, 0xfe]))
        .part("file", part(file(1)));
    let refused = school.admin.upload(&school.path("/imports"), form).await;
    let problem: Value = refused.expect_problem(400, "malformed_request");
    let detail = "The form field `account_type` is not UTF-8.";
    assert_eq!(text(&problem["detail"]), detail);
    school.assert_untouched().await;
});
