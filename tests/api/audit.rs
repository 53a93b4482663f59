//! The audit log (`docs/audit-log.md`).

use std::collections::BTreeSet;

use reqwest::Method;
use rollcall::oidc::authorization::challenge_of;
use serde_json::{Value, json};

use crate::sso::saml_flows;
use crate::support::identity_provider::{CLIENT_ID, CLIENT_SECRET, IdentityProvider};
use crate::support::people::{Organization, PASSWORD, send, text};
use crate::support::{both_databases, sign_on};

both_databases!(an_event_tells_who_what_when_and_in_which_request, |app| {
    let school = app.school().await;
    let change = school
        .admin
        .request(Method::PATCH, &school.path(""))
        .header("x-request-id", "the-request")
        .json(&json!({ "name": "Hill Road" }));
    send(change).await.expect_status(200);
    let events = school
        .admin
        .get(&school.path("/audit-events?limit=1"))
        .await;
    events.expect(
        200,
        json!({
            "items": [{
                "id": "<uuid>",
                "action": "organization.updated",
                "actor": {
                    "kind": "account",
                    "account_id": school.admin.id,
                    "api_key_id": null,
                    "name": "admin@hill-road-school.example",
                },
                "subject": { "type": "organization", "id": school.id },
                "details": { "name": "Hill Road", "slug": null, "default_account_type": null },
                "request_id": "the-request",
                "created_at": "2026-09-01T07:30:00Z",
            }],
            "next_cursor": "<text>",
        }),
    );
});

both_databases!(a_founder_joins_what_was_created_before, |app| {
    let school = app.school().await;
    let log = school.admin.get(&school.path("/audit-events")).await;
    let events = log.expect_status(200)["items"].clone();
    let actions: Vec<_> = events.as_array().unwrap().iter().collect();
    let [joined, created] = actions[..] else {
        panic!("{events:#}");
    };
    assert_eq!(created["action"], "organization.created");
    assert_eq!(joined["action"], "member.joined");
    assert_eq!(joined["details"]["via"], "founder");
    assert_eq!(joined["subject"]["id"], school.admin.id);
    assert_eq!(joined["actor"]["account_id"], school.admin.id);
});

both_databases!(events_are_filtered_and_paged, |app| {
    let school = app.school().await;
    for number in 0..5 {
        let group = json!({ "name": format!("Group {number}") });
        school
            .admin
            .post(&school.path("/groups"), group)
            .await
            .expect_status(201);
    }
    let count = |query: String| {
        let (admin, path) = (
            school.admin.clone(),
            school.path(&format!("/audit-events?{query}")),
        );
        async move {
            admin.get(&path).await.expect_status(200)["items"]
                .as_array()
                .unwrap()
                .len()
        }
    };
    assert_eq!(count("limit=200".to_owned()).await, 7);
    assert_eq!(count("action=group.created".to_owned()).await, 5);
    assert_eq!(count("action=member.joined".to_owned()).await, 1);
    assert_eq!(count(format!("actor_id={}", school.admin.id)).await, 7);
    assert_eq!(
        count("actor_id=01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11".to_owned()).await,
        0
    );
    assert_eq!(count("subject_type=group".to_owned()).await, 5);
    assert_eq!(count(format!("subject_id={}", school.id)).await, 1);
    assert_eq!(count("from=2026-09-01T07:30:01Z".to_owned()).await, 0);
    assert_eq!(count("to=2026-09-01T07:30:01Z".to_owned()).await, 7);
    let mut seen = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = school
            .admin
            .get(&school.path(&format!("/audit-events?limit=2{cursor}")))
            .await;
        let page = page.expect_status(200);
        let ids = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["id"].to_string());
        seen.extend(ids);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 7);
});

/// How many events there are, in every log.
fn events(app: &crate::support::App) -> i64 {
    use diesel::prelude::*;
    use rollcall::store::schema::audit_events;
    let mut connection = app.state.services.pool.get().unwrap();
    audit_events::table
        .count()
        .get_result(&mut **connection)
        .unwrap()
}

