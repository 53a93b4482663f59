//! Operators' apps: one registration with an identity provider that the connections of many organizations share.

use rollcall::domain::ids::ConnectionId;
use rollcall::services::resealing;
use rollcall::store::sso_connections;

use super::*;
use crate::support::app::block_on;
use crate::support::dns;

mod operators;
mod workspaces;

const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const OTHER_TENANT: &str = "0f6f2a8d-4c11-4d3a-9b52-01990f3b6c1e";

/// An app with the client that the provider of tests knows.
async fn app_of(operator: &Person<'_>, preset: &str) -> Value {
    let new = json!({
        "name": "Shared", "preset": preset, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
    });
    operator.post("/v1/apps", new).await.expect_status(201)
}

fn path_of_app(app: &Value) -> String {
    format!("/v1/apps/{}", text(&app["id"]))
}

/// A connection by an app, whose provider stands on loopback: presets have issuers of their own.
async fn by_app(
    school: &Organization<'_>,
    shared: &Value,
    (provider, tenant): (&IdentityProvider, Value),
) -> Value {
    let new = json!({
        "name": "Accounts", "kind": "oidc", "preset": shared["preset"], "app_id": shared["id"], "tenant": tenant,
    });
    let created = school.admin.post(&school.path("/connections"), new).await;
    let created = created.expect_status(201);
    stand_at(school.admin.app, &created, provider);
    created
}

fn stand_at(app: &App, connection: &Value, provider: &IdentityProvider) {
    let id: ConnectionId = text(&connection["id"]).parse().unwrap();
    let stood = app.as_cli(|tx| {
        let mut found = sso_connections::find(tx.connection, id)?.unwrap();
        found.settings.0["issuer"] = json!(provider.issuer());
        sso_connections::update(tx.connection, &found)
    });
    stood.unwrap();
}

/// The same, tested by somebody of the tenant and active.
async fn active_by_app(
    school: &Organization<'_>,
    shared: &Value,
    (provider, tenant): (&IdentityProvider, &str),
) -> Value {
    let connection = by_app(school, shared, (provider, json!(tenant))).await;
    let tested = test(school, &connection, provider, of(tenant, "tester")).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    activate(school, &connection).await.expect_status(200)
}

/// Somebody of a tenant of Entra.
fn of(tenant: &str, oid: &str) -> Value {
    json!({ "sub": format!("pairwise-{oid}"), "oid": oid, "tid": tenant, "name": oid })
}

async fn shown(school: &Organization<'_>, connection: &Value) -> Value {
    let path = path_of(school, connection);
    school.admin.get(&path).await.expect_status(200)
}

fn query_of(end: &Url) -> HashMap<String, String> {
    end.query_pairs().into_owned().collect()
}

both_databases!(
    two_tenants_sign_in_by_one_app_and_never_in_the_other,
    |app| {
        let (school, operator) = (app.school().await, app.operator().await);
        let other = app.organization("Other School", "school").await;
        let provider = IdentityProvider::start();
        let shared = app_of(&operator, "entra").await;
        let ours = active_by_app(&school, &shared, (&provider, TENANT)).await;
        let theirs = active_by_app(&other, &shared, (&provider, OTHER_TENANT)).await;
        for connection in [&ours, &theirs] {
            let redirect_uri = &connection["service_provider"]["redirect_uri"];
            assert_eq!(redirect_uri, &shared["redirect_uri"]);
            let provider = &connection["identity_provider"];
            assert_eq!(
                provider["app"],
                json!({ "id": shared["id"], "name": "Shared" })
            );
            assert_eq!(provider["client_id"], CLIENT_ID);
            assert_eq!(connection["has_client_secret"], true);
        }
        let used = operator.get(&path_of_app(&shared)).await.expect_status(200);
        assert_eq!(used["connections"], 2);
        for (organization, connection, tenant, foreign) in [
            (&school, &ours, TENANT, OTHER_TENANT),
            (&other, &theirs, OTHER_TENANT, TENANT),
        ] {
            let came = come(organization, connection, &provider, of(tenant, "mira")).await;
            let came = came.expect_status(200);
            assert_eq!(came["outcome"], "account_created");
            assert_eq!(came["organization"]["id"], organization.id);
            let as_whom = (&provider, of(foreign, "mira"));
            let end = go_round(&app.anonymous(), connection, as_whom, json!({})).await;
            assert_eq!(query_of(&end)["problem"], "tenant_wrong");
            let failed = test(organization, connection, &provider, of(foreign, "mira")).await;
            assert_eq!(failed["status"], "failed", "{failed:#}");
            assert_eq!(last_step(&failed)["name"], "tenant");
        }
        let created = school.events("connection.created").await;
        assert_eq!(created[0]["details"]["app_id"], shared["id"]);
    }
);

