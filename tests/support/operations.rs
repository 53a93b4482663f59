//! The operations of the OpenAPI document, as requests that a test can send.

use std::collections::HashMap;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use rollcall::clock::new_id;
use rollcall::domain::connections::{AppPreset, ClientAuthentication};
use rollcall::store::apps;
use serde_json::{Value, json};

use super::App;
use super::identity_provider::IdentityProvider;
use super::people::{Organization, Person, text};
use super::sign_on;

/// Ids by the names of path parameters.
pub type Ids = HashMap<&'static str, String>;

/// An operation, and how the document describes it.
pub struct Operation {
    pub id: String,
    pub method: Method,
    pub path: String,
    description: Value,
    /// The body of its example: a file, or JSON.
    body: Option<Body>,
    /// The schema of its JSON body, whose references are followed.
    schema: Value,
    examples: Vec<Example>,
}

enum Body {
    Json(Value),
    File,
}

/// What the document shows filled in of a request.
#[derive(Debug)]
pub enum Example {
    Query(Vec<(String, String)>),
    /// Another body than JSON comes with the query parameters that have an example.
    Body {
        kind: String,
        body: Value,
        query: Vec<(String, String)>,
    },
}

/// What deletes comes last: the others need what is there.
pub fn in_order() -> Vec<Operation> {
    let mut operations = operations();
    operations.sort_by_key(|operation| operation.method == Method::DELETE);
    operations
}

/// Ids of one of everything that a path names, in this school.
pub async fn one_of_everything(school: &Organization<'_>) -> Ids {
    let csv = "email,password,username\nann@x.org,quiet rivers 11,Ann\n";
    let import = school.import_students(csv).await;
    let ann = school
        .admin
        .app
        .sign_in("ann@x.org", "quiet rivers 11")
        .await;
    let group = school.new_group("7A").await;
    school.add_to_group(&group, &[&ann.id], "member").await;
    let invite = json!({ "emails": ["eve@x.example"], "account_type": "student" });
    let invitations = school.path("/invitations");
    let invited = school.admin.post(&invitations, invite).await;
    let invited = invited.expect_status(200);
    let sessions = school.admin.get("/v1/me/sessions").await.expect_status(200);
    let key = json!({ "name": "Timetable", "scopes": ["audit:read"] });
    let key = school.admin.post(&school.path("/api-keys"), key).await;
    let key = key.expect_status(201);
    let (domain, join_request) = school.asked_to_join().await;
    let grant = format!("{group}/grants/course/algebra-1");
    school.admin.put(&grant, json!({})).await.expect_status(200);
    let sign_on = signed_on(school).await;
    let mut ids = HashMap::from([
        ("organization_id", school.id.clone()),
        ("account_id", ann.id),
        ("group_id", school.id_of(&group)),
        ("import_id", text(&import["id"])),
        (
            "invitation_id",
            text(&invited["results"][0]["invitation_id"]),
        ),
        ("session_id", text(&sessions["items"][0]["id"])),
        ("api_key_id", text(&key["id"])),
        ("domain_id", domain),
        ("join_request_id", join_request),
        ("resource_type", "course".to_owned()),
        ("resource_id", "algebra-1".to_owned()),
    ]);
    ids.extend(sign_on);
    ids
}

