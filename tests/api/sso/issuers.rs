//! Connections that get another identity provider: what the one called somebody opens nothing of the other's people.

use super::saml_flows::*;
use super::*;
use crate::saml::provider::assertion_of;

/// Gives a connection another issuer, and has it sign people in again.
async fn move_to(school: &Organization<'_>, connection: &Value, provider: &IdentityProvider) {
    let path = path_of(school, connection);
    let moved = json!({ "issuer": provider.issuer(), "client_secret": CLIENT_SECRET });
    let moved = school.admin.patch(&path, moved).await.expect_status(200);
    assert_eq!(moved["status"], "paused");
    let tested = test(school, connection, provider, json!({ "sub": "tester" })).await;
    assert_eq!(tested["status"], "passed", "{tested:#}");
    activate(school, connection).await.expect_status(200);
}

/// Whose account somebody opens.
async fn account_of(app: &App, exchanged: &Value) -> Value {
    let me = holder(app, exchanged).get("/v1/me").await;
    me.expect_status(200)["id"].clone()
}

both_databases!(a_subject_of_another_issuer_is_somebody_else, |app| {
    let school = app.school().await;
    let (old, new) = (IdentityProvider::start(), IdentityProvider::start());
    let connection = active(&school, &old).await;
    let seven = || json!({ "sub": "7" });
    let alice = come(&school, &connection, &old, seven()).await;
    let alice = alice.expect_status(200);
    let account = account_of(app, &alice).await;
    move_to(&school, &connection, &new).await;
    // Who came by the old one is signed out: nobody knows who may speak for them now.
    let gone = holder(app, &alice).get("/v1/me").await;
    gone.expect_problem(401, "not_signed_in");
    let bob = come(&school, &connection, &new, seven())
        .await
        .expect_status(200);
    assert_eq!(bob["outcome"], "account_created");
    assert_ne!(account_of(app, &bob).await, account);
    // Set back, it names the same people as before, and nobody of the other.
    move_to(&school, &connection, &old).await;
    let alice = come(&school, &connection, &old, seven()).await;
    let alice = alice.expect_status(200);
    assert_eq!(alice["outcome"], "signed_in");
    assert_eq!(account_of(app, &alice).await, account);
});

both_databases!(what_waits_of_another_issuer_ends, |app| {
    let school = app.school().await;
    let (old, new) = (IdentityProvider::start(), IdentityProvider::start());
    let connection = active(&school, &old).await;
    let jane = app.register("jane@x.org").await;
    let claims = json!({ "sub": "jane-1", "email": "jane@x.org" });
    let came = come(&school, &connection, &old, claims.clone()).await;
    let waiting = text(&came.expect_status(200)["link_token"]);
    let as_whom = (&old, claims.clone());
    let end = go_round(&app.anonymous(), &connection, as_whom, json!({})).await;
    let ticket = ticket_of(&end);
    move_to(&school, &connection, &new).await;
    let late = exchange(app, &ticket).await;
    late.expect_problem(401, "ticket_invalid");
    let link = json!({ "link_token": waiting });
    let late = jane.post("/v1/me/identities", link).await;
    late.expect_problem(401, "link_expired");
    let identities = jane.get("/v1/me/identities").await.expect_status(200);
    assert_eq!(identities["items"], json!([]));
});

both_databases!(a_removed_person_is_known_at_another_connection, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let rex = json!({ "sub": "rex-1" });
    let came = come(&school, &connection, &provider, rex.clone()).await;
    let id = text(&account_of(app, &came.expect_status(200)).await);
    let member = school.path(&format!("/members/{id}"));
    school.admin.delete(&member).await.expect_status(204);
    let forced = format!("{}?force=true", path_of(&school, &connection));
    school.admin.delete(&forced).await.expect_status(204);
    let anew = active(&school, &provider).await;
    let back = come(&school, &anew, &provider, rex).await;
    back.expect_problem(403, "removed_by_admin");
    // What another issuer calls somebody else is no reason.
    let other = IdentityProvider::start();
    let elsewhere = active(&school, &other).await;
    let other = come(&school, &elsewhere, &other, json!({ "sub": "rex-1" })).await;
    assert_eq!(other.expect_status(200)["outcome"], "account_created");
});