both_databases!(a_way_back_ends_at_the_place_of_its_connection, |app| {
    let (school, operator) = (app.school().await, app.operator().await);
    let provider = IdentityProvider::start();
    let (shared, another) = (
        app_of(&operator, "entra").await,
        app_of(&operator, "entra").await,
    );
    let ours = active_by_app(&school, &shared, (&provider, TENANT)).await;
    let own = active(&school, &provider).await;
    let anonymous = app.anonymous();
    let back_of = async |connection: &Value| {
        let started = start(&anonymous, connection, json!({})).await;
        let url = text(&started.expect_status(200)["authorization_url"]);
        provider.sign_in(&url, (app.now(), of(TENANT, "mira")))
    };
    let moved = |back: &Url, place: &Value| {
        let mut moved = back.clone();
        let begins = back.path().rfind('/').unwrap();
        moved.set_path(&format!("{}/{}", &back.path()[..begins], text(place)));
        moved
    };
    let back = back_of(&ours).await;
    assert!(back.path().ends_with(&text(&shared["id"])));
    // At another app nobody knows by which connection they came.
    let end = follow(app, &moved(&back, &another["id"])).await;
    assert_eq!((end.path(), end.query()), ("/sign-in", None));
    let end = follow(app, &moved(&back, &ours["id"])).await;
    assert_eq!(query_of(&end)["connection"], text(&ours["id"]));
    let of_own = back_of(&own).await;
    let end = follow(app, &moved(&of_own, &shared["id"])).await;
    assert_eq!((end.path(), end.query()), ("/sign-in", None));
    // None of these used them up.
    ticket_of(&follow(app, &of_own).await);
    ticket_of(&follow(app, &back).await);
    let end = follow(app, &back).await;
    assert_eq!((end.path(), end.query()), ("/sign-in", None));
    // A tile, which nobody began.
    let mut tile = back.clone();
    tile.set_query(Some("code=code-0"));
    let end = follow(app, &tile).await;
    assert_eq!((end.path(), end.query()), ("/sign-in", None));
    // The connection has a client of its own by the time that somebody comes back.
    let back = back_of(&ours).await;
    let leave = json!({ "app_id": null, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET });
    let path = path_of(&school, &ours);
    let left = school.admin.patch(&path, leave).await.expect_status(200);
    assert_eq!(left["status"], "paused");
    let end = follow(app, &back).await;
    assert_eq!((end.path(), end.query()), ("/sign-in", None));
});

