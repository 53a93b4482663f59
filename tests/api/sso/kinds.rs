//! Every operation of the document by each kind of session (`docs/sso.md#sessions`). What API keys do is told apart in
//! `api_keys/every_operation.rs`.

use std::collections::BTreeSet;

use super::*;
use crate::support::operations::{Ids, Operation, in_order, one_of_everything};
use crate::support::people::send;

/// What a session that is confined to an organization does beside that organization's operations.
const OPEN_TO_CONFINED: [&str; 4] = [
    "get_me",
    "list_my_identities",
    "list_my_memberships",
    "list_organizations",
];

/// The operations that take a session, in an order in which nothing that is named goes before it is needed.
fn by_session() -> Vec<Operation> {
    let mut operations = in_order();
    operations.retain(|it| !it.is_anonymous() && !it.is_by_setup_link());
    operations
}

fn only_looks(operation: &Operation) -> bool {
    operation.method == reqwest::Method::GET
}

fn is_of_organization(operation: &Operation) -> bool {
    operation
        .path
        .starts_with("/v1/organizations/{organization_id}")
}

/// Tries an operation, which has to answer as the document says and without a failure of the server, and gives the code of
/// the refusal.
async fn refusal(operation: &Operation, who: &Person<'_>, ids: &Ids) -> String {
    let response = send(operation.request(who, ids)).await;
    let (id, status) = (&operation.id, response.status);
    assert!(
        operation.documents(status) && !status.is_server_error(),
        "{id}: {status}: {}",
        response.text
    );
    if status == 401 {
        return "401".to_owned();
    }
    let body: Value = serde_json::from_str(&response.text).unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default();
    match code {
        "session_confined" | "sso_required" => code.to_owned(),
        _ => String::new(),
    }
}

/// The operations that this session is refused for such a code, of those that are asked for.
async fn refused(
    who: &Person<'_>,
    ids: &Ids,
    are_asked: impl Fn(&Operation) -> bool,
) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut open, mut closed) = (BTreeSet::new(), BTreeSet::new());
    for operation in by_session().into_iter().filter(|it| are_asked(it)) {
        let code = refusal(&operation, who, ids).await;
        let noted = if code.is_empty() {
            &mut open
        } else {
            &mut closed
        };
        noted.insert(match code.as_str() {
            "" => operation.id,
            _ => format!("{} {code}", operation.id),
        });
    }
    (open, closed)
}

/// The names of operations that are asked for.
fn named(are_asked: impl Fn(&Operation) -> bool) -> BTreeSet<String> {
    let asked = by_session().into_iter().filter(|it| are_asked(it));
    asked.map(|operation| operation.id).collect()
}

/// A session of the school's admin by the school's own provider, and the connection.
async fn by_provider<'a>(school: &Organization<'a>) -> (Person<'a>, Value, IdentityProvider) {
    let app = school.admin.app;
    let provider = IdentityProvider::start();
    let connection = active(school, &provider).await;
    let claims = json!({ "sub": "the-admin" });
    let link = json!({ "purpose": "link" });
    let end = go_round(
        &school.admin,
        &connection,
        (&provider, claims.clone()),
        link,
    )
    .await;
    exchange(app, &ticket_of(&end)).await.expect_status(200);
    let came = come(school, &connection, &provider, claims)
        .await
        .expect_status(200);
    assert_eq!(came["confined_to"], school.id);
    (holder(app, &came), connection, provider)
}

fn all_of_it(ids: BTreeSet<String>, code: &str) -> BTreeSet<String> {
    ids.into_iter().map(|id| format!("{id} {code}")).collect()
}

both_databases!(a_session_by_password_is_confined_nowhere, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let (_, closed) = refused(&school.admin, &ids, only_looks).await;
    assert_eq!(closed, BTreeSet::new());
    let (_, closed) = refused(&school.admin, &ids, is_of_organization).await;
    assert_eq!(closed, BTreeSet::new());
});