// Every operation of the document that changes something is done once here, and has to leave an
// event. What leaves none says why.
both_databases!(every_changing_operation_leaves_an_event, |app| {
    let leaves_none: BTreeSet<&str> = BTreeSet::from([
        // A new pair of tokens for the same session, each quarter of an hour: the session itself
        // remembers its last use, and a misuse is an event.
        "refresh_session",
        // Anybody may ask for a link; what is done with it is an event.
        "forgot_password",
        "resend_verification",
        // Only looks: a code does not belong into a URL.
        "preview_invite_code",
        // Only looks: the token does not belong into a URL.
        "preview_invitation",
        // Only looks; that a domain is proven by it is an event.
        "check_domain",
        "check_setup_domain",
        // Only looks: a list has no room in the URL.
        "check_access_to_resources",
        // Only looks: rules have no room in the URL.
        "preview_rules",
        // Only looks: an address does not belong into a URL.
        "discover_sign_in",
        // Begin something: that it passed, or signed somebody in, is an event.
        "test_connection",
        "test_setup",
        "start_sign_in",
        "mail_link_code",
        // Does nothing while the old link is good; `invitations::time` has the event otherwise.
        "renew_invitation",
    ]);
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut do_and_see =
        async |operation: &'static str, request: reqwest::RequestBuilder| -> Value {
            let before = events(app);
            let answer = send(request).await;
            assert!(answer.status.is_success(), "{operation}: {}", answer.text);
            let left = events(app) - before;
            assert!(
                left > 0 || leaves_none.contains(operation),
                "{operation} leaves no event"
            );
            done.insert(operation);
            if answer.header("content-type").contains("json") {
                answer.json()
            } else {
                Value::Null
            }
        };
    let anonymous = app.anonymous();
    let operator = app.operator().await;
    let post = |who: &crate::support::people::Person<'_>, path: &str, body: Value| {
        who.request(Method::POST, path).json(&body)
    };

    let ann = json!({ "email": "ann@x.org", "password": PASSWORD, "username": "Ann" });
    do_and_see(
        "register_account",
        post(&anonymous, "/v1/auth/register", ann),
    )
    .await;
    let login = json!({ "email": "ann@x.org", "password": PASSWORD });
    let tokens = do_and_see("login", post(&anonymous, "/v1/auth/login", login)).await;
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let tokens = do_and_see(
        "refresh_session",
        post(&anonymous, "/v1/auth/refresh", refresh),
    )
    .await;
    let out = json!({ "refresh_token": tokens["refresh_token"] });
    do_and_see("logout", post(&anonymous, "/v1/auth/logout", out)).await;

    let ann = app.sign_in("ann@x.org", PASSWORD).await;
    let rename = ann
        .request(Method::PATCH, "/v1/me")
        .json(&json!({ "username": "Anna" }));
    do_and_see("update_me", rename).await;
    let change = json!({ "current_password": PASSWORD, "new_password": "eight brown geese 8" });
    do_and_see(
        "change_password",
        post(&ann, "/v1/auth/password/change", change),
    )
    .await;
    let resend = post(&ann, "/v1/auth/email/resend", json!({}));
    do_and_see("resend_verification", resend).await;
    let token = app.last_mail_to("ann@x.org").await.token();
    let verify = post(
        &anonymous,
        "/v1/auth/email/verify",
        json!({ "token": token, "password": "eight brown geese 8" }),
    );
    do_and_see("verify_email", verify).await;
    app.register("typo@x.org").await;
    let token = app.last_mail_to("typo@x.org").await.token_of("not-me");
    let disown = json!({ "token": token });
    let disown = post(&anonymous, "/v1/auth/email/disown", disown);
    do_and_see("disown_account", disown).await;
    app.advance(std::time::Duration::from_secs(1));
    let forgot = json!({ "email": "ann@x.org" });
    let forgot = post(&anonymous, "/v1/auth/password/forgot", forgot);
    do_and_see("forgot_password", forgot).await;
    let token = app.last_mail_to("ann@x.org").await.token();
    let reset = json!({ "token": token, "password": "eight brown geese 8" });
    let reset = post(&anonymous, "/v1/auth/password/reset", reset);
    do_and_see("reset_password", reset).await;
    app.sign_in("ann@x.org", "eight brown geese 8").await;
    let other = app.sign_in("ann@x.org", "eight brown geese 8").await;
    let sessions = other.get("/v1/me/sessions").await.expect_status(200);
    let old = sessions["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["current"] == false)
        .unwrap();
    let old = format!("/v1/me/sessions/{}", old["id"].as_str().unwrap());
    do_and_see("end_my_session", other.request(Method::DELETE, &old)).await;
    do_and_see(
        "end_all_my_sessions",
        other.request(Method::DELETE, "/v1/me/sessions"),
    )
    .await;

    let ann = app.sign_in("ann@x.org", "eight brown geese 8").await;
    let school = json!({ "name": "Hill Road", "kind": "school" });
    let school = do_and_see(
        "create_organization",
        post(&ann, "/v1/organizations", school),
    )
    .await;
    let base = format!("/v1/organizations/{}", school["id"].as_str().unwrap());
    let patch = ann
        .request(Method::PATCH, &base)
        .json(&json!({ "name": "Hill" }));
    do_and_see("update_organization", patch).await;
    let limits = json!({
        "total": 100, "by_account_type": { "student": null, "teacher": null },
    });
    let put = operator
        .request(Method::PUT, &format!("{base}/seats"))
        .json(&limits);
    do_and_see("set_seat_limits", put).await;
    let keys = format!("{base}/api-keys");
    let key = json!({ "name": "Timetable", "scopes": ["audit:read"] });
    let key = do_and_see("create_api_key", post(&ann, &keys, key)).await;
    let key = format!("{keys}/{}", text(&key["id"]));
    do_and_see("revoke_api_key", ann.request(Method::DELETE, &key)).await;
    let domains = format!("{base}/domains");
    let domain = post(&ann, &domains, json!({ "domain": "x.example" }));
    let domain = do_and_see("add_domain", domain).await;
    let domain = format!("{domains}/{}", text(&domain["id"]));
    let vouch = operator.request(Method::PATCH, &domain);
    do_and_see("update_domain", vouch.json(&json!({ "vouched": true }))).await;
    let check = ann.request(Method::POST, &format!("{domain}/check"));
    do_and_see("check_domain", check).await;
    let joining = json!({ "joining": "request" });
    ann.patch(&domain, joining).await.expect_status(200);
    let kim = app.register_unverified("kim@x.example").await;
    app.verify_email(&kim.id);
    let requests = "/v1/me/join-requests";
    let ask = json!({ "organization_id": school["id"] });
    let made = do_and_see("create_my_join_request", post(&kim, requests, ask.clone())).await;
    let own = format!("{requests}/{}", text(&made["id"]));
    let withdraw = kim.request(Method::DELETE, &own);
    do_and_see("withdraw_my_join_request", withdraw).await;
    let as_student = json!({ "account_type": "student" });
    for (operation, word, body) in [
        ("decline_join_request", "decline", json!({})),
        ("approve_join_request", "approve", as_student),
    ] {
        let made = kim.post(requests, ask.clone()).await.expect_status(201);
        let path = format!("{base}/join-requests/{}/{word}", text(&made["id"]));
        let decide = post(&ann, &path, body);
        do_and_see(operation, decide).await;
    }
    do_and_see("remove_domain", ann.request(Method::DELETE, &domain)).await;
    let group = post(&ann, &format!("{base}/groups"), json!({ "name": "7A" }));
    let group = do_and_see("create_group", group).await;
    let own = format!("{base}/invite-code");
    let groups = format!(
        "{base}/groups/{}/invite-code",
        group["id"].as_str().unwrap()
    );
    let operations = [
        (&own, "update_invite_code", "reset_invite_code"),
        (
            &groups,
            "update_group_invite_code",
            "reset_group_invite_code",
        ),
    ];
    for (path, update, reset) in operations {
        let pause = ann.request(Method::PATCH, path);
        do_and_see(update, pause.json(&json!({ "paused": true }))).await;
        do_and_see(reset, ann.request(Method::POST, &format!("{path}/reset"))).await;
    }
    let code = ann.get(&own).await.expect_status(200)["code"].clone();
    let code = json!({ "code": code });
    let dan = app.register("dan@x.org").await;
    let preview = post(&anonymous, "/v1/invite-codes/preview", code.clone());
    do_and_see("preview_invite_code", preview).await;
    let redeem = post(&dan, "/v1/invite-codes/redeem", code);
    do_and_see("redeem_invite_code", redeem).await;

    let eve = app.register("eve@x.org").await;
    let invitations = format!("{base}/invitations");
    let invite = json!({ "emails": ["eve@x.org", "fay@x.org"], "account_type": "student" });
    let made = post(&ann, &invitations, invite.clone());
    let made = do_and_see("create_invitations", made).await;
    let answered = |place: usize, word: &str| {
        let id = made["results"][place]["invitation_id"].as_str().unwrap();
        post(&ann, &format!("{invitations}/{id}/{word}"), json!({}))
    };
    do_and_see("resend_invitation", answered(0, "resend")).await;
    do_and_see("revoke_invitation", answered(1, "revoke")).await;
    let token = json!({ "token": app.last_mail_to("eve@x.org").await.token() });
    for (operation, word) in [
        ("preview_invitation", "preview"),
        ("renew_invitation", "renew"),
        ("decline_invitation", "decline"),
    ] {
        let path = format!("/v1/invitations/{word}");
        do_and_see(operation, post(&anonymous, &path, token.clone())).await;
    }
    ann.post(&invitations, invite).await.expect_status(200);
    let token = json!({ "token": app.last_mail_to("eve@x.org").await.token() });
    let accept = post(&eve, "/v1/invitations/accept", token);
    do_and_see("accept_invitation", accept).await;

    let form = |csv: &'static str| {
        reqwest::multipart::Form::new()
            .text("account_type", "student")
            .part("file", reqwest::multipart::Part::text(csv))
    };
    let imports = format!("{base}/imports");
    let csv = "email,password,username\nbob@x.org,quiet rivers 11,Bob\n";
    let upload = ann.request(Method::POST, &imports).multipart(form(csv));
    let import = do_and_see("create_import", upload).await;
    app.drain().await;
    let names = json!({ "usernames": ["Jane Doe"], "account_type": "student" });
    let names = post(&ann, &format!("{imports}/usernames"), names);
    do_and_see("import_usernames", names).await;
    app.drain().await;
    let results = format!("{imports}/{}/credentials", import["id"].as_str().unwrap());
    do_and_see(
        "discard_import_credentials",
        ann.request(Method::DELETE, &results),
    )
    .await;
    let csv = "email,password,username\ncid@x.org,quiet rivers 12,Cid\n";
    let import = ann.upload(&imports, form(csv)).await.expect_status(202);
    let cancel = format!("{imports}/{}/cancel", import["id"].as_str().unwrap());
    do_and_see("cancel_import", ann.request(Method::POST, &cancel)).await;

    let bob = app.sign_in("bob@x.org", "quiet rivers 11").await;
    let of_bob = format!("{base}/members/{}", bob.id);
    app.verify_email_by_reset(&bob.id);
    let admin = ann
        .request(Method::PATCH, &of_bob)
        .json(&json!({ "role": "admin" }));
    do_and_see("update_member", admin).await;
    let group = format!("{base}/groups/{}", text(&group["id"]));
    let named = json!({ "account_ids": [bob.id] });
    let patch = |path: &str, body: Value| ann.request(Method::PATCH, path).json(&body);
    do_and_see("update_group", patch(&group, json!({ "name": "7B" }))).await;
    let people = format!("{group}/members");
    do_and_see("add_group_members", post(&ann, &people, named.clone())).await;
    let manager = patch(
        &format!("{people}/{}", bob.id),
        json!({ "role": "manager" }),
    );
    do_and_see("update_group_member", manager).await;
    let remove = post(&ann, &format!("{people}/remove"), named.clone());
    do_and_see("remove_group_members", remove).await;
    let grant = format!("{group}/grants/course/algebra-1");
    let set = ann.request(Method::PUT, &grant).json(&json!({}));
    do_and_see("set_grant", set).await;
    let resources = json!([{ "type": "course", "id": "algebra-1" }]);
    let question = json!({ "account_id": bob.id, "resources": resources });
    let ask = post(&ann, &format!("{base}/access"), question);
    do_and_see("check_access_to_resources", ask).await;
    do_and_see("revoke_grant", ann.request(Method::DELETE, &grant)).await;
    do_and_see("delete_group", ann.request(Method::DELETE, &group)).await;
    let teach = json!({ "account_ids": [bob.id], "account_type": "teacher" });
    let bulk = post(&ann, &format!("{base}/members/bulk-update"), teach);
    do_and_see("update_members", bulk).await;
    let bob = app.sign_in("bob@x.org", "quiet rivers 11").await;
    let leave = format!("/v1/me/memberships/{}", text(&school["id"]));
    do_and_see("leave_organization", bob.request(Method::DELETE, &leave)).await;
    do_and_see("delete_me", bob.request(Method::DELETE, "/v1/me")).await;

    let csv = "email,password,username\ngil@x.org,quiet rivers 13,Gil\n";
    ann.upload(&imports, form(csv)).await.expect_status(202);
    app.drain().await;
    let gil = app.sign_in("gil@x.org", "quiet rivers 13").await;
    let of_gil = format!("{base}/members/{}", gil.id);
    for (operation, below) in [
        ("reset_member_password", "/password-reset"),
        ("deactivate_member", "/deactivate"),
        ("reactivate_member", "/reactivate"),
    ] {
        do_and_see(
            operation,
            post(&ann, &format!("{of_gil}{below}"), json!({})),
        )
        .await;
    }
    do_and_see("remove_member", ann.request(Method::DELETE, &of_gil)).await;

    let hill = Organization {
        id: text(&school["id"]),
        slug: text(&school["slug"]),
        admin: app.sign_in("ann@x.org", "eight brown geese 8").await,
    };
    let provider = IdentityProvider::start();
    let connections = format!("{base}/connections");
    let new = json!({
        "name": "School accounts", "kind": "oidc", "preset": "generic", "issuer": provider.issuer(),
        "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
    });
    let connection = do_and_see("create_connection", post(&ann, &connections, new)).await;
    let shared = json!({
        "name": "Shared", "preset": "google", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
    });
    let shared = do_and_see("create_app", post(&operator, "/v1/apps", shared)).await;
    let shared = format!("/v1/apps/{}", text(&shared["id"]));
    let rename = operator.request(Method::PATCH, &shared);
    do_and_see("update_app", rename.json(&json!({ "name": "Google" }))).await;
    do_and_see("delete_app", operator.request(Method::DELETE, &shared)).await;
    let path = sign_on::path_of(&hill, &connection);
    let pause = format!("{path}/pause");
    let begin = ann.request(Method::POST, &format!("{path}/tests"));
    do_and_see("test_connection", begin).await;
    let preview = post(&ann, &format!("{path}/rules/preview"), json!({}));
    do_and_see("preview_rules", preview).await;
    let links = format!("{base}/setup-links");
    let link = json!({ "connection_id": connection["id"] });
    let link = do_and_see("create_setup_link", post(&ann, &links, link)).await;
    let token = text(&link["url"])
        .split_once("#token=")
        .unwrap()
        .1
        .to_owned();
    let it = crate::support::people::Person {
        access_token: Some(token),
        ..anonymous.clone()
    };
    let secret = json!({ "client_secret": CLIENT_SECRET });
    let secret = it.request(Method::PATCH, "/v1/setup").json(&secret);
    do_and_see("update_setup", secret).await;
    do_and_see("test_setup", it.request(Method::POST, "/v1/setup/tests")).await;
    let domain = json!({ "domain": format!("setup-{}.example", app.address.port()) });
    let domain = post(&it, "/v1/setup/domains", domain);
    let domain = do_and_see("add_setup_domain", domain).await;
    let record = &domain["record"];
    crate::support::dns::zone().add_text(&text(&record["name"]), &text(&record["value"]));
    let check = format!("/v1/setup/domains/{}/check", text(&domain["id"]));
    do_and_see("check_setup_domain", it.request(Method::POST, &check)).await;
    sign_on::test(&hill, &connection, &provider, json!({ "sub": "tester" })).await;
    let activate = it.request(Method::POST, "/v1/setup/activate");
    do_and_see("activate_setup", activate).await;
    let link = format!("{links}/{}", text(&link["id"]));
    do_and_see("revoke_setup_link", ann.request(Method::DELETE, &link)).await;
    send(ann.request(Method::POST, &pause))
        .await
        .expect_status(200);
    let activate = || ann.request(Method::POST, &format!("{path}/activate"));
    do_and_see("activate_connection", activate()).await;
    do_and_see("pause_connection", ann.request(Method::POST, &pause)).await;
    send(activate()).await.expect_status(200);
    do_and_see(
        "update_connection",
        patch(&path, json!({ "name": "Staff" })),
    )
    .await;
    let start = json!({
        "connection_id": connection["id"], "challenge": challenge_of(sign_on::VERIFIER),
    });
    let discover = json!({ "email": "mira@hill.example" });
    let discover = post(&anonymous, "/v1/sign-in/discover", discover);
    do_and_see("discover_sign_in", discover).await;
    let start = post(&anonymous, "/v1/sign-in/start", start);
    do_and_see("start_sign_in", start).await;
    let come = async |sub: &str, email: &str| {
        let claims = json!({ "sub": sub, "email": email });
        let as_whom = (&provider, claims);
        let end = sign_on::go_round(&anonymous, &connection, as_whom, json!({})).await;
        json!({ "ticket": sign_on::ticket_of(&end), "verifier": sign_on::VERIFIER })
    };
    let ticket = come("mira", "mira@hill.example").await;
    let exchange = |ticket: Value| post(&anonymous, "/v1/sign-in/exchange", ticket);
    do_and_see("exchange_ticket", exchange(ticket)).await;
    let seconds = app.now().as_seconds();
    let ended = json!({
        "iss": provider.issuer(), "aud": crate::support::identity_provider::CLIENT_ID, "iat": seconds, "exp": seconds + 120, "sub": "mira",
        "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
    });
    let id = text(&connection["id"]);
    let ended = anonymous
        .request(Method::POST, &format!("/v1/sso/backchannel-logout/{id}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("logout_token={}", provider.sign(&ended)));
    do_and_see("end_provider_session", ended).await;
    let zoe = app.register("zoe@else.example").await;
    app.verify_email(&zoe.id);
    let came = send(exchange(come("zoe", "zoe@else.example").await)).await;
    let link_token = came.expect_status(200)["link_token"].clone();
    let mail = json!({ "link_token": link_token });
    do_and_see(
        "mail_link_code",
        post(&anonymous, "/v1/sign-in/link-mail", mail),
    )
    .await;
    let subject = app.last_mail_to("zoe@else.example").await.subject;
    let code = subject.split(' ').next().unwrap();
    let link = json!({ "link_token": link_token, "code": code });
    do_and_see("link_by_code", post(&anonymous, "/v1/sign-in/link", link)).await;
    let of_zoe = format!("{base}/members/{}/identities", zoe.id);
    let identities = ann.get(&of_zoe).await.expect_status(200);
    let one = format!("{of_zoe}/{}", text(&identities["items"][0]["id"]));
    do_and_see("unlink_member_identity", ann.request(Method::DELETE, &one)).await;
    let came = send(exchange(come("ann", "ann@x.org").await)).await;
    let link = json!({ "link_token": came.expect_status(200)["link_token"] });
    do_and_see("link_my_identity", post(&ann, "/v1/me/identities", link)).await;
    let identities = ann.get("/v1/me/identities").await.expect_status(200);
    let one = format!("/v1/me/identities/{}", text(&identities["items"][0]["id"]));
    do_and_see("unlink_my_identity", ann.request(Method::DELETE, &one)).await;
    let policy = json!({ "required": false, "emergency_admins": [hill.admin.id] });
    let policy = ann
        .request(Method::PUT, &format!("{base}/sign-in-policy"))
        .json(&policy);
    do_and_see("set_sign_in_policy", policy).await;
    let metadata = saml_flows::metadata_with("idp", "");
    provider.answer_instead("/metadata", 200, &metadata);
    let url = format!("{}/metadata", provider.issuer());
    let new = json!({ "name": "University", "kind": "saml", "metadata_url": url });
    let by_saml = post(&ann, &connections, new);
    let by_saml = send(by_saml).await.expect_status(201);
    let metadata = saml_flows::metadata_with("other", "");
    provider.answer_instead("/metadata", 200, &metadata);
    let refresh = format!("{}/refresh", sign_on::path_of(&hill, &by_saml));
    do_and_see("refresh_connection", ann.request(Method::POST, &refresh)).await;
    let link = post(&ann, &links, json!({ "connection_id": by_saml["id"] }));
    let link = send(link).await.expect_status(201);
    let it = sign_on::by_setup_link(app, &text(&link["url"]));
    let metadata = saml_flows::metadata_with("idp", "");
    provider.answer_instead("/metadata", 200, &metadata);
    let refresh = it.request(Method::POST, "/v1/setup/refresh");
    do_and_see("refresh_setup", refresh).await;
    let forced = ann.request(Method::DELETE, &format!("{path}?force=true"));
    do_and_see("delete_connection", forced).await;
    do_and_see("delete_organization", ann.request(Method::DELETE, &base)).await;

    for operation in changing_operations() {
        assert!(
            done.contains(operation.as_str()),
            "{operation} is not tried here"
        );
    }
});