both_databases!(a_tenant_has_one_active_connection_by_an_app, |app| {
    let (school, operator) = (app.school().await, app.operator().await);
    let other = app.organization("Other School", "school").await;
    let provider = IdentityProvider::start();
    let shared = app_of(&operator, "entra").await;
    let ours = by_app(&school, &shared, (&provider, json!(TENANT))).await;
    let in_capitals = json!(TENANT.to_uppercase());
    let theirs = by_app(&other, &shared, (&provider, in_capitals)).await;
    for (organization, connection) in [(&school, &ours), (&other, &theirs)] {
        let tested = test(organization, connection, &provider, of(TENANT, "tester")).await;
        assert_eq!(tested["status"], "passed", "{tested:#}");
    }
    let both = tokio::join!(activate(&school, &ours), activate(&other, &theirs));
    let (first, (organization, second)) = match both.0.status.as_u16() {
        200 => ((&school, &ours), (&other, &theirs)),
        _ => ((&other, &theirs), (&school, &ours)),
    };
    let refused = activate(organization, second).await;
    refused.expect_problem(409, "tenant_in_use");
    assert_eq!(shown(organization, second).await["status"], "draft");
    assert_eq!(shown(first.0, first.1).await["status"], "active");
    let pause = format!("{}/pause", path_of(first.0, first.1));
    first
        .0
        .admin
        .post(&pause, Value::Null)
        .await
        .expect_status(200);
    activate(organization, second).await.expect_status(200);
    activate(first.0, first.1)
        .await
        .expect_problem(409, "tenant_in_use");
    // By an app of its own the tenant is free.
    let another = app_of(&operator, "entra").await;
    let moved = json!({ "app_id": another["id"] });
    let path = path_of(first.0, first.1);
    let moved = first.0.admin.patch(&path, moved).await.expect_status(200);
    assert_eq!(moved["tested_at"], Value::Null);
    test(first.0, first.1, &provider, of(TENANT, "tester")).await;
    activate(first.0, first.1).await.expect_status(200);
});

both_databases!(
    by_a_shared_app_of_google_only_proven_domains_come_in,
    |app| {
        let (school, operator) = (app.school().await, app.operator().await);
        let provider = IdentityProvider::start();
        let shared = app_of(&operator, "google").await;
        let connection = by_app(&school, &shared, (&provider, Value::Null)).await;
        let domain = format!("google-{}.example", app.address.port());
        let claims = json!({ "sub": "1", "hd": domain });
        let failed = test(&school, &connection, &provider, claims.clone()).await;
        assert_eq!(failed["status"], "failed", "{failed:#}");
        assert_eq!(last_step(&failed)["name"], "tenant");
        let added = json!({ "domain": domain });
        let added = school.admin.post(&school.path("/domains"), added).await;
        let path = format!("/domains/{}", text(&added.expect_status(201)["id"]));
        let vouched = json!({ "vouched": true });
        operator
            .patch(&school.path(&path), vouched)
            .await
            .expect_status(200);
        let passed = test(&school, &connection, &provider, claims).await;
        assert_eq!(passed["status"], "passed", "{passed:#}");
        activate(&school, &connection).await.expect_status(200);
    }
);