/// A connection of the school with a test, an identity of its admin, and the diagnosis of somebody who came.
pub async fn signed_on(school: &Organization<'_>) -> Ids {
    let provider = IdentityProvider::start();
    let connection = sign_on::active(school, &provider).await;
    let begun = format!("{}/tests", sign_on::path_of(school, &connection));
    let test = school
        .admin
        .post(&begun, Value::Null)
        .await
        .expect_status(201);
    let admin = &school.admin;
    let as_admin = (&provider, json!({ "sub": "admin" }));
    let link = json!({ "purpose": "link" });
    let end = sign_on::go_round(admin, &connection, as_admin, link).await;
    let linked = sign_on::exchange(admin.app, &sign_on::ticket_of(&end)).await;
    linked.expect_status(200);
    leave_under_way(admin, &connection, &provider).await;
    let setup_link = json!({ "connection_id": connection["id"] });
    let setup_link = admin.post(&school.path("/setup-links"), setup_link).await;
    let setup_link = setup_link.expect_status(201);
    let identities = admin.get("/v1/me/identities").await.expect_status(200);
    let diagnoses = admin
        .get(&school.path("/diagnoses"))
        .await
        .expect_status(200);
    HashMap::from([
        ("connection_id", text(&connection["id"])),
        ("connection_or_app", text(&connection["id"])),
        ("app_id", an_app(admin.app)),
        ("setup_link_id", text(&setup_link["id"])),
        ("test_id", text(&test["id"])),
        ("identity_id", text(&identities["items"][0]["id"])),
        ("reference", text(&diagnoses["items"][0]["reference"])),
        ("slug", school.slug.clone()),
    ])
}

/// The id of an operator's app, which takes no operator: tests have theirs, whose sessions go on.
fn an_app(app: &App) -> String {
    let new = apps::App {
        id: new_id(),
        name: "Shared".to_owned(),
        preset: AppPreset::Google,
        client_id: "rollcall".to_owned(),
        client_authentication: ClientAuthentication::PrivateKeyJwt,
        sealed: None,
        secret_expires_at: None,
        created_at: app.now(),
    };
    let inserted = app.as_cli(|tx| apps::insert(tx.connection, &new));
    inserted.expect("no app");
    new.id.to_string()
}

/// A session by the connection, a flow, a ticket, and a link, each of which waits for its end.
async fn leave_under_way(admin: &Person<'_>, connection: &Value, provider: &IdentityProvider) {
    let anonymous = admin.app.anonymous();
    let go = async |claims: Value| {
        let end = sign_on::go_round(&anonymous, connection, (provider, claims), json!({})).await;
        sign_on::ticket_of(&end)
    };
    let signed_in = sign_on::exchange(admin.app, &go(json!({ "sub": "admin" })).await).await;
    assert_eq!(signed_in.expect_status(200)["outcome"], "signed_in");
    let twin = json!({ "sub": "twin", "email": admin.email });
    let linked = sign_on::exchange(admin.app, &go(twin).await).await;
    assert_eq!(linked.expect_status(200)["outcome"], "link_required");
    go(json!({ "sub": "admin" })).await;
    let started = sign_on::start(&anonymous, connection, json!({})).await;
    started.expect_status(200);
}

/// Every operation of the document.
pub fn operations() -> Vec<Operation> {
    let document: Value =
        serde_json::from_str(&rollcall::openapi::to_json().expect("no document")).expect("JSON");
    let paths = document["paths"].as_object().expect("no paths");
    paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().expect("no operations");
            methods
                .iter()
                .map(|(method, description)| Operation::new(&document, path, method, description))
                .collect::<Vec<_>>()
        })
        .collect()
}

impl Operation {
    fn new(document: &Value, path: &str, method: &str, description: &Value) -> Self {
        Self {
            id: text(&description["operationId"]),
            method: method.to_uppercase().parse().expect("a method"),
            path: path.to_owned(),
            description: description.clone(),
            body: body_of(document, &description["requestBody"]["content"]),
            schema: schema_of(document, &description["requestBody"]["content"]),
            examples: examples_of(document, description),
        }
    }

    /// Whether it takes a body.
    pub fn takes_a_body(&self) -> bool {
        self.body.is_some()
    }

    /// The JSON body of the document's example.
    pub fn example(&self) -> Option<&Value> {
        match self.body.as_ref()? {
            Body::Json(example) => Some(example),
            Body::File => None,
        }
    }

    /// Every example of a request for it: of each body, or of each query parameter and all of them.
    pub fn examples(&self) -> &[Example] {
        &self.examples
    }