both_databases!(another_source_of_the_subject_names_others, |app| {
    let school = app.school().await;
    let connection = saml_active(&school).await;
    let path = path_of(&school, &connection);
    let ada = assertion_of("_a55e", "ada@example.org");
    let come = async || {
        let end = come_with(app, &connection, &ada).await;
        exchange(app, &ticket_of(&end)).await.expect_status(200)
    };
    assert_eq!(come().await["outcome"], "account_created");
    assert_eq!(come().await["outcome"], "signed_in");
    let choose = async |source: &str| {
        let chosen = json!({ "subject_source": source });
        school.admin.patch(&path, chosen).await.expect_status(200);
        let now = app.now();
        let tested = test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await;
        assert_eq!(tested["status"], "passed", "{tested:#}");
        activate(&school, &connection).await.expect_status(200);
    };
    // By chance the attribute of somebody is the name of somebody else.
    choose(&format!("attribute:{MAIL}")).await;
    let asked = come().await;
    assert_eq!(asked["outcome"], "link_required");
    choose("name_id").await;
    assert_eq!(come().await["outcome"], "signed_in");
});

both_databases!(a_link_that_sets_back_the_subject_knows_its_people, |app| {
    let school = app.school().await;
    let connection = saml_active(&school).await;
    let ada = assertion_of("_a55e", "ada@example.org");
    let come = async || {
        let end = come_with(app, &connection, &ada).await;
        let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
        came["outcome"].clone()
    };
    assert_eq!(come().await, "account_created");
    let link = json!({ "connection_id": connection["id"] });
    let link = school.admin.post(&school.path("/setup-links"), link).await;
    let it = by_setup_link(app, &text(&link.expect_status(201)["url"]));
    for (source, outcome) in [
        (format!("attribute:{MAIL}"), "link_required"),
        ("name_id".to_owned(), "signed_in"),
    ] {
        let chosen = json!({ "subject_source": source });
        it.patch("/v1/setup", chosen).await.expect_status(200);
        let now = app.now();
        test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await;
        activate(&school, &connection).await.expect_status(200);
        assert_eq!(come().await, outcome, "{source}");
    }
});

both_databases!(
    a_certificate_beside_the_old_one_is_the_same_provider,
    |app| {
        let school = app.school().await;
        let connection = saml_active(&school).await;
        let path = path_of(&school, &connection);
        let ada = assertion_of("_a55e", "ada@example.org");
        let end = come_with(app, &connection, &ada).await;
        exchange(app, &ticket_of(&end)).await.expect_status(200);
        let policy = json!({ "required": true, "emergency_admins": [school.admin.id] });
        let required = school
            .admin
            .put(&school.path("/sign-in-policy"), policy)
            .await;
        required.expect_status(200);
        let both = json!({ "metadata": with_a_second_certificate("idp", "p256") });
        let changed = school.admin.patch(&path, both.clone()).await;
        let changed = changed.expect_status(200);
        assert_eq!(changed["status"], "active");
        let certificates = &changed["identity_provider"]["certificates"];
        assert_eq!(certificates.as_array().unwrap().len(), 2);
        let end = come_with(app, &connection, &ada).await;
        let again = exchange(app, &ticket_of(&end)).await.expect_status(200);
        assert_eq!(again["outcome"], "signed_in");
        // Without the old one it may be anybody's.
        let alone = metadata_with("other", "");
        let alone = json!({ "metadata": alone });
        let refused = school.admin.patch(&path, alone).await;
        refused.expect_problem(409, "last_sign_in_method");
        let open = json!({ "required": false, "emergency_admins": [] });
        let open = school
            .admin
            .put(&school.path("/sign-in-policy"), open)
            .await;
        open.expect_status(200);
        // Nor is it for a link to become a second signer.
        let first = json!({ "metadata": metadata() });
        let changed = school.admin.patch(&path, first).await.expect_status(200);
        assert_eq!(changed["status"], "active");
        let link = json!({ "connection_id": connection["id"] });
        let link = school.admin.post(&school.path("/setup-links"), link).await;
        let it = by_setup_link(app, &text(&link.expect_status(201)["url"]));
        let changed = it.patch("/v1/setup", both).await.expect_status(200);
        assert_eq!(changed["status"], "draft");
    }
);