both_databases!(a_workspace_whose_domain_lapsed_sends_nobody_new, |app| {
    let (mut school, operator) = (app.school().await, app.operator().await);
    let provider = IdentityProvider::start();
    let shared = app_of(&operator, "google").await;
    let connection = by_app(&school, &shared, (&provider, Value::Null)).await;
    let name = format!("workspace-{}.example", app.address.port());
    let domain = json!({ "domain": name });
    let domain = school.admin.post(&school.path("/domains"), domain).await;
    let domain = domain.expect_status(201);
    let path = school.path(&format!("/domains/{}", text(&domain["id"])));
    let record = &domain["record"];
    let record = (text(&record["name"]), text(&record["value"]));
    dns::zone().add_text(&record.0, &record.1);
    let check = format!("{path}/check");
    let proven = school.admin.post(&check, json!({})).await;
    proven.expect_status(200);
    let of = |sub: &str| json!({ "sub": sub, "hd": name });
    test(&school, &connection, &provider, of("tester")).await;
    activate(&school, &connection).await.expect_status(200);
    let came = come(&school, &connection, &provider, of("mira")).await;
    assert_eq!(came.expect_status(200)["outcome"], "account_created");
    dns::zone().remove_text(&record.0, &record.1);
    for _ in 1..=8 {
        app.advance(Duration::from_secs(24 * 60 * 60));
        app.drain().await;
        school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    }
    let lapsed = school.admin.get(&path).await.expect_status(200);
    assert_eq!(lapsed["status"], "lapsed");
    let came = come(&school, &connection, &provider, of("mira")).await;
    assert_eq!(came.expect_status(200)["outcome"], "signed_in");
    let refused = come(&school, &connection, &provider, of("noah")).await;
    let refused = refused.expect_problem(403, "tenant_wrong");
    assert!(
        text(&refused["detail"]).contains("prove its domain"),
        "{refused:#}"
    );
    let policy =
        |required: bool| json!({ "required": required, "emergency_admins": [school.admin.id] });
    let of_policy = school.path("/sign-in-policy");
    let required = school.admin.put(&of_policy, policy(true)).await;
    required.expect_status(200);
    let refused = school.admin.delete(&path).await;
    refused.expect_problem(409, "last_sign_in_method");
    school
        .admin
        .put(&of_policy, policy(false))
        .await
        .expect_status(200);
    // Mira has neither a password nor another way in.
    let refused = school.admin.delete(&path).await;
    let refused = refused.expect_problem(409, "last_sign_in_method");
    assert!(
        text(&refused["detail"]).starts_with("1 of the members"),
        "{refused:#}"
    );
    let forced = format!("{}?force=true", path_of(&school, &connection));
    school.admin.delete(&forced).await.expect_status(204);
    school.admin.delete(&path).await.expect_status(204);
});

both_databases!(classlink_tells_its_tenant_by_a_number, |app| {
    let (school, operator) = (app.school().await, app.operator().await);
    let provider = IdentityProvider::start();
    let shared = app_of(&operator, "classlink").await;
    let connection = by_app(&school, &shared, (&provider, json!("2"))).await;
    let claims = |tenant: u32| json!({ "sub": "1516492", "classLink_tenant_id": tenant });
    let passed = test(&school, &connection, &provider, claims(2)).await;
    assert_eq!(passed["status"], "passed", "{passed:#}");
    let failed = test(&school, &connection, &provider, claims(3)).await;
    assert_eq!(failed["status"], "failed", "{failed:#}");
});

both_databases!(
    a_secret_that_is_changed_at_the_app_is_every_connections,
    |app| {
        let (school, operator) = (app.school().await, app.operator().await);
        let other = app.organization("Other School", "school").await;
        let provider = IdentityProvider::start();
        let shared = app_of(&operator, "entra").await;
        let ours = active_by_app(&school, &shared, (&provider, TENANT)).await;
        let theirs = active_by_app(&other, &shared, (&provider, OTHER_TENANT)).await;
        let path = path_of_app(&shared);
        let set = async |secret: &str| {
            let secret = json!({ "client_secret": secret });
            operator.patch(&path, secret).await.expect_status(200);
        };
        let both = [(&school, &ours, TENANT), (&other, &theirs, OTHER_TENANT)];
        set("wrong").await;
        for (_, connection, tenant) in both {
            let as_whom = (&provider, of(tenant, "mira"));
            let end = go_round(&app.anonymous(), connection, as_whom, json!({})).await;
            assert_eq!(query_of(&end)["problem"], "identity_provider_refused");
        }
        set(CLIENT_SECRET).await;
        for (organization, connection, tenant) in both {
            let known = shown(organization, connection).await;
            assert_eq!(
                (&known["status"], &known["tested_at"]),
                (&json!("active"), &json!("2026-09-01T07:30:00Z"))
            );
            come(organization, connection, &provider, of(tenant, "mira"))
                .await
                .expect_status(200);
        }
    }
);

