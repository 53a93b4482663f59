//! The callers: `school.admin.post(…)`, `app.anonymous().get(…)`.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use rollcall::crypto::password_hash::{self, HashCost, HashMemory};
use rollcall::domain::email_address::EmailAddress;
use rollcall::domain::username::Username;
use rollcall::services::context::RequestContext;
use rollcall::services::operators::{self, NewOperator};
use serde_json::{Value, json};

use super::{App, TestResponse, contract, dns};

/// What everybody's password is unless a test says otherwise.
pub const PASSWORD: &str = "seven green ducks 7";

/// Somebody who calls.
#[derive(Clone)]
pub struct Person<'a> {
    pub app: &'a App,
    pub id: String,
    pub email: String,
    pub access_token: Option<String>,
    pub refresh_token: String,
}

/// An organization and its first admin.
pub struct Organization<'a> {
    pub id: String,
    pub slug: String,
    pub admin: Person<'a>,
}

impl App {
    /// Registers somebody.
    pub async fn register(&self, email: &str) -> Person<'_> {
        let registered = self.register_unverified(email).await;
        if self.state.services.config.mail_leaves() {
            // Who has others written to has a verified address.
            self.verify_email(&registered.id);
        }
        registered
    }

    /// Registers somebody whose address is not verified.
    pub async fn register_unverified(&self, email: &str) -> Person<'_> {
        let body = json!({ "email": email, "password": PASSWORD, "username": name_of(email) });
        let registered = self.anonymous().post("/v1/auth/register", body).await;
        let registered = registered.expect_status(201);
        let id = text(&registered["account"]["id"]);
        self.person(email, &registered, id)
    }

    /// Signs somebody in with this password.
    pub async fn sign_in(&self, email: &str, password: &str) -> Person<'_> {
        let body = json!({ "email": email, "password": password });
        let tokens = self
            .anonymous()
            .post("/v1/auth/login", body)
            .await
            .expect_status(200);
        let mut person = self.person(email, &tokens, String::new());
        person.id = text(&person.get("/v1/me").await.expect_status(200)["id"]);
        person
    }

    fn person(&self, email: &str, tokens: &Value, id: String) -> Person<'_> {
        Person {
            app: self,
            id,
            email: email.to_owned(),
            access_token: Some(text(&tokens["access_token"])),
            refresh_token: text(&tokens["refresh_token"]),
        }
    }

    /// An operator of this installation.
    pub async fn operator(&self) -> Person<'_> {
        let email = "operator@rollcall.example";
        let password_hash = password_hash::hash(
            PASSWORD.as_bytes(),
            HashCost::FOR_TESTS,
            &mut HashMemory::default(),
        )
        .expect("no hash");
        let new = NewOperator {
            email: EmailAddress::parse(email).expect("an address"),
            username: Username::parse("Operator").expect("a name"),
            password_hash,
        };
        let context = RequestContext::command_line(self.now());
        let created = self
            .state
            .services
            .run(&context, |tx| operators::create(tx, new));
        created.expect("no operator");
        self.sign_in(email, PASSWORD).await
    }

    /// A school with its first admin.
    pub async fn school(&self) -> Organization<'_> {
        self.organization("Hill Road School", "school").await
    }

    /// An organization with its first admin.
    pub async fn organization(&self, name: &str, kind: &str) -> Organization<'_> {
        let admin = self
            .register(&format!(
                "admin@{}.example",
                name.to_lowercase().replace(' ', "-")
            ))
            .await;
        self.organization_of(admin, name, kind).await
    }

    /// An organization that somebody founds.
    pub async fn organization_of<'a>(
        &'a self,
        admin: Person<'a>,
        name: &str,
        kind: &str,
    ) -> Organization<'a> {
        let body = json!({ "name": name, "kind": kind });
        let created = admin.post("/v1/organizations", body).await;
        let created = created.expect_status(201);
        Organization {
            id: text(&created["id"]),
            slug: text(&created["slug"]),
            admin,
        }
    }

    /// Follows the second link of a registration's mail: "this was not me".
    pub async fn disown(&self, token: &str) -> TestResponse {
        let body = json!({ "token": token });
        self.anonymous().post("/v1/auth/email/disown", body).await
    }

    /// What every test finds in its database beside its own: a busy company whose people, groups and
    /// imports nobody else may see.
    pub async fn populate(&self) {
        let company = self.organization("Busy Company", "enterprise").await;
        let mut csv = String::from("email,password,username\n");
        for number in 0..30 {
            csv.push_str(&format!(
                "person{number}@busy.example,Busy bees {number} buzz,Busy Person {number}\n"
            ));
        }
        let group = json!({ "name": "7A" });
        let group = company
            .admin
            .post(&company.path("/groups"), group)
            .await
            .expect_status(201);
        let form = Form::new()
            .text("account_type", "learner")
            .text("group_ids", text(&group["id"]))
            .part("file", Part::text(csv));
        company
            .admin
            .upload(&company.path("/imports"), form)
            .await
            .expect_status(202);
        self.drain().await;
    }
}

