//! The document names `Idempotency-Key` exactly where the handlers take it.

use reqwest::header::HeaderValue;

use super::*;
use crate::support::operations::{Ids, operations};

const SOME_ID: &str = "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11";

/// Whether this is the refusal of a key that cannot be used.
fn refuses_key(response: &TestResponse) -> bool {
    let faults = |body: Value| body["errors"].as_array().cloned().unwrap_or_default();
    let is_key = |fault: Value| fault["pointer"] == "Idempotency-Key";
    response.status == 422 && faults(response.json()).into_iter().any(is_key)
}

both_databases!(every_documented_key_is_read_and_no_other, |app| {
    let school = app.school().await;
    let other_ids = [
        "account_id",
        "connection_id",
        "domain_id",
        "group_id",
        "import_id",
        "invitation_id",
        "join_request_id",
    ];
    let mut ids: Ids = other_ids.map(|name| (name, SOME_ID.to_owned())).into();
    ids.insert("organization_id", school.id.clone());
    let mut documented = 0;
    for operation in operations() {
        if operation.method != Method::POST {
            continue;
        }
        let request = || operation.request(&school.admin, &ids);
        let unusable = HeaderValue::from_bytes("ä".as_bytes()).unwrap();
        let not_ascii = send(request().header("idempotency-key", unusable)).await;
        let twice = request().header("idempotency-key", "a");
        let twice = send(twice.header("idempotency-key", "b")).await;
        let expected = operation.takes_idempotency_key();
        for response in [not_ascii, twice] {
            let id = &operation.id;
            assert_eq!(refuses_key(&response), expected, "{id}: {}", response.text);
        }
        documented += usize::from(expected);
    }
    assert!(documented > 3, "the document names no keys");
});
