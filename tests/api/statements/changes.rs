//! What changes something.

use super::*;

/// What is changed in each of several rounds; the fewest statements of them count.
const ROUNDS: usize = 3;

both_databases!(a_change_takes_as_many_statements_whatever_the_size, |app| {
    let operator = app.operator().await;
    let mut counts = Vec::new();
    for (name, size) in [("Hill", FEW), ("Valley", MANY)] {
        let school = app.organization(name, "school").await;
        let group = school.new_group("Everybody").await;
        grow(app, &school, (&school.id_of(&group), 0..size)).await;
        let mut round = Round {
            app,
            school: &school,
            operator: &operator,
            counts: BTreeMap::new(),
        };
        for number in 0..ROUNDS {
            round.change(number).await;
        }
        round.end(&group).await;
        // An event for each account that goes with it, some thousands in one statement.
        round.counts.remove("delete_organization");
        counts.push(round.counts);
    }
    assert!(counts[0].len() > 25, "{:?}", counts[0]);
    assert_eq!(counts[0], counts[1]);
});

/// Changes to one organization, and how many statements each took at least.
struct Round<'a> {
    app: &'a App,
    school: &'a Organization<'a>,
    operator: &'a Person<'a>,
    counts: BTreeMap<&'static str, u64>,
}

impl Round<'_> {
    /// Sends a request, which has to succeed, and counts its statements.
    async fn count(&mut self, operation: &'static str, request: RequestBuilder) -> Value {
        let pool = &self.app.state.services.pool;
        let before = pool.statements();
        let answer = send(request).await;
        let count = pool.statements() - before;
        assert!(answer.status.is_success(), "{operation}: {}", answer.text);
        let fewest = self.counts.entry(operation).or_insert(count);
        *fewest = count.min(*fewest);
        if answer.header("content-type").contains("json") {
            answer.json()
        } else {
            Value::Null
        }
    }

    /// As [`Round::count`], by the admin, with a body; below the organization.
    async fn admin(
        &mut self,
        operation: &'static str,
        (method, below): (Method, &str),
        body: Value,
    ) -> Value {
        let request = self.school.admin.request(method, &self.school.path(below));
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        self.count(operation, request).await
    }

    /// The ids of people who were there from the start: others in each round.
    async fn people(&self, number: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for place in number * 10..number * 10 + 8 {
            let search = format!("/members?search=pupil{place}@{}", domain(self.school));
            let found = self.school.admin.get(&self.school.path(&search)).await;
            ids.push(text(&found.expect_status(200)["items"][0]["account_id"]));
        }
        ids
    }

    async fn change(&mut self, number: usize) {
        let people = self.people(number).await;
        self.change_organization(number).await;
        self.change_groups(number, &people).await;
        self.change_members(number, &people).await;
        self.invite(number).await;
        self.import(number).await;
    }

    async fn change_organization(&mut self, number: usize) {
        let name = json!({ "name": format!("School {number}") });
        self.admin("update_organization", (Method::PATCH, ""), name)
            .await;
        let total = u32::try_from(10_000 + number).unwrap();
        let seats = self.school.path("/seats");
        let request = self.operator.request(Method::PUT, &seats);
        let request = request.json(&seats_in_total(Some(total)));
        self.count("set_seat_limits", request).await;
        let key = json!({ "name": format!("Key {number}"), "scopes": ["audit:read"] });
        let key = self
            .admin("create_api_key", (Method::POST, "/api-keys"), key)
            .await;
        let path = format!("/api-keys/{}", text(&key["id"]));
        self.admin("revoke_api_key", (Method::DELETE, &path), Value::Null)
            .await;
        let window = json!({ "max_uses": 1_000 + number });
        self.admin(
            "update_invite_code",
            (Method::PATCH, "/invite-code"),
            window,
        )
        .await;
        let reset = (Method::POST, "/invite-code/reset");
        self.admin("reset_invite_code", reset, Value::Null).await;
    }

    async fn change_groups(&mut self, number: usize, people: &[String]) {
        let name = json!({ "name": format!("Group {number}") });
        let group = self
            .admin("create_group", (Method::POST, "/groups"), name)
            .await;
        let group = format!("/groups/{}", text(&group["id"]));
        let name = json!({ "name": format!("Class {number}") });
        self.admin("update_group", (Method::PATCH, &group), name)
            .await;
        let members = format!("{group}/members");
        let three = json!({ "account_ids": &people[..3] });
        self.admin("add_group_members", (Method::POST, &members), three)
            .await;
        self.app.verify_email_by_reset(&people[0]);
        let teacher = json!({ "account_type": "teacher" });
        let member = format!("/members/{}", people[0]);
        self.admin("update_member", (Method::PATCH, &member), teacher)
            .await;
        let manager = format!("{members}/{}", people[0]);
        let role = json!({ "role": "manager" });
        self.admin("update_group_member", (Method::PATCH, &manager), role)
            .await;
        let one = json!({ "account_ids": [people[1]] });
        let remove = format!("{members}/remove");
        self.admin("remove_group_members", (Method::POST, &remove), one)
            .await;
        let code = format!("{group}/invite-code");
        let pause = json!({ "paused": true });
        self.admin("update_group_invite_code", (Method::PATCH, &code), pause)
            .await;
        let reset = format!("{code}/reset");
        let reset = (Method::POST, reset.as_str());
        self.admin("reset_group_invite_code", reset, Value::Null)
            .await;
        let grant = format!("{group}/grants/course/algebra");
        self.admin("set_grant", (Method::PUT, &grant), json!({}))
            .await;
        let resources = json!([{ "type": "course", "id": "algebra" }]);
        let question = json!({ "account_id": people[0], "resources": resources });
        let ask = (Method::POST, "/access");
        self.admin("check_access_to_resources", ask, question).await;
        self.admin("revoke_grant", (Method::DELETE, &grant), Value::Null)
            .await;
    }

    async fn change_members(&mut self, number: usize, people: &[String]) {
        for id in &people[1..5] {
            self.app.verify_email_by_reset(id);
        }
        let teachers = json!({ "account_ids": &people[1..5], "account_type": "teacher" });
        let bulk = (Method::POST, "/members/bulk-update");
        self.admin("update_members", bulk, teachers).await;
        let member = format!("/members/{}", people[5]);
        let name = json!({ "username": format!("Renamed {number}") });
        self.admin("update_member", (Method::PATCH, &member), name)
            .await;
        for (operation, below) in [
            ("reset_member_password", "password-reset"),
            ("deactivate_member", "deactivate"),
            ("reactivate_member", "reactivate"),
        ] {
            let path = format!("{member}/{below}");
            self.admin(operation, (Method::POST, &path), json!({}))
                .await;
        }
        self.admin("remove_member", (Method::DELETE, &member), Value::Null)
            .await;
    }

    async fn invite(&mut self, number: usize) {
        let address = |name: &str| format!("{name}{number}@{}", domain(self.school));
        let known = format!("pupil{}@{}", number * 10 + 9, domain(self.school));
        let emails = [address("ann"), address("bob"), address("cid"), known];
        let invite = json!({ "emails": emails, "account_type": "student" });
        let invited = self
            .admin("create_invitations", (Method::POST, "/invitations"), invite)
            .await;
        let id = text(&invited["results"][0]["invitation_id"]);
        for (operation, word) in [
            ("resend_invitation", "resend"),
            ("revoke_invitation", "revoke"),
        ] {
            let path = format!("/invitations/{id}/{word}");
            self.admin(operation, (Method::POST, &path), json!({}))
                .await;
        }
    }

    async fn import(&mut self, number: usize) {
        let name = |place: usize| format!("joe{number}{place}@{}", domain(self.school));
        let rows = (0..3).map(|place| format!("{},quiet rivers {place}1,Joe\n", name(place)));
        let csv = format!("email,password,username\n{}", rows.collect::<String>());
        let form = Form::new()
            .text("account_type", "student")
            .part("file", Part::text(csv));
        let imports = self.school.path("/imports");
        let upload = self.school.admin.request(Method::POST, &imports);
        let import = self.count("create_import", upload.multipart(form)).await;
        let import = format!("/imports/{}", text(&import["id"]));
        let cancel = format!("{import}/cancel");
        self.admin("cancel_import", (Method::POST, &cancel), Value::Null)
            .await;
        self.app.drain().await;
        let credentials = format!("{import}/credentials");
        let discard = (Method::DELETE, credentials.as_str());
        self.admin("discard_import_credentials", discard, Value::Null)
            .await;
        let new = json!({
            "name": "Accounts", "kind": "oidc", "preset": "generic", "issuer": "https://idp.example",
            "client_id": "rollcall", "client_secret": "secret",
        });
        let created = self.admin("create_connection", (Method::POST, "/connections"), new);
        let connection_id = text(&created.await["id"]);
        let connection = format!("/connections/{connection_id}");
        let rename = json!({ "name": format!("Accounts {number}") });
        self.admin("update_connection", (Method::PATCH, &connection), rename)
            .await;
        let policy = json!({ "required": false, "emergency_admins": [] });
        let set = (Method::PUT, "/sign-in-policy");
        self.admin("set_sign_in_policy", set, policy).await;
        let link = json!({ "connection_id": connection_id });
        let links = (Method::POST, "/setup-links");
        let link = self.admin("create_setup_link", links, link).await;
        let link = format!("/setup-links/{}", text(&link["id"]));
        self.admin("revoke_setup_link", (Method::DELETE, &link), Value::Null)
            .await;
        let preview = format!("{connection}/rules/preview");
        self.admin("preview_rules", (Method::POST, &preview), json!({}))
            .await;
        let tests = format!("{connection}/tests");
        self.admin("test_connection", (Method::POST, &tests), Value::Null)
            .await;
        self.admin(
            "delete_connection",
            (Method::DELETE, &connection),
            Value::Null,
        )
        .await;
        let names = json!({ "usernames": [format!("Jane {number}")], "account_type": "student" });
        let usernames = (Method::POST, "/imports/usernames");
        self.admin("import_usernames", usernames, names).await;
        self.app.drain().await;
    }

    /// Deletes the group of everybody, and then all.
    async fn end(&mut self, group: &str) {
        for (operation, path) in [
            ("delete_group", group.to_owned()),
            ("delete_organization", self.school.path("")),
        ] {
            // This can be done once only: the pool asks before whether its connection is alive.
            self.school.admin.get("/v1/me").await.expect_status(200);
            let request = self.school.admin.request(Method::DELETE, &path);
            self.count(operation, request).await;
        }
    }
}

/// These change one row by its id, behind questions to others: an identity provider, or name servers.
const BEHIND_OTHERS: [&str; 10] = [
    "activate_connection",
    "add_domain",
    "approve_join_request",
    "check_domain",
    "decline_join_request",
    "pause_connection",
    "refresh_connection",
    "remove_domain",
    "unlink_member_identity",
    "update_domain",
];

// What is tried here is all that changes an organization, but for those.
#[test]
fn no_change_is_forgotten() {
    let source = include_str!("changes.rs");
    let changing = operations().into_iter().filter(|one| {
        one.method != Method::GET && one.path.starts_with("/v1/organizations/{organization_id}")
    });
    for operation in changing {
        let name = format!("\"{}\"", operation.id);
        let is_behind_others = BEHIND_OTHERS.contains(&operation.id.as_str());
        assert!(
            is_behind_others || source.contains(&name),
            "{name} is not tried"
        );
    }
}