both_databases!(an_operator_is_one_by_password_only, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let operator = app.operator().await;
    let operators_only = |it: &Operation| it.path.starts_with("/v1/apps");
    let (open, closed) = refused(&operator, &ids, |it| {
        only_looks(it) && (operators_only(it) || is_of_organization(it))
    })
    .await;
    assert_eq!(closed, BTreeSet::new());
    assert!(open.contains("list_apps") && open.contains("list_members"));
    // The same account by the identity provider of a club.
    let club = app.organization("Chess Club", "school").await;
    let provider = IdentityProvider::start();
    let connection = active(&club, &provider).await;
    let claims = json!({ "sub": "operator" });
    let link = json!({ "purpose": "link" });
    let by = (&provider, claims.clone());
    let end = go_round(&operator, &connection, by, link).await;
    exchange(app, &ticket_of(&end)).await.expect_status(200);
    let came = come(&club, &connection, &provider, claims).await;
    let came = came.expect_status(200);
    assert_eq!(came["confined_to"], club.id);
    let confined = holder(app, &came);
    let theirs = |it: &Operation| operators_only(it) || is_of_organization(it);
    for operation in by_session().into_iter().filter(theirs) {
        let answer = send(operation.request(&confined, &ids)).await;
        let code = match is_of_organization(&operation) {
            // Of the school they are no member: it does not exist for them.
            true => (404, "not_found"),
            false => (403, "session_confined"),
        };
        answer.expect_problem(code.0, code.1);
    }
});

both_databases!(
    a_confined_session_opens_its_organization_and_little_else,
    |app| {
        let school = app.school().await;
        let ids = one_of_everything(&school).await;
        let (confined, ..) = by_provider(&school).await;
        let (open, closed) = refused(&confined, &ids, |it| !is_of_organization(it)).await;
        assert_eq!(open, OPEN_TO_CONFINED.map(str::to_owned).into());
        let others =
            |it: &Operation| !is_of_organization(it) && !OPEN_TO_CONFINED.contains(&it.id.as_str());
        assert_eq!(closed, all_of_it(named(others), "session_confined"));
        let (_, closed) = refused(&confined, &ids, is_of_organization).await;
        // That takes the password anew.
        let by_password = BTreeSet::from(["delete_organization session_confined".to_owned()]);
        assert_eq!(closed, by_password);
    }
);

both_databases!(another_organizations_proof_opens_nothing, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let admin = app.sign_in(&school.admin.email, PASSWORD).await;
    let club = app.organization_of(admin, "Chess Club", "school").await;
    let (confined, ..) = by_provider(&club).await;
    let (open, closed) = refused(&confined, &ids, is_of_organization).await;
    assert_eq!(open, BTreeSet::new());
    assert_eq!(
        closed,
        all_of_it(named(is_of_organization), "session_confined")
    );
});

both_databases!(required_single_sign_on_asks_for_its_own_proof, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let (confined, connection, provider) = by_provider(&school).await;
    let emergency = app.register("emergency@else.example").await;
    app.join(&school, &emergency, "teacher").await;
    app.verify_email_by_reset(&emergency.id);
    let admin = json!({ "role": "admin" });
    school
        .admin
        .patch(&school.path_of(&emergency.id), admin)
        .await
        .expect_status(200);
    let emergency = app.sign_in("emergency@else.example", PASSWORD).await;
    let policy = json!({ "required": true, "emergency_admins": [emergency.id] });
    let required = school
        .admin
        .put(&school.path("/sign-in-policy"), policy)
        .await;
    required.expect_status(200);
    let own = app.sign_in(&school.admin.email, PASSWORD).await;
    let (open, closed) = refused(&own, &ids, is_of_organization).await;
    assert_eq!(open, BTreeSet::new());
    assert_eq!(closed, all_of_it(named(is_of_organization), "sso_required"));
    // With the proof, or in an emergency, everything is open; so that nothing goes, it is only looked at at first.
    let claims = json!({ "sub": "the-admin" });
    let step_up = json!({ "purpose": "step_up" });
    let end = go_round(&own, &connection, (&provider, claims), step_up).await;
    let stepped = exchange(app, &ticket_of(&end)).await.expect_status(200);
    assert_eq!(stepped["outcome"], "stepped_up");
    let looks = |it: &Operation| is_of_organization(it) && only_looks(it);
    for who in [&own, &confined, &emergency] {
        let (_, closed) = refused(who, &ids, looks).await;
        assert_eq!(closed, BTreeSet::new());
    }
    let (_, closed) = refused(&own, &ids, is_of_organization).await;
    assert_eq!(closed, BTreeSet::new());
});

both_databases!(a_setup_link_opens_the_setup_alone, |app| {
    let school = app.school().await;
    let ids = one_of_everything(&school).await;
    let link = json!({ "connection_id": ids["connection_id"] });
    let made = school.admin.post(&school.path("/setup-links"), link).await;
    let made = made.expect_status(201);
    let secret = text(&made["url"])
        .rsplit_once("#token=")
        .expect("no token")
        .1
        .to_owned();
    let it = Person {
        access_token: Some(secret),
        ..Person::anonymous(app)
    };
    it.get("/v1/setup").await.expect_status(200);
    let (open, closed) = refused(&it, &ids, |_| true).await;
    assert_eq!(open, BTreeSet::new());
    assert_eq!(closed, all_of_it(named(|_| true), "401"));
});
