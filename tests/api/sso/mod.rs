//! Single sign-on (`docs/sso.md`), against a provider of OpenID Connect on loopback.

use std::collections::HashMap;
use std::time::Duration;

use rollcall::config::Config;
use serde_json::{Value, json};
use url::Url;

use crate::support::identity_provider::{CLIENT_ID, CLIENT_SECRET, IdentityProvider};
use crate::support::people::{Organization, PASSWORD, Person, seats_in_total, text};
use crate::support::sign_on::{
    activate, active, begin_test, by_setup_link, come, diagnosis_of, draft, exchange, follow,
    go_round, holder, last_step, path_of, start, test, test_back, ticket_of,
};
use crate::support::{App, TestResponse, both_databases};

mod apps;
mod at_once;
mod borrowed_issuers;
mod browsers;
mod carried_codes;
mod carried_invitations;
mod changes;
mod clocks;
mod confinement;
mod connections;
mod diagnoses;
mod drafts;
mod emergencies;
mod ends;
mod following;
mod hanging;
mod invitation_mails;
mod issuers;
mod kinds;
mod linking;
mod metadata_of_links;
mod misconfigured;
mod passwords_of_others;
mod people;
mod providers;
mod races;
mod refresh;
mod requirement;
mod round_trip;
mod rule_roads;
mod rule_seats;
mod rules;
mod saml;
mod saml_encryption;
pub mod saml_flows;
mod setup_links;
mod setup_road;
mod takeovers;
mod trust;
mod waiting;
mod warning_mails;
mod words;

/// The step with this name and result of the last diagnosis.
async fn step_of_last(school: &Organization<'_>, name: &str, result: &str) -> Value {
    let diagnoses = school.admin.get(&school.path("/diagnoses")).await;
    let diagnoses = diagnoses.expect_status(200);
    let steps = diagnoses["items"][0]["steps"].as_array().unwrap().clone();
    let found = steps
        .iter()
        .find(|step| step["name"] == name && step["result"] == result);
    found.unwrap_or_else(|| panic!("{steps:#?}")).clone()
}

/// The steps of the newest diagnosis.
async fn newest(school: &Organization<'_>) -> Value {
    let list = school.admin.get(&school.path("/diagnoses?limit=1")).await;
    list.expect_status(200)["items"][0].clone()
}

/// Comes by a connection with more than the claims in the flow.
async fn carry(
    who: &Person<'_>,
    connection: &Value,
    by: (&IdentityProvider, Value),
    more: Value,
) -> TestResponse {
    let end = go_round(who, connection, by, more).await;
    exchange(who.app, &ticket_of(&end)).await
}

async fn only_expected(school: &Organization<'_>, connection: &Value) {
    set_rules(school, connection, json!({ "arrivals": "expected" })).await;
}

/// The code below this path, limited to the addresses of a domain.
async fn limited(school: &Organization<'_>, path: &str) -> Value {
    let limit = json!({ "allowed_email_domains": ["hill.example"] });
    let changed = school.admin.patch(&school.path(path), limit).await;
    json!({ "invite_code": changed.expect_status(200)["code"] })
}

async fn memberships_of(who: &Person<'_>) -> Value {
    let memberships = who.get("/v1/me/memberships").await;
    memberships.expect_status(200)["items"].clone()
}

async fn member(school: &Organization<'_>, id: &Value) -> Value {
    let path = school.path_of(&text(id));
    school.admin.get(&path).await.expect_status(200)
}

/// The names of a member's groups.
fn groups_of(member: &Value) -> Vec<String> {
    let groups = member["groups"].as_array().expect("groups");
    groups.iter().map(|group| text(&group["name"])).collect()
}

/// A group's id.
async fn new_group(school: &Organization<'_>, name: &str) -> String {
    let group = school.new_group(name).await;
    school.id_of(&group)
}

/// Somebody comes, and is looked at as a member.
async fn comes(
    school: &Organization<'_>,
    connection: &Value,
    (provider, claims): (&IdentityProvider, Value),
) -> Value {
    let came = come(school, connection, provider, claims).await;
    let person = holder(school.admin.app, &came.expect_status(200));
    let me = person.get("/v1/me").await.expect_status(200);
    member(school, &me["id"]).await
}

/// A rule, shortly.
fn rule(claim: &str, value: &str, then: Value) -> Value {
    json!({ "when": { "claim": claim, "is": "equals", "value": value }, "then": then })
}

async fn set_rules(school: &Organization<'_>, connection: &Value, changes: Value) -> Value {
    let path = path_of(school, connection);
    let changed = school.admin.patch(&path, changes).await;
    changed.expect_status(200)
}

async fn preview(school: &Organization<'_>, connection: &Value, body: Value) -> TestResponse {
    let path = format!("{}/rules/preview", path_of(school, connection));
    school.admin.post(&path, body).await
}

async fn vouched(app: &App, school: &Organization<'_>, domain: &str) {
    let added = json!({ "domain": domain });
    let added = school.admin.post(&school.path("/domains"), added).await;
    let id = text(&added.expect_status(201)["id"]);
    let path = school.path(&format!("/domains/{id}"));
    let operator = app.operator().await;
    let vouch = json!({ "vouched": true });
    operator.patch(&path, vouch).await.expect_status(200);
}

/// The code that was mailed to an address to link its account.
async fn link_code(app: &App, email: &str) -> String {
    let mails = app.mails().await;
    let first_words = mails
        .iter()
        .filter(|mail| mail.to == email)
        .filter_map(|mail| mail.subject.split(' ').next());
    let mut code = first_words.filter(|word| word.len() == 9 && word.contains('-'));
    code.next_back().expect("no code was mailed").to_owned()
}

async fn link_by_mail(app: &App, link_token: &Value, email: &str) -> TestResponse {
    let anonymous = app.anonymous();
    let body = json!({ "link_token": link_token });
    let mailed = anonymous.post("/v1/sign-in/link-mail", body).await;
    mailed.expect_status(202);
    let mail = app.last_mail_to(email).await;
    let code = mail.subject.split(' ').next().unwrap();
    assert!(mail.text.contains(code), "{}", mail.text);
    let body = json!({ "link_token": link_token, "code": code });
    anonymous.post("/v1/sign-in/link", body).await
}

/// Has an operator allow so many seats in all.
async fn limit_seats(school: &Organization<'_>, total: u32) {
    let operator = school.admin.app.operator().await;
    let limits = seats_in_total(Some(total));
    let set = operator.put(&school.path("/seats"), limits).await;
    set.expect_status(200);
}

/// Nobody is waited for longer than a second.
fn impatient(config: &mut Config) {
    config.outbound_timeout = Duration::from_secs(1);
}
