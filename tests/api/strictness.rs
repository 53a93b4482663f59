//! Requests are taken as the document describes them, and no other way.

use std::collections::BTreeMap;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::support::operations::{Ids, Operation, in_order, one_of_everything};
use crate::support::people::{Organization, PASSWORD, Person, send, text};
use crate::support::{TestResponse, both_databases};

/// Sends this text as JSON.
async fn send_text(who: &Person<'_>, (method, path): (Method, &str), body: &str) -> TestResponse {
    let request = who.request(method, path);
    let request = request.header("content-type", "application/json");
    send(request.body(body.to_owned())).await
}

/// Asserts a refusal that names this place in the request.
#[track_caller]
fn expect_fault(refused: &TestResponse, pointer: &str, code: &str) -> String {
    let problem = refused.expect_problem(400, "malformed_request");
    let errors = problem["errors"].as_array().expect("no errors");
    assert_eq!(errors.len(), 1, "{problem:#}");
    assert_eq!(errors[0]["pointer"], pointer, "{problem:#}");
    assert_eq!(errors[0]["code"], code, "{problem:#}");
    text(&errors[0]["detail"])
}

both_databases!(
    a_body_that_does_not_fit_is_told_where_and_what_was_expected,
    |app| {
        app.register("ann@x.org").await;
        let login = |body: String| async move {
            let to = (Method::POST, "/v1/auth/login");
            send_text(&app.anonymous(), to, &body).await
        };
        let list = login(json!(["ann@x.org", PASSWORD]).to_string()).await;
        let detail = expect_fault(&list, "", "wrong_type");
        assert_eq!(detail, "Expected an object, found a list.");
        for (body, pointer, code) in [
            (
                json!({ "email": ["ann@x.org"], "password": PASSWORD }),
                "/email",
                "wrong_type",
            ),
            (
                json!({ "email": null, "password": PASSWORD }),
                "/email",
                "wrong_type",
            ),
            (
                json!({ "email": "ann@x.org", "password": 7 }),
                "/password",
                "wrong_type",
            ),
            (json!({ "email": "ann@x.org" }), "/password", "missing"),
            (
                json!({ "email": "ann@x.org", "password": PASSWORD, "session": "paper" }),
                "/session",
                "unknown_word",
            ),
            (
                json!({ "email": "ann@x.org", "password": PASSWORD, "session": null }),
                "/session",
                "wrong_type",
            ),
            (
                json!({ "email": "ann@x.org", "password": PASSWORD, "a/b": 1 }),
                "/a~1b",
                "unknown_field",
            ),
        ] {
            let refused = login(body.to_string()).await;
            expect_fault(&refused, pointer, code);
            assert!(!refused.text.contains(PASSWORD), "{}", refused.text);
        }
        let twice = login(format!(
            r#"{{"email":"eve@x.org","email":"ann@x.org","password":"{PASSWORD}"}}"#
        ));
        let twice = twice.await;
        assert_eq!(
            expect_fault(&twice, "/email", "too_many"),
            "Give this once."
        );
        assert!(!twice.text.contains("eve"), "{}", twice.text);
    }
);

