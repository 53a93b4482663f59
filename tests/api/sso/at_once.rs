//! People who come while something that they come by changes: what has changed counts, and nothing is half done.

use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::ids::{AccountId, ConnectionId, InvitationId, OrganizationId};
use rollcall::domain::username::Username;
use rollcall::error::Result;
use rollcall::services::authorization;
use rollcall::services::unit_of_work::UnitOfWork;
use rollcall::store::accounts::{self, Account};
use rollcall::store::sso_connections::{self, SsoConnection};
use rollcall::store::{account_passwords, invitations, session_proofs};

use super::*;

/// Sends a request while a transaction holds the organization, which then does this to the connection.
async fn while_held(
    school: &Organization<'_>,
    connection: &Value,
    request: impl Future<Output = TestResponse>,
    then: impl FnOnce(&mut UnitOfWork<'_>, SsoConnection) -> Result<()> + Send + 'static,
) -> TestResponse {
    let organization: OrganizationId = school.id.parse().unwrap();
    let connection: ConnectionId = text(&connection["id"]).parse().unwrap();
    let holds = move |tx: &mut UnitOfWork<'_>| authorization::lock(tx, organization);
    let changes = move |tx: &mut UnitOfWork<'_>| {
        let found = sso_connections::find(tx.connection, connection)?;
        then(tx, found.expect("no connection"))
    };
    school.admin.app.during(holds, request, changes).await
}

/// As a change does that names another identity provider.
fn moves(tx: &mut UnitOfWork<'_>, connection: SsoConnection) -> Result<()> {
    let moved = SsoConnection {
        subject_issuer: Some(vec![7; 32]),
        ..connection
    };
    sso_connections::update(tx.connection, &moved)?;
    session_proofs::revoke_all(tx.connection, &moved)
}

fn is_deleted(tx: &mut UnitOfWork<'_>, connection: SsoConnection) -> Result<()> {
    let of = (connection.organization_id, connection.id);
    sso_connections::delete(tx.connection, of.0, of.1).map(drop)
}

async fn ticket(app: &App, by: (&Value, &IdentityProvider), claims: Value) -> String {
    let end = go_round(&app.anonymous(), by.0, (by.1, claims), json!({})).await;
    ticket_of(&end)
}

/// A link that waits for the owner of this address, and the code that was mailed for it.
async fn link(school: &Organization<'_>, by: (&Value, &IdentityProvider), email: &str) -> Value {
    let app = school.admin.app;
    let claims = json!({ "sub": email, "email": email });
    let came = come(school, by.0, by.1, claims).await.expect_status(200);
    let token = came["link_token"].clone();
    assert!(token.is_string(), "{came:#}");
    let mail = json!({ "link_token": token });
    let mailed = app.anonymous().post("/v1/sign-in/link-mail", mail).await;
    mailed.expect_status(202);
    json!({ "link_token": token, "code": link_code(app, email).await })
}

async fn member_count(school: &Organization<'_>) -> usize {
    let members = school.admin.get(&school.path("/members")).await;
    let members = members.expect_status(200);
    members["items"].as_array().unwrap().len()
}

/// The admin is alone, and nothing is linked to this person.
async fn nothing_came_of_it(school: &Organization<'_>, ann: &Person<'_>) {
    assert_eq!(member_count(school).await, 1);
    let identities = ann.get("/v1/me/identities").await.expect_status(200);
    assert_eq!(identities["items"], json!([]));
    let linked = school.events("identity.linked").await;
    assert_eq!(linked, json!([]));
}

both_databases!(another_provider_lets_in_nobody_of_the_one_before, |app| {
    let school = app.school().await;
    let ann = app.register("ann@else.example").await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let by = (&connection, &provider);
    let mira = ticket(app, by, json!({ "sub": "mira" })).await;
    let code = link(&school, by, &ann.email).await;
    let came = while_held(&school, &connection, exchange(app, &mira), moves).await;
    came.expect_problem(401, "ticket_invalid");
    nothing_came_of_it(&school, &ann).await;
    let anonymous = app.anonymous();
    let again = active(&school, &provider).await;
    let code_of_moved = anonymous.post("/v1/sign-in/link", code).await;
    code_of_moved.expect_problem(401, "link_expired");
    let code = link(&school, (&again, &provider), &ann.email).await;
    let linked = anonymous.post("/v1/sign-in/link", code);
    let linked = while_held(&school, &again, linked, moves).await;
    linked.expect_problem(401, "link_expired");
    nothing_came_of_it(&school, &ann).await;
});

both_databases!(a_deleted_connection_lets_in_nobody, |app| {
    let school = app.school().await;
    let ann = app.register("ann@else.example").await;
    let provider = IdentityProvider::start();
    // SQLite lets the request begin after the deletion, which takes tickets and links along.
    let ended = |answer: &TestResponse| {
        let problem = answer.json();
        let is_known = match problem["code"].as_str().unwrap() {
            "connection_unknown" => answer.status == 404,
            "ticket_invalid" | "link_expired" => answer.status == 401,
            _ => false,
        };
        assert!(is_known, "{problem:#}");
    };
    let connection = active(&school, &provider).await;
    let mira = ticket(app, (&connection, &provider), json!({ "sub": "mira" })).await;
    let came = while_held(&school, &connection, exchange(app, &mira), is_deleted).await;
    ended(&came);
    let connection = active(&school, &provider).await;
    let code = link(&school, (&connection, &provider), &ann.email).await;
    let anonymous = app.anonymous();
    let linked = anonymous.post("/v1/sign-in/link", code);
    let linked = while_held(&school, &connection, linked, is_deleted).await;
    ended(&linked);
    nothing_came_of_it(&school, &ann).await;
});