    /// The schema of its JSON body.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Its query parameters, each with its name and its schema.
    pub fn query_parameters(&self) -> Vec<(String, Value)> {
        let parameters = self.description["parameters"].as_array();
        let parameters = parameters.into_iter().flatten();
        parameters
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| (text(&parameter["name"]), parameter["schema"].clone()))
            .collect()
    }

    /// The scope that an API key needs; none where no key does it.
    pub fn scope(&self) -> Option<String> {
        self.description.get("x-scope").map(text)
    }

    /// Whether it changes members: those of its path, or those whom its body names.
    pub fn acts_on_members(&self) -> bool {
        let names_members = self
            .example()
            .is_some_and(|body| body.get("account_ids").is_some());
        let is_on_members = self.path.contains("{account_id}") || names_members;
        let is_by_key = self.scope().is_some();
        is_on_members
            && is_by_key
            && self.method != Method::GET
            && !self.path.contains("{group_id}")
    }

    /// Whether the document names this status among its responses.
    pub fn documents(&self, status: StatusCode) -> bool {
        self.description["responses"].get(status.as_str()).is_some()
    }

    /// Whether it needs no credential.
    pub fn is_anonymous(&self) -> bool {
        self.security().is_empty() || self.security().contains(&json!({}))
    }

    /// Whether it takes the token of a setup link, and no other credential.
    pub fn is_by_setup_link(&self) -> bool {
        self.security() == &[json!({ "setup_link": [] })]
    }

    /// Whether the document names `Idempotency-Key` among its parameters.
    pub fn takes_idempotency_key(&self) -> bool {
        let key = json!({ "$ref": "#/components/parameters/IdempotencyKey" });
        let parameters = self.description["parameters"].as_array();
        parameters.is_some_and(|parameters| parameters.contains(&key))
    }

    fn security(&self) -> &Vec<Value> {
        let security = self.description["security"].as_array();
        security.expect("an operation without security")
    }

    /// Its path, with these ids.
    pub fn path(&self, ids: &Ids) -> String {
        let path = ids.iter().fold(self.path.clone(), |path, (name, id)| {
            path.replace(&format!("{{{name}}}"), id)
        });
        assert!(!path.contains('{'), "no id for {path}");
        path
    }

    /// A request for it, without a body; query parameters that it needs are among the ids.
    pub fn bare_request(&self, who: &Person<'_>, ids: &Ids) -> RequestBuilder {
        let required = self.required_query(ids);
        who.request(self.method.clone(), &self.path(ids))
            .query(&required)
    }

    /// A request for it with this query parameter, and the others that it needs.
    pub fn request_with(
        &self,
        (who, ids): (&Person<'_>, &Ids),
        (name, value): (&str, &str),
    ) -> RequestBuilder {
        let mut query = self.required_query(ids);
        query.retain(|(other, _)| other != name);
        query.push((name.to_owned(), value.to_owned()));
        who.request(self.method.clone(), &self.path(ids))
            .query(&query)
    }

    /// The query parameters that it needs.
    fn required_query(&self, ids: &Ids) -> Vec<(String, String)> {
        let parameters = self.description["parameters"].as_array();
        let parameters = parameters.into_iter().flatten();
        let required = parameters.filter(|it| it["in"] == "query" && it["required"] == true);
        let value = |name: String| {
            let id = ids.get(name.as_str()).cloned();
            (name, id.expect("no value for a required parameter"))
        };
        required.map(|it| value(text(&it["name"]))).collect()
    }

    /// A request for it, with the body of the document's example.
    pub fn request(&self, who: &Person<'_>, ids: &Ids) -> RequestBuilder {
        let request = self.bare_request(who, ids);
        match &self.body {
            None => request,
            Some(Body::Json(body)) => request.json(body),
            Some(Body::File) => request.multipart(
                Form::new()
                    .text("account_type", "student")
                    .part("file", Part::text("email,password,username\n")),
            ),
        }
    }
}