both_databases!(what_is_nested_is_read_as_strictly, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let seats = school.path("/seats");
    let put = |body: &'static str| send_text(&operator, (Method::PUT, &seats), body);
    let refused = put(r#"{"by_account_type":{"student":"many"}}"#).await;
    expect_fault(&refused, "/by_account_type/student", "wrong_type");
    let refused = put(r#"{"by_account_type":{"pupil":1}}"#).await;
    expect_fault(&refused, "/by_account_type/pupil", "unknown_word");
    let twice = put(r#"{"by_account_type":{"student":1,"student":2}}"#).await;
    expect_fault(&twice, "/by_account_type/student", "too_many");
    let whole = put(r#"{"total":500.0,"by_account_type":{"student":null,"teacher":null}}"#)
        .await
        .expect_status(200);
    assert_eq!(whole["total"]["limit"], 500);
    let broken = put(r#"{"total":500.5}"#).await;
    expect_fault(&broken, "/total", "wrong_type");
    let names = school.path("/imports/usernames");
    let body = r#"{"usernames":["Jane",7],"account_type":"student"}"#;
    let refused = send_text(&school.admin, (Method::POST, &names), body).await;
    expect_fault(&refused, "/usernames/1", "wrong_type");
});

both_databases!(
    a_field_that_stands_twice_is_named_wherever_it_stands,
    |app| {
        let school = app.school().await;
        let post = async |path: &str, body: &str| {
            send_text(&school.admin, (Method::POST, &school.path(path)), body).await
        };
        let body = r#"{"account_id":"x","resources":[{"type":"course","id":"1"},{"id":"2","type":"a","id":"3"}]}"#;
        let refused = post("/access", body).await;
        expect_fault(&refused, "/resources/1/id", "too_many");
        let refused = post("/groups", r#"{"name":"7A","a/b":{"c":1,"c":1}}"#).await;
        expect_fault(&refused, "/a~1b/c", "too_many");
        let broken = post("/groups", r#"{"name":"7A","name":"7B""#).await;
        let problem = broken.expect_problem(400, "malformed_request");
        assert_eq!(
            problem["detail"],
            "The body is not valid JSON: line 1, column 24."
        );
    }
);

both_databases!(json_is_taken_in_utf8_alone, |app| {
    let school = app.school().await;
    let post = async |(path, body): (&str, Value), kind: &str| {
        let request = school.admin.request(Method::POST, &school.path(path));
        let request = request.header("content-type", kind);
        send(request.body(body.to_string())).await
    };
    let group = |name: &str| ("/groups", json!({ "name": name }));
    let names = json!({ "usernames": ["Jane"], "account_type": "student" });
    for (name, kind) in [
        ("1", "application/json; charset=utf-8"),
        ("2", "application/json;charset=UTF8"),
        ("3", "application/json; charset=\"Utf-8\""),
        ("4", "application/json; charset=us-ascii"),
    ] {
        post(group(name), kind).await.expect_status(201);
    }
    for kind in [
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/merge-patch+json; charset=windows-1252",
    ] {
        for sent in [group("7"), ("/imports/usernames", names.clone())] {
            let refused = post(sent, kind).await;
            let problem = refused.expect_problem(415, "unsupported_media_type");
            let detail = text(&problem["detail"]);
            let is_list = kind.contains("merge") && detail.starts_with("Send the names");
            assert!(detail.contains("in UTF-8") || is_list, "{kind}: {detail}");
        }
    }
});

both_databases!(what_takes_no_body_refuses_one_that_says_something, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let mut operations = in_order();
    operations
        .retain(|it| it.method == Method::POST && !it.takes_a_body() && !it.is_by_setup_link());
    assert!(operations.len() > 10, "{}", operations.len());
    for operation in &operations {
        for body in [r#"{"surplus":1}"#, "[]", "7", "surplus=1"] {
            let request = operation.bare_request(&school.admin, &ids).body(body);
            let refused = send(request).await;
            let problem = refused.expect_problem(400, "malformed_request");
            let expected = "This operation takes no body: send none, or `{}`.";
            assert_eq!(problem["detail"], expected, "{} {body}", operation.id);
        }
    }
    let reset = school.path("/invite-code/reset");
    for body in ["", " \n", "{}", "null"] {
        for kind in ["application/json", "text/plain"] {
            let request = school.admin.request(Method::POST, &reset);
            let request = request.header("content-type", kind).body(body);
            send(request).await.expect_status(200);
        }
    }
});

both_databases!(parameters_are_read_as_people_send_them, |app| {
    let school = app.school().await;
    let get = async |query: &str| school.admin.get(&school.path(query)).await;
    let all = get("/members").await.expect_status(200);
    for blank in [
        "/members?search=&role=&limit=&cursor=&group_id=&registered_from=",
        "/members?search=+&status=%20",
        "/members?registered_from=2026-09-01&registered_to=2026-09-02",
        "/members?registered_from=2026-09-01T00:00:00Z",
    ] {
        assert_eq!(get(blank).await.expect_status(200), all, "{blank}");
    }
    let later = get("/members?registered_from=2026-09-02").await;
    assert_eq!(later.expect_status(200)["items"], json!([]));
    for (query, pointer, code) in [
        ("/members?limit=ten", "?limit", "wrong_type"),
        ("/members?role=boss", "?role", "unknown_word"),
        ("/members?group_id=7A", "?group_id", "invalid"),
        (
            "/members?registered_from=yesterday",
            "?registered_from",
            "invalid",
        ),
        (
            "/members?registered_from=2026-02-30",
            "?registered_from",
            "invalid",
        ),
        (
            "/members?registered_from=2026-09-01T07:30:00",
            "?registered_from",
            "invalid",
        ),
        (
            "/audit-events?from=2026-09-01T07:30:00%2B25:00",
            "?from",
            "invalid",
        ),
        ("/members?sort=name&sort=name", "?sort", "too_many"),
        ("/members?serch=x", "?serch", "unknown_field"),
        ("/audit-events?from=x", "?from", "invalid"),
    ] {
        expect_fault(&get(query).await, pointer, code);
    }
});

both_databases!(a_time_is_one_of_rfc_3339, |app| {
    let school = app.school().await;
    let group = school.new_group("7A").await;
    let grant = format!("{group}/grants/course/algebra");
    let code = school.path("/invite-code");
    let keys = school.path("/api-keys");
    for time in [
        "2099-09-01T07:30:00+25:00",
        "2099-09-01T07:30:00",
        "2099-09-01T07:30Z",
        "2099-09-01T07:30:00Z[UTC]",
    ] {
        let body = format!(r#"{{"expires_at":"{time}"}}"#);
        let key =
            format!(r#"{{"name":"Library","scopes":["members:read"],"expires_at":"{time}"}}"#);
        for (method, path, body) in [
            (Method::PUT, &grant, &body),
            (Method::PATCH, &code, &body),
            (Method::POST, &keys, &key),
        ] {
            let refused = send_text(&school.admin, (method, path), body).await;
            expect_fault(&refused, "/expires_at", "invalid");
        }
    }
});

/// Whether the schema takes values of this type.
fn takes(schema: &Value, kind: &str) -> bool {
    let is = |found: &Value| found == kind || (found == "number" && kind == "integer");
    match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(is),
        Value::String(_) => is(&schema["type"]),
        _ => {
            let parts = ["oneOf", "anyOf", "allOf"].iter();
            parts
                .filter_map(|key| schema[*key].as_array())
                .flatten()
                .any(|part| takes(part, kind))
        }
    }
}

/// Values of every type that the schema does not take.
fn of_other_types(schema: &Value) -> Vec<Value> {
    let of_each = [
        ("null", json!(null)),
        ("boolean", json!(true)),
        ("integer", json!(7.5)),
        ("string", json!("?")),
        ("array", json!([{}])),
        ("object", json!({ "?": 1 })),
    ];
    let wrong = of_each.into_iter().filter(|(kind, _)| !takes(schema, kind));
    let mut wrong: Vec<Value> = wrong.map(|(_, value)| value).collect();
    if takes(schema, "integer") {
        wrong.push(json!(7.5));
    }
    wrong
}

async fn refuses_other_types(who: &Person<'_>, ids: &Ids, operation: &Operation) {
    let Some(example) = operation.example() else {
        return;
    };
    let refuse = async |body: &Value, pointer: &str| {
        let request = operation.bare_request(who, ids).json(body);
        let refused = send(request).await;
        let problem = refused.expect_problem(400, "malformed_request");
        let found = text(&problem["errors"][0]["pointer"]);
        assert!(
            found.starts_with(pointer),
            "{}: {body} at {found}",
            operation.id
        );
    };
    let values: Vec<Value> = example.as_object().unwrap().values().cloned().collect();
    refuse(&json!(values), "").await;
    let mut surplus = example.clone();
    surplus["surplus"] = json!(1);
    refuse(&surplus, "/surplus").await;
    let properties = operation.schema()["properties"].as_object().unwrap();
    for (name, schema) in properties {
        for value in of_other_types(schema) {
            let mut body = example.clone();
            body[name] = value;
            refuse(&body, &format!("/{name}")).await;
        }
    }
    for name in operation.schema()["required"]
        .as_array()
        .into_iter()
        .flatten()
    {
        let mut body = example.clone();
        body.as_object_mut().unwrap().remove(name.as_str().unwrap());
        refuse(&body, &format!("/{}", text(name))).await;
    }
}

async fn refuses_other_words(who: &Person<'_>, ids: &Ids, operation: &Operation) {
    for (name, schema) in operation.query_parameters() {
        let is_free = takes(&schema, "string")
            && schema.get("format").is_none()
            && schema.get("enum").is_none()
            && schema.get("oneOf").is_none();
        let request = operation.request_with((who, ids), (name.as_str(), "?!"));
        let asked = send(request).await;
        if asked.status.is_success() {
            assert!(is_free, "{}: {name} takes anything", operation.id);
            continue;
        }
        let problem = asked.json();
        let found = text(&problem["errors"][0]["pointer"]);
        assert_eq!(found, format!("?{name}"), "{}: {problem:#}", operation.id);
    }
}

both_databases!(no_operation_takes_values_of_other_types, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let mut operations = in_order();
    // Browsers are sent on, whatever they come with.
    operations.retain(|operation| !operation.documents(StatusCode::SEE_OTHER));
    for operation in &operations {
        refuses_other_types(&school.admin, &ids, operation).await;
    }
    for operation in operations.iter().filter(|it| it.method == Method::GET) {
        refuses_other_words(&school.admin, &ids, operation).await;
    }
});

both_databases!(a_refusal_says_where_and_what_in_one_sentence, |app| {
    let school = app.school().await;
    let admin = &school.admin;
    let names = school.path("/imports/usernames");
    let body = json!({ "usernames": "Jane", "account_type": "student" }).to_string();
    let unlike = school.path("/groups?zzzzzzzzzz=1");
    let login = "/v1/auth/login";
    for (refused, expected) in [
        (
            send_text(admin, (Method::POST, &names), &body).await,
            "`/usernames`: expected a list, found text.",
        ),
        (
            send_text(admin, (Method::POST, login), "[1]").await,
            "The body: expected an object, found a list.",
        ),
        (
            send_text(admin, (Method::POST, login), "{\"email\": \"ann\",}").await,
            "The body is not valid JSON: line 1, column 17.",
        ),
        (
            send_text(admin, (Method::POST, login), "{\"email\": \"ann@x.org\"}").await,
            "`/password`: this field is required.",
        ),
        (
            send_text(admin, (Method::POST, login), "{\"emial\": \"ann@x.org\"}").await,
            "`/emial`: there is no field `emial`; did you mean `email`?",
        ),
        (
            admin.get(&school.path("/members?group=7")).await,
            "`?group`: there is no query parameter `group`; did you mean `group_id`?",
        ),
    ] {
        let problem = refused.expect_problem(400, "malformed_request");
        assert_eq!(problem["detail"], expected);
    }
    let unlike = admin.get(&unlike).await;
    let problem = unlike.expect_problem(400, "malformed_request");
    let detail = text(&problem["errors"][0]["detail"]);
    assert!(detail.starts_with("There is no query parameter `zzzzzzzzzz`; expected one of `"));
});

both_databases!(a_refusal_of_fields_names_them, |app| {
    let body = json!({ "email": "x", "password": "short", "username": "Ann" });
    let refused = app.anonymous().post("/v1/auth/register", body).await;
    let problem = refused.expect_problem(422, "validation_failed");
    assert_eq!(
        problem["detail"],
        "Invalid fields: /email, /password. See `errors`."
    );
    let body = json!({ "email": "x@x.org", "password": "short", "username": "Ann" });
    let refused = app.anonymous().post("/v1/auth/register", body).await;
    let problem = refused.expect_problem(422, "validation_failed");
    assert_eq!(problem["detail"], "Invalid field: /password. See `errors`.");
});

both_databases!(a_role_that_may_not_is_told_who_may, |app| {
    let school = app.school().await;
    let tim = app.register("tim@x.org").await;
    app.join(&school, &tim, "student").await;
    let body = json!({ "total": 5, "by_account_type": { "student": null, "teacher": null } });
    for (refused, expected) in [
        (
            school.admin.put(&school.path("/seats"), body).await,
            "Only operators may do this.",
        ),
        (
            tim.get(&school.path("/seats")).await,
            "Only admins and operators may do this.",
        ),
        (
            tim.post(&school.path("/groups"), json!({ "name": "7A" }))
                .await,
            "Only staff, admins and operators may do this.",
        ),
    ] {
        let problem = refused.expect_problem(403, "forbidden");
        assert_eq!(problem["detail"], expected);
    }
});

/// A list of names with this option as JSON, in a form and in the query, each with its pointer to it.
fn with_option(
    school: &Organization<'_>,
    (name, value): (&'static str, &'static str),
) -> [(RequestBuilder, String); 3] {
    let mut options = BTreeMap::from([("account_type", "student")]);
    options.insert(name, value);
    let mut body = json!(options);
    body["usernames"] = json!(["Jane Doe"]);
    let people = "email,password,username\njane@x.example,quiet rivers 11,Jane\n";
    let people = Part::text(people).file_name("people.csv");
    let form = options.iter().fold(Form::new(), |form, (name, value)| {
        form.text(*name, value.to_string())
    });
    let post = |path: &str| school.admin.request(Method::POST, &school.path(path));
    let names = post("/imports/usernames").header("content-type", "text/plain");
    [
        (post("/imports/usernames").json(&body), format!("/{name}")),
        (
            post("/imports").multipart(form.part("file", people)),
            format!("/{name}"),
        ),
        (names.query(&options).body("Jane Doe"), format!("?{name}")),
    ]
}

both_databases!(json_forms_and_queries_refuse_the_same_fault_alike, |app| {
    let school = app.school().await;
    for (name, value, code) in [
        ("account_type", "pupil", "unknown_word"),
        ("mode", "at_once", "unknown_word"),
        ("on_row_error", "stop", "unknown_word"),
        ("on_seat_shortage", "buy", "unknown_word"),
        ("must_change_password", "maybe", "wrong_type"),
        ("colour", "red", "unknown_field"),
    ] {
        for (request, pointer) in with_option(&school, (name, value)) {
            let refused = send(request).await;
            refused.expect_malformed(&[(pointer.as_str(), code)]);
        }
    }
});

both_databases!(a_number_out_of_range_breaks_a_rule_however_large, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let seats = school.path("/seats");
    for number in ["-1", "10000001", "9223372036854775808", "1e30", "-1e30"] {
        let body =
            format!(r#"{{"total":{number},"by_account_type":{{"student":null,"teacher":null}}}}"#);
        let refused = send_text(&operator, (Method::PUT, &seats), &body).await;
        refused.expect_fields(&[("/total", "out_of_range")]);
    }
    for number in ["0", "201", "-99999999999999999999", "99999999999999999999"] {
        let members = school.path(&format!("/members?limit={number}"));
        let refused = school.admin.get(&members).await;
        refused.expect_fields(&[("?limit", "out_of_range")]);
    }
});
