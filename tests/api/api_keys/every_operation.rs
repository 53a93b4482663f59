//! Every operation of the document is tried with keys that have its scope and that have not.

use std::collections::{BTreeSet, HashMap};

use rollcall::domain::api_key::Scope;

use super::*;
use crate::support::TestResponse;
use crate::support::operations::{Ids, Operation, in_order, one_of_everything};

/// Keys by a scope: those that have it alone, or all but it.
async fn keys<'a>(
    app: &'a App,
    school: &Organization<'_>,
    scopes_of: impl Fn(&str) -> Vec<&'static str>,
) -> HashMap<&'static str, Person<'a>> {
    let mut keys = HashMap::new();
    for scope in Scope::ALL {
        let created = create(&school.admin, school, &scopes_of(scope.as_str())).await;
        keys.insert(scope.as_str(), bearer(app, &created));
    }
    keys
}

fn all_but(scope: &str) -> Vec<&'static str> {
    let all = Scope::ALL.iter().map(|scope| scope.as_str());
    all.filter(|other| *other != scope).collect()
}

fn only(scope: &str) -> Vec<&'static str> {
    let scope: Scope = scope.parse().unwrap();
    vec![scope.as_str()]
}

/// Tries an operation; the document has to name the status.
async fn try_out(operation: &Operation, who: &Person<'_>, ids: &Ids) -> TestResponse {
    let response = send(operation.request(who, ids)).await;
    let (id, status) = (&operation.id, response.status);
    assert!(
        operation.documents(status),
        "{id}: {status} is not documented"
    );
    response
}

fn assert_lacks_scope(operation: &Operation, scope: &str, response: &TestResponse) {
    let id = &operation.id;
    assert_eq!(response.status, 403, "{id}: {}", response.text);
    let problem = response.expect_problem(403, "forbidden");
    let expected = format!("This API key does not have the scope `{scope}`.");
    assert_eq!(problem["detail"], expected, "{id}");
}

both_databases!(a_key_without_the_scope_is_refused_everywhere, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let keys = keys(app, &school, all_but).await;
    let mut tried = BTreeSet::new();
    for operation in in_order() {
        if let Some(scope) = operation.scope() {
            let response = try_out(&operation, &keys[scope.as_str()], &ids).await;
            assert_lacks_scope(&operation, &scope, &response);
            tried.insert(operation.id);
        }
    }
    assert!(tried.contains("get_seats"), "{tried:?}");
});

both_databases!(a_key_with_the_scope_alone_is_enough_everywhere, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let keys = keys(app, &school, only).await;
    for operation in in_order() {
        if let Some(scope) = operation.scope() {
            let response = try_out(&operation, &keys[scope.as_str()], &ids).await;
            let id = &operation.id;
            let refused = response.status == 401 || response.text.contains("\"forbidden\"");
            assert!(!refused, "{id}: {}", response.text);
        }
    }
});

both_databases!(what_no_key_does_is_refused_with_every_scope, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let key = create(&school.admin, &school, &all_but("")).await;
    let key = bearer(app, &key);
    let mut tried = BTreeSet::new();
    for operation in in_order() {
        if operation.scope().is_none() && !operation.is_anonymous() {
            let response = try_out(&operation, &key, &ids).await;
            let (id, status) = (&operation.id, response.status.as_u16());
            assert!([401, 403].contains(&status), "{id}: {}", response.text);
            tried.insert(operation.id);
        }
    }
    assert!(tried.contains("create_api_key"), "{tried:?}");
    let admin = &school.admin;
    admin.get("/v1/me").await.expect_status(200);
    admin.get(&school.path("")).await.expect_status(200);
    assert_eq!(listed(&school).await.len(), 2);
});