both_databases!(
    who_came_by_metadata_of_a_link_is_not_known_after_it,
    |app| {
        let school = app.school().await;
        let connection = saml_active(&school).await;
        let path = path_of(&school, &connection);
        let come = async |who: &str| {
            let end = come_with(app, &connection, &assertion_of("_a55e", who)).await;
            exchange(app, &ticket_of(&end)).await.expect_status(200)["outcome"].clone()
        };
        assert_eq!(come("ada@example.org").await, "account_created");
        let link = json!({ "connection_id": connection["id"] });
        let link = school.admin.post(&school.path("/setup-links"), link).await;
        let it = by_setup_link(app, &text(&link.expect_status(201)["url"]));
        // The same entity id, which anybody can write.
        let theirs = json!({ "metadata": with_a_second_certificate("idp", "p256") });
        it.patch("/v1/setup", theirs).await.expect_status(200);
        let (ada, now) = (assertion_of("_a55e", "it@example.org"), app.now());
        test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await;
        activate(&school, &connection).await.expect_status(200);
        assert_eq!(come("mallory@example.org").await, "account_created");
        assert_eq!(come("mallory@example.org").await, "signed_in");
        assert_eq!(come("ada@example.org").await, "link_required");
        let ours = json!({ "metadata": metadata(), "same_provider": false });
        let ours = school.admin.patch(&path, ours).await.expect_status(200);
        assert_eq!(ours["status"], "paused");
        test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await;
        activate(&school, &connection).await.expect_status(200);
        assert_eq!(come("ada@example.org").await, "signed_in");
        assert_eq!(come("mallory@example.org").await, "link_required");
    }
);

both_databases!(an_admin_takes_the_metadata_of_a_link_over, |app| {
    let school = app.school().await;
    let connection = saml_active(&school).await;
    let path = path_of(&school, &connection);
    let come = async |who: &str| {
        let end = come_with(app, &connection, &assertion_of("_a55e", who)).await;
        exchange(app, &ticket_of(&end)).await.expect_status(200)["outcome"].clone()
    };
    assert_eq!(come("ada@example.org").await, "account_created");
    let link = json!({ "connection_id": connection["id"] });
    let link = school.admin.post(&school.path("/setup-links"), link).await;
    let it = by_setup_link(app, &text(&link.expect_status(201)["url"]));
    let metadata = with_a_second_certificate("idp", "p256");
    let theirs = json!({ "metadata": metadata });
    it.patch("/v1/setup", theirs.clone())
        .await
        .expect_status(200);
    let (ada, now) = (assertion_of("_a55e", "it@example.org"), app.now());
    test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await;
    activate(&school, &connection).await.expect_status(200);
    assert_eq!(come("ada@example.org").await, "link_required");
    // Another name of the connection says nothing of its metadata, nor does another source of the subject.
    for change in [
        json!({ "name": "University" }),
        json!({ "subject_source": format!("attribute:{MAIL}") }),
        json!({ "subject_source": "name_id" }),
    ] {
        school.admin.patch(&path, change).await.expect_status(200);
    }
    test_saml(&school, &connection, |asked| asked.answer(&ada, now)).await;
    activate(&school, &connection).await.expect_status(200);
    assert_eq!(come("ada@example.org").await, "link_required");
    // The same document by an admin is the admin's word.
    let taken = school.admin.patch(&path, theirs.clone()).await;
    assert_eq!(taken.expect_status(200)["status"], "active");
    assert_eq!(come("ada@example.org").await, "signed_in");
    let again = school.admin.patch(&path, theirs).await.expect_status(200);
    assert_eq!(again["status"], "active");
    assert_eq!(come("ada@example.org").await, "signed_in");
});