both_databases!(who_links_locks_the_account_before_an_invitation, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let joe = app.register("joe@else.example").await;
    app.verify_email(&joe.id);
    let body = json!({ "emails": [joe.email], "account_type": "student" });
    let invited = school.invite_with(body).await.expect_status(200);
    let id = text(&invited["results"][0]["invitation_id"]);
    let invitation: InvitationId = id.parse().unwrap();
    let account: AccountId = joe.id.parse().unwrap();
    let by = (&provider, json!({ "sub": "joe" }));
    let end = go_round(&joe, &connection, by, json!({ "purpose": "link" })).await;
    let linked = app
        .during(
            move |tx| accounts::lock(tx.connection, account).map(drop),
            exchange(app, &ticket_of(&end)),
            move |tx| invitations::lock(tx.connection, invitation).map(drop),
        )
        .await;
    assert_eq!(linked.expect_status(200)["outcome"], "linked");
    let metrics = app.anonymous().get("/metrics").await;
    let deadlocks = "\nrollcall_database_deadlocks_total 0\n";
    assert!(metrics.text.contains(deadlocks), "{}", metrics.text);
});

/// Sets a password in the transaction as its owner does by a mailed link: the same one again.
fn own_password(app: &App, id: &str) -> impl FnOnce(&mut UnitOfWork<'_>) -> Result<()> + use<> {
    let account = app.account(id);
    let hash = account.password_hash.expect("no password");
    move |tx| {
        assert!(account_passwords::set_own(
            tx.connection,
            account.id,
            &hash
        )?);
        let now = tx.now();
        accounts::verify_email(tx.connection, account.id, now).map(drop)
    }
}

both_databases!(a_code_takes_no_password_that_was_set_meanwhile, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let ann = app.register_unverified("ann@else.example").await;
    let code = link(&school, (&connection, &provider), &ann.email).await;
    let anonymous = app.anonymous();
    let linked = anonymous.post("/v1/sign-in/link", code);
    let sets = own_password(app, &ann.id);
    let linked = app.during(sets, linked, |_| Ok(())).await;
    assert_eq!(linked.expect_status(200)["outcome"], "linked");
    let ann = app.sign_in(&ann.email, PASSWORD).await;
    ann.get("/v1/me").await.expect_status(200);
});

/// Somebody gets this address in the transaction.
fn registers(email: &str) -> impl FnOnce(&mut UnitOfWork<'_>) -> Result<()> + Send + use<> {
    let email = EmailAddress::parse(email).unwrap();
    move |tx| {
        let account = Account::new(email, Username::parse("Bo").unwrap(), tx.now());
        assert!(accounts::insert(tx.connection, &account)?);
        Ok(())
    }
}

both_databases!(
    an_address_that_somebody_gets_meanwhile_stays_theirs,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        vouched(app, &school, "hill.example").await;
        let by = (&connection, &provider);
        let came = come(&school, &connection, &provider, json!({ "sub": "mira" })).await;
        came.expect_status(200);
        let claims = json!({ "sub": "mira", "email": "mira@hill.example" });
        let mira = ticket(app, by, claims).await;
        let taken = registers("mira@hill.example");
        let came = app.during(taken, exchange(app, &mira), |_| Ok(())).await;
        let me = holder(app, &came.expect_status(200)).get("/v1/me").await;
        assert_eq!(me.expect_status(200)["generated_address"], true);
        let step = step_of_last(&school, "email", "warning").await;
        assert_eq!(step["received"], Value::Null);
        // A test that meets it is made again, too.
        let tests = format!("{}/tests", path_of(&school, &connection));
        let begun = begin_test(&school.admin, &tests).await;
        let claims = json!({ "sub": "mira", "email": "bo@hill.example" });
        let back = provider.sign_in(begun.to_provider.as_str(), (app.now(), claims));
        let passed = async {
            let end = follow(app, &back).await;
            assert_eq!(end.path(), "/sign-in/tested", "{end}");
            school.admin.get(&begun.path).await
        };
        let taken = registers("bo@hill.example");
        let tested = app
            .during(taken, passed, |_| Ok(()))
            .await
            .expect_status(200);
        assert_eq!(tested["status"], "passed", "{tested:#}");
        assert!(
            tested
                .to_string()
                .contains("Another account has this address")
        );
    }
);

both_databases!(a_change_leaves_what_is_noted_meanwhile, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let id: ConnectionId = text(&connection["id"]).parse().unwrap();
    let path = path_of(&school, &connection);
    let notes = move |tx: &mut UnitOfWork<'_>| {
        let now = tx.now();
        sso_connections::note_clock(tx.connection, id, Some((now, 100)))?;
        sso_connections::note_silence(tx.connection, id, Some(now))
    };
    let change = school.admin.patch(&path, json!({ "session_hours": 3 }));
    let changed = app.during(notes, change, |_| Ok(())).await;
    changed.expect_status(200);
    let warned = async || {
        let shown = school.admin.get(&path).await.expect_status(200);
        let warnings = shown["warnings"].as_array().unwrap().clone();
        let codes = warnings.iter().map(|warning| text(&warning["code"]));
        codes.collect::<Vec<_>>()
    };
    assert_eq!(warned().await, ["clock_off", "silent"]);
    // Of another provider nothing is noted.
    let other = IdentityProvider::start();
    let moved = json!({ "issuer": other.issuer(), "client_secret": CLIENT_SECRET });
    school.admin.patch(&path, moved).await.expect_status(200);
    assert_eq!(warned().await, Vec::<String>::new());
});
