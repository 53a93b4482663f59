//! Email domains of organizations (`docs/domains.md`).

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::dns::zone;
use crate::support::people::{Organization, PASSWORD, text};
use crate::support::{App, TestResponse, both_databases};

mod deciding;
pub mod joining;
mod lapsing;
mod rules;
mod taken;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A domain of this application only: all of them ask the same name server.
fn name_in(app: &App, name: &str) -> String {
    format!("{name}-{}.example", app.address.port())
}

/// Adds a domain as the admin.
async fn add(school: &Organization<'_>, name: &str) -> Value {
    let added = json!({ "domain": name });
    let added = school.admin.post(&school.path("/domains"), added).await;
    added.expect_status(201)
}

fn path_of(school: &Organization<'_>, domain: &Value) -> String {
    school.path(&format!("/domains/{}", text(&domain["id"])))
}

/// Publishes the record of a domain.
fn publish(domain: &Value) {
    let record = &domain["record"];
    zone().add_text(&text(&record["name"]), &text(&record["value"]));
}

/// Takes the record of a domain away.
fn withdraw(domain: &Value) {
    let record = &domain["record"];
    zone().remove_text(&text(&record["name"]), &text(&record["value"]));
}

/// Asks for a check as the admin.
async fn check(school: &Organization<'_>, domain: &Value) -> TestResponse {
    let path = format!("{}/check", path_of(school, domain));
    school.admin.post(&path, json!({})).await
}

/// Adds a domain and proves it.
async fn prove(school: &Organization<'_>, name: &str) -> Value {
    let domain = add(school, name).await;
    publish(&domain);
    check(school, &domain).await.expect_status(200)
}

/// The domain as it is now.
async fn now(school: &Organization<'_>, domain: &Value) -> Value {
    let path = path_of(school, domain);
    school.admin.get(&path).await.expect_status(200)
}

/// A day goes by, records are looked up, and the admins sign in again.
async fn a_day_later<'a>(app: &'a App, schools: &mut [&mut Organization<'a>]) {
    app.advance(DAY);
    app.drain().await;
    for school in schools {
        school.admin = app.sign_in(&school.admin.email, PASSWORD).await;
    }
}

/// How often an action is in the organization's log.
async fn count_events(school: &Organization<'_>, action: &str) -> usize {
    school.events(action).await.as_array().unwrap().len()
}

both_databases!(a_domain_is_proven_by_its_record, |app| {
    let school = app.school().await;
    let name = name_in(app, "hill");
    let body = json!({ "domain": format!(" @{} ", name.to_uppercase()) });
    let added = school.admin.post(&school.path("/domains"), body).await;
    let domain = added.expect(
        201,
        json!({
            "id": "<uuid>",
            "domain": name,
            "status": "pending",
            "record": { "name": format!("_rollcall.{name}"), "type": "TXT", "value": "<text>" },
            "joining": "closed",
            "vouched": false,
            "checked_at": null,
            "missing_since": null,
            "proven_at": null,
            "counts_only_at": null,
            "created_at": "2026-09-01T07:30:00Z",
        }),
    );
    let path = path_of(&school, &domain);
    assert_eq!(added.header("location"), path);
    let value = text(&domain["record"]["value"]);
    assert_eq!(
        value.strip_prefix("rollcall-domain=").map(str::len),
        Some(32)
    );

    app.advance(Duration::from_secs(60));
    let refused = check(&school, &domain).await;
    let refused = refused.expect_problem(409, "domain_not_proven");
    let detail = text(&refused["detail"]);
    let expected =
        format!("There is no TXT record at _rollcall.{name}. Add one with the value {value}");
    assert!(detail.starts_with(&expected), "{detail}");
    let pending = now(&school, &domain).await;
    assert_eq!(pending["checked_at"], "2026-09-01T07:31:00Z");
    assert_eq!(pending["status"], "pending");

    publish(&domain);
    app.advance(Duration::from_secs(60));
    let proven = check(&school, &domain).await.expect_status(200);
    assert_eq!(proven["status"], "proven");
    assert_eq!(proven["proven_at"], "2026-09-01T07:32:00Z");
    assert_eq!(now(&school, &domain).await, proven);
    let list = school.admin.get(&school.path("/domains")).await;
    list.expect(200, json!({ "items": [proven], "next_cursor": null }));
    let head = school.admin.request(reqwest::Method::HEAD, &path);
    assert_eq!(head.send().await.unwrap().status(), 200);

    // Whoever is proven stays so.
    app.advance(Duration::from_secs(60));
    let again = check(&school, &domain).await.expect_status(200);
    assert_eq!(again["proven_at"], proven["proven_at"]);
    assert_eq!(again["checked_at"], "2026-09-01T07:33:00Z");
    assert_eq!(count_events(&school, "domain.added").await, 1);
    let events = school.events("domain.proven").await;
    assert_eq!(events.as_array().unwrap().len(), 1);
    assert_eq!(
        events[0]["details"],
        json!({ "domain": name, "vouched": false })
    );
    assert_eq!(
        events[0]["subject"],
        json!({ "type": "domain", "id": domain["id"] })
    );
    assert_eq!(events[0]["actor"]["account_id"], school.admin.id);

    school.admin.delete(&path).await.expect_status(204);
    school
        .admin
        .get(&path)
        .await
        .expect_problem(404, "not_found");
    school
        .admin
        .delete(&path)
        .await
        .expect_problem(404, "not_found");
    check(&school, &domain)
        .await
        .expect_problem(404, "not_found");
    assert_eq!(count_events(&school, "domain.removed").await, 1);
});

both_databases!(a_refusal_tells_what_is_there_instead, |app| {
    let school = app.school().await;
    let domain = add(&school, &name_in(app, "hill")).await;
    let name = text(&domain["record"]["name"]);
    let value = text(&domain["record"]["value"]);
    let detail = async || {
        let refused = check(&school, &domain).await;
        text(&refused.expect_problem(409, "domain_not_proven")["detail"])
    };
    zone().add_text(&name, "rollcall-domain=another");
    zone().add_text(&name, "v=spf1 -all");
    let told = detail().await;
    let shown =
        format!("has to hold {value}. What is there: “rollcall-domain=another”, “v=spf1 -all”.");
    assert!(told.contains(&shown), "{told}");

    // As DNS hosts do it that add the domain to whatever is typed.
    let twice = format!("{name}.{}", text(&domain["domain"]));
    zone().add_text(&twice, &value);
    let told = detail().await;
    assert!(
        told.contains(&format!("stands at {twice}, and has to stand at {name}")),
        "{told}"
    );

    zone().break_name(&name);
    let told = detail().await;
    assert!(told.contains("did not answer"), "{told}");
    assert_eq!(now(&school, &domain).await["status"], "pending");
});

both_databases!(a_pending_domain_is_proven_without_being_asked_for, |app| {
    let mut school = app.school().await;
    let domain = add(&school, &name_in(app, "hill")).await;
    app.drain().await;
    assert_eq!(now(&school, &domain).await["status"], "pending");
    publish(&domain);
    a_day_later(app, &mut [&mut school]).await;
    assert_eq!(now(&school, &domain).await["status"], "proven");
    let events = school.events("domain.proven").await;
    assert_eq!(events[0]["actor"]["kind"], "system");
});