both_databases!(
    another_client_of_the_app_asks_for_a_test_before_the_next_activation,
    |app| {
        let (school, operator) = (app.school().await, app.operator().await);
        let other = app.organization("Other School", "school").await;
        let provider = IdentityProvider::start();
        let shared = app_of(&operator, "entra").await;
        let ours = active_by_app(&school, &shared, (&provider, TENANT)).await;
        let theirs = by_app(&other, &shared, (&provider, json!(OTHER_TENANT))).await;
        let tests = format!("{}/tests", path_of(&other, &theirs));
        let begun = begin_test(&other.admin, &tests).await;
        let claims = of(OTHER_TENANT, "tester");
        let back = provider.sign_in(begun.to_provider.as_str(), (app.now(), claims));
        let change = async |client: &str| {
            let client = json!({ "client_id": client });
            let changed = operator.patch(&path_of_app(&shared), client).await;
            changed.expect_status(200);
        };
        change("another").await;
        change(CLIENT_ID).await;
        let end = follow(app, &back).await;
        let ended = begun.ended_at(&end, &other.admin).await;
        assert_eq!(ended["status"], "failed");
        activate(&other, &theirs)
            .await
            .expect_problem(409, "connection_not_tested");
        let known = shown(&school, &ours).await;
        assert_eq!(known["status"], "active");
        assert_eq!(known["tested_at"], Value::Null);
        come(&school, &ours, &provider, of(TENANT, "mira"))
            .await
            .expect_status(200);
        // A change of something else leaves it so.
        let rename = json!({ "name": "Renamed" });
        let path = path_of(&school, &ours);
        school.admin.patch(&path, rename).await.expect_status(200);
        assert_eq!(shown(&school, &ours).await["tested_at"], Value::Null);
    }
);

#[test]
fn the_secret_of_an_app_is_sealed_anew() {
    for app in [Some(App::on_sqlite()), App::on_postgres()]
        .iter()
        .flatten()
    {
        let provider = IdentityProvider::start();
        let connection = block_on(async {
            let (school, operator) = (app.school().await, app.operator().await);
            let shared = app_of(&operator, "entra").await;
            active_by_app(&school, &shared, (&provider, TENANT)).await
        });
        crate::keys::put_a_new_sealing_key_first(app);
        let replica = app.replica();
        let reseal = || resealing::reseal(&replica.state.services).unwrap().secrets;
        assert_eq!((reseal(), reseal()), (1, 0));
        block_on(async {
            let anonymous = replica.anonymous();
            let as_whom = (&provider, of(TENANT, "mira"));
            let end = go_round(&anonymous, &connection, as_whom, json!({})).await;
            exchange(&replica, &ticket_of(&end))
                .await
                .expect_status(200);
        });
    }
}

both_databases!(who_makes_a_test_chooses_the_account, |app| {
    let (school, operator) = (app.school().await, app.operator().await);
    let provider = IdentityProvider::start();
    let asked = async |connection: &Value| {
        let tests = format!("{}/tests", path_of(&school, connection));
        let begun = school.admin.post(&tests, Value::Null).await;
        let start = text(&begun.expect_status(201)["start_url"]);
        let asked = query_of(&follow(app, &Url::parse(&start).unwrap()).await);
        asked.get("prompt").cloned()
    };
    for (preset, tenant) in [("entra", json!(TENANT)), ("google", Value::Null)] {
        let shared = app_of(&operator, preset).await;
        let connection = by_app(&school, &shared, (&provider, tenant)).await;
        assert_eq!(asked(&connection).await.as_deref(), Some("select_account"));
    }
    let generic = draft(&school, &provider).await;
    assert_eq!(asked(&generic).await, None);
    // Who signs in is asked as the provider likes.
    let shared = app_of(&operator, "entra").await;
    let connection = active_by_app(&school, &shared, (&provider, TENANT)).await;
    let started = start(&app.anonymous(), &connection, json!({})).await;
    let url = text(&started.expect_status(200)["authorization_url"]);
    let asked = query_of(&Url::parse(&url).unwrap());
    assert_eq!(asked.get("prompt"), None);
});