/// The ids of the operations that are no `GET`.
fn changing_operations() -> Vec<String> {
    let document: Value = serde_json::from_str(&rollcall::openapi::to_json().unwrap()).unwrap();
    let items = document["paths"].as_object().unwrap().values();
    items
        .flat_map(|item| item.as_object().unwrap())
        // What a browser brings changes nothing before its ticket is exchanged.
        .filter(|(method, it)| *method != "get" && it["responses"].get("303").is_none())
        .map(|(_, operation)| operation["operationId"].as_str().unwrap().to_owned())
        .collect()
}

both_databases!(no_event_holds_a_secret, |app| {
    use diesel::prelude::*;
    use rollcall::store::schema::audit_events;
    let school = app.school().await;
    school
        .import_students("email,password,username\nbob@x.org,quiet rivers 11,Bob\n")
        .await;
    let bob = app.sign_in("bob@x.org", "quiet rivers 11").await;
    let change =
        json!({ "current_password": "quiet rivers 11", "new_password": "eight brown geese 8" });
    bob.post("/v1/auth/password/change", change)
        .await
        .expect_status(204);
    let mut connection = app.state.services.pool.get().unwrap();
    let details: Vec<rollcall::store::sql_types::JsonColumn> = audit_events::table
        .select(audit_events::details)
        .load(&mut **connection)
        .unwrap();
    let all = format!("{details:?}");
    for secret in [
        "quiet rivers",
        "brown geese",
        "green ducks",
        "rcr_",
        "rck_",
        "$argon2id",
    ] {
        assert!(!all.contains(secret), "{secret}");
    }
});
