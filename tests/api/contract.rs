//! Every response that a test receives is held against the document: these are faults that a handler could make,
//! each of which has to show.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::contract::compare;
use crate::support::people::{Organization, text};
use crate::support::{TestResponse, both_databases};

/// A response, with the request that it is to.
struct Received {
    method: Method,
    path: String,
    response: TestResponse,
}

/// What is said of a fault, and what makes it.
type Fault<T> = (&'static str, fn(&mut T));

/// What a handler could get wrong of any response.
const FAULTS: [Fault<TestResponse>; 5] = [
    ("is not documented", |it| {
        it.status = StatusCode::IM_A_TEAPOT
    }),
    ("has the header x-surplus", |it| set(it, "x-surplus", "1")),
    ("lacks the header x-request-id", |it| {
        drop(it.headers.remove("x-request-id"))
    }),
    ("has a body of the type \"text/html\"", |it| {
        set(it, "content-type", "text/html")
    }),
    ("has a body of the type \"application/jsonl\"", |it| {
        set(it, "content-type", "application/jsonl");
    }),
];

/// What it could get wrong of a body in JSON.
const FAULTS_OF_JSON: [Fault<Value>; 3] = [
    ("/surplus is not documented", |it| it["surplus"] = json!(1)),
    ("is not as required says", |it| {
        let fields = it.as_object_mut().unwrap();
        let first = fields.keys().next().unwrap().clone();
        fields.remove(&first);
    }),
    ("is not as type says", |it| *it = json!([])),
];

fn set(response: &mut TestResponse, name: &'static str, value: &'static str) {
    let name = HeaderName::from_static(name);
    response
        .headers
        .insert(name, HeaderValue::from_static(value));
}

/// A response of each type of body that the API has, one without, and a refusal.
async fn one_of_each_type(school: &Organization<'_>) -> Vec<Received> {
    let admin = &school.admin;
    let import = school.import_students("email,password,username\nann@x.org,quiet rivers 11,Ann\n");
    let import = format!("/imports/{}", text(&import.await["id"]));
    let paths = [
        "",
        "/members.csv",
        "/invite-code/qr",
        "/invite-code/qr?format=png",
        "/groups/01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
        &import,
        &format!("{import}/errors.csv"),
    ];
    let mut received = Vec::new();
    for path in paths
        .map(|path| school.path(path))
        .into_iter()
        .chain(["/metrics".to_owned()])
    {
        received.push(Received {
            method: Method::GET,
            response: admin.get(&path).await,
            path: path.split('?').next().unwrap().to_owned(),
        });
    }
    let path = school.path(&format!("{import}/credentials"));
    received.push(Received {
        method: Method::DELETE,
        response: admin.delete(&path).await,
        path,
    });
    received
}

fn expect_fault(received: &Received, response: &TestResponse, fault: &str) {
    let Received { method, path, .. } = received;
    let found = compare(method, path, response).expect_err(fault);
    assert!(
        found.contains(fault),
        "{method} {path}: {found}, not {fault}"
    );
}

both_databases!(what_the_document_does_not_say_of_a_response_shows, |app| {
    let school = app.school().await;
    let mut kinds = Vec::new();
    for received in one_of_each_type(&school).await {
        let Received {
            method,
            path,
            response,
        } = &received;
        assert_eq!(compare(method, path, response), Ok(()), "{method} {path}");
        for (fault, change) in FAULTS {
            let mut changed = response.clone();
            change(&mut changed);
            expect_fault(&received, &changed, fault);
        }
        let kind = response.header("content-type");
        for (fault, change) in FAULTS_OF_JSON.iter().filter(|_| kind.ends_with("json")) {
            let (mut changed, mut body) = (response.clone(), response.json());
            change(&mut body);
            changed.text = body.to_string();
            expect_fault(&received, &changed, fault);
        }
        kinds.push(kind.split(';').next().unwrap().to_owned());
    }
    kinds.sort();
    kinds.dedup();
    let all = [
        "",
        "application/json",
        "application/problem+json",
        "image/png",
        "image/svg+xml",
        "text/csv",
        "text/plain",
    ];
    assert_eq!(kinds, all);
});

both_databases!(
    a_code_and_a_required_header_that_are_not_there_show,
    |app| {
        let refused = Received {
            method: Method::GET,
            path: "/v1/me".to_owned(),
            response: app.anonymous().get("/v1/me").await,
        };
        let mut other_code = refused.response.clone();
        let mut problem = other_code.json();
        problem["code"] = json!("name_taken");
        other_code.text = problem.to_string();
        expect_fault(&refused, &other_code, "lists {\"not_signed_in\"}");
        let mut bare = refused.response.clone();
        bare.headers = HeaderMap::new();
        set(&mut bare, "x-request-id", "mine");
        set(&mut bare, "content-type", "application/problem+json");
        expect_fault(&refused, &bare, "lacks the header www-authenticate");
    }
);