impl Organization<'_> {
    /// A path below this organization's.
    pub fn path(&self, below: &str) -> String {
        format!("/v1/organizations/{}{below}", self.id)
    }

    /// Uploads a file as the admin.
    pub async fn import(&self, file: impl Into<Vec<u8>>, fields: &[(&str, &str)]) -> TestResponse {
        let form = fields.iter().fold(Form::new(), |form, (name, value)| {
            form.text((*name).to_owned(), (*value).to_owned())
        });
        let form = form.part("file", Part::bytes(file.into()).file_name("people.csv"));
        self.admin.upload(&self.path("/imports"), form).await
    }

    /// Imports students with this text, waits for the end, and gives the import.
    pub async fn import_students(&self, file: impl Into<Vec<u8>>) -> Value {
        let accepted = self
            .import(file, &[("account_type", "student")])
            .await
            .expect_status(202);
        self.admin.app.drain().await;
        self.import_with(&accepted["id"]).await
    }

    /// The events of this kind in the organization's log, the newest first.
    pub async fn events(&self, action: &str) -> Value {
        let path = self.path(&format!("/audit-events?action={action}"));
        self.admin.get(&path).await.expect_status(200)["items"].clone()
    }

    /// The events on one subject in the organization's log, the newest first.
    pub async fn events_on(&self, subject: &str) -> Value {
        let path = self.path(&format!("/audit-events?subject_id={subject}&limit=200"));
        self.admin.get(&path).await.expect_status(200)["items"].clone()
    }

    /// Proves a domain in which people ask to join, and has somebody ask. Gives the ids of the domain and the request.
    pub async fn asked_to_join(&self) -> (String, String) {
        let app = self.admin.app;
        let name = format!("asked-{}-{}.example", self.slug, app.address.port());
        let domain = json!({ "domain": name, "joining": "request" });
        let domain = self.admin.post(&self.path("/domains"), domain).await;
        let domain = domain.expect_status(201);
        let record = &domain["record"];
        dns::zone().add_text(&text(&record["name"]), &text(&record["value"]));
        let check = self.path(&format!("/domains/{}/check", text(&domain["id"])));
        self.admin.post(&check, json!({})).await.expect_status(200);
        let asks = app.register_unverified(&format!("asks@{name}")).await;
        app.verify_email(&asks.id);
        let request = json!({ "organization_id": self.id, "note": "I am new." });
        let request = asks.post("/v1/me/join-requests", request).await;
        let request = request.expect_status(201);
        (text(&domain["id"]), text(&request["id"]))
    }

    /// An import as it is now.
    pub async fn import_with(&self, id: &Value) -> Value {
        let path = self.path(&format!("/imports/{}", text(id)));
        self.admin.get(&path).await.expect_status(200)
    }
}

impl<'a> Person<'a> {
    /// Somebody without a session.
    pub fn anonymous(app: &'a App) -> Self {
        Self {
            app,
            id: String::new(),
            email: String::new(),
            access_token: None,
            refresh_token: String::new(),
        }
    }

    /// A request of this person's, for tests that shape it themselves.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.app.client.request(method, self.app.url(path));
        match &self.access_token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn get(&self, path: &str) -> TestResponse {
        send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> TestResponse {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> TestResponse {
        send(self.request(Method::PUT, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> TestResponse {
        send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> TestResponse {
        send(self.request(Method::DELETE, path)).await
    }

    pub async fn upload(&self, path: &str, form: Form) -> TestResponse {
        send(self.request(Method::POST, path).multipart(form)).await
    }
}

/// Sends a request and reads the answer, which has to keep the contract.
pub async fn send(request: reqwest::RequestBuilder) -> TestResponse {
    let (client, request) = request.build_split();
    let request = request.expect("no request");
    let (method, path) = (request.method().clone(), request.url().path().to_owned());
    let answer = client.execute(request).await.expect("no answer");
    let answer = TestResponse::read(answer).await;
    contract::check(&method, &path, &answer);
    answer
}

/// The text of a JSON string.
#[track_caller]
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// The outcome of each one of a bulk operation, in order.
pub fn outcomes(answer: &Value) -> Vec<&str> {
    let results = answer["results"].as_array().expect("no results");
    results
        .iter()
        .map(|result| result["outcome"].as_str().expect("no outcome"))
        .collect()
}

fn name_of(email: &str) -> String {
    email.split('@').next().unwrap_or(email).to_owned()
}

/// What an operator puts to limit the seats of a school in total.
pub fn seats_in_total(limit: Option<u32>) -> Value {
    json!({ "total": limit, "by_account_type": { "student": null, "teacher": null } })
}