fn body_of(document: &Value, content: &Value) -> Option<Body> {
    let content = content.as_object()?;
    let Some(json) = content.get("application/json") else {
        return Some(Body::File);
    };
    if let Some(example) = json.get("example") {
        return Some(Body::Json(example.clone()));
    }
    let schema = &json["schema"];
    let reference = schema.get("$ref").unwrap_or(&schema["oneOf"][0]["$ref"]);
    let reference = text(reference);
    let schema = document.pointer(reference.trim_start_matches('#'));
    Some(Body::Json(
        schema.expect("no schema")["examples"][0].clone(),
    ))
}

fn examples_of(document: &Value, description: &Value) -> Vec<Example> {
    let parameters = description["parameters"].as_array().into_iter().flatten();
    let in_query = parameters.filter(|it| it["in"] == "query");
    let query: Vec<(String, Vec<String>)> = in_query
        .map(|parameter| {
            (
                text(&parameter["name"]),
                examples_of_parameter(document, parameter),
            )
        })
        .collect();
    let is_required = |name: &str| {
        let parameters = description["parameters"].as_array().into_iter().flatten();
        let mut named = parameters.filter(|it| it["name"] == name);
        named.any(|it| it["in"] == "query" && it["required"] == true)
    };
    let filled_in = query
        .iter()
        .filter_map(|(name, examples)| Some((name.clone(), examples.first()?.clone())));
    let filled_in: Vec<_> = filled_in.collect();
    let Some(contents) = description["requestBody"]["content"].as_object() else {
        let each = query.iter().flat_map(|(name, examples)| {
            let pairs = examples
                .iter()
                .map(|example| (name.clone(), example.clone()));
            pairs.map(|pair| {
                let others = filled_in.iter().filter(|(other, _)| *other != pair.0);
                let mut query: Vec<_> = others.filter(|it| is_required(&it.0)).cloned().collect();
                query.push(pair);
                Example::Query(query)
            })
        });
        let all = (filled_in.len() > 1).then(|| Example::Query(filled_in.clone()));
        return each.chain(all).collect();
    };
    let bodies = contents.iter().flat_map(|(kind, content)| {
        let bodies = examples_of_content(document, content).into_iter();
        bodies.map(|body| Example::Body {
            kind: kind.clone(),
            body,
            query: filled_in.clone(),
        })
    });
    bodies.collect()
}

/// Its example or default, or each of the words that a form offers.
fn examples_of_parameter(document: &Value, parameter: &Value) -> Vec<String> {
    let schema = resolved(document, &parameter["schema"]);
    let own = [
        &parameter["example"],
        &schema["default"],
        &schema["examples"][0],
    ];
    let own = own.into_iter().find(|example| !example.is_null());
    let words = schema["enum"].as_array().into_iter().flatten();
    let plain = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    own.into_iter().chain(words).map(plain).collect()
}

fn examples_of_content(document: &Value, content: &Value) -> Vec<Value> {
    if let Some(example) = content.get("example") {
        return vec![example.clone()];
    }
    let schema = &content["schema"];
    let choice = schema["oneOf"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it.get("$ref").is_some());
    let examples = resolved(document, choice.unwrap_or(schema))["examples"].take();
    examples.as_array().cloned().unwrap_or_default()
}

/// The schema of a JSON body, without the choice to send none.
fn schema_of(document: &Value, content: &Value) -> Value {
    let schema = resolved(document, &content["application/json"]["schema"]);
    let choices = schema["oneOf"].as_array().into_iter().flatten();
    let object = choices.clone().find(|it| it["properties"].is_object());
    object.cloned().unwrap_or(schema)
}

/// The schema with everything that it refers to in its place.
pub fn resolved(document: &Value, schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => match fields.get("$ref") {
            Some(reference) => {
                let target = document.pointer(text(reference).trim_start_matches('#'));
                resolved(document, target.expect("no schema"))
            }
            None => fields
                .iter()
                .map(|(name, value)| (name.clone(), resolved(document, value)))
                .collect(),
        },
        Value::Array(items) => items.iter().map(|item| resolved(document, item)).collect(),
        other => other.clone(),
    }
}
