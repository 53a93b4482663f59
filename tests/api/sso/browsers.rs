//! Browsers in a flow: sent on, whatever comes of it.

use rollcall::oidc::authorization::challenge_of;

use super::*;
use crate::support::sign_on::VERIFIER;

async fn ask(app: &App, method: reqwest::Method, path: &str, form: &str) -> reqwest::Response {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    client
        .request(method, app.url(path))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form.to_owned())
        .send()
        .await
        .unwrap()
}

fn location(answer: &reqwest::Response) -> Url {
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
    Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap()
}

both_databases!(no_browser_is_shown_a_problem_in_json, |app| {
    use reqwest::Method;

    for (method, path) in [
        (Method::GET, "/v1/sso/callback/abc"),
        (Method::HEAD, "/v1/sso/callback/abc"),
        (Method::GET, "/v1/sso/initiate/abc"),
        (Method::POST, "/v1/sso/initiate/abc"),
        (Method::POST, "/v1/sso/saml/abc/acs"),
    ] {
        let answer = ask(app, method, path, "").await;
        let end = location(&answer);
        assert_eq!(end.path(), "/sign-in", "{path}");
        assert_eq!(end.query(), Some("problem=connection_unknown"), "{path}");
    }
    let school = app.school().await;
    let id = school.id;
    let twice = format!("/v1/sso/initiate/{id}?test=A&test=B");
    let end = location(&ask(app, Method::GET, &twice, "").await);
    assert_eq!(end.query(), Some(&*format!("connection={id}")));
    let path = format!("/v1/sso/initiate/{id}?test=ABCDEFGHJK");
    let mut ends = Vec::new();
    for _ in 0..61 {
        ends.push(location(&ask(app, Method::GET, &path, "").await));
    }
    assert_eq!(ends[0].path(), "/sign-in/tested");
    assert_eq!(ends[60].query(), Some("problem=rate_limited"));
});

both_databases!(a_portal_may_name_whom_it_sends, |app| {
    use reqwest::Method;

    let school = app.school().await;
    let path = format!("/v1/sso/initiate/{}", school.id);
    let said = "iss=https%3A%2F%2Fidp.example&login_hint=mira%40hill.example\
                &target_link_uri=https%3A%2F%2Fevil.example";
    let expected = format!("connection={}&login_hint=mira%40hill.example", school.id);
    let posted = location(&ask(app, Method::POST, &path, said).await);
    assert_eq!(posted.query(), Some(&*expected));
    let asked = location(&ask(app, Method::GET, &format!("{path}?{said}"), "").await);
    assert_eq!(asked.query(), Some(&*expected));
    let long = format!("login_hint={}", "a".repeat(255));
    let end = location(&ask(app, Method::POST, &path, &long).await);
    assert_eq!(end.query(), Some(&*format!("connection={}", school.id)));
});

both_databases!(a_look_at_the_head_uses_nothing_up, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let started = start(&app.anonymous(), &connection, json!({})).await;
    let url = text(&started.expect_status(200)["authorization_url"]);
    let back = provider.sign_in(&url, (app.now(), json!({ "sub": "m" })));
    let path = format!("{}?{}", back.path(), back.query().unwrap());
    let begins = path.find("/v1/").unwrap();
    let looked = ask(app, reqwest::Method::HEAD, &path[begins..], "").await;
    assert_eq!(location(&looked).path(), "/sign-in");
    ticket_of(&follow(app, &back).await);
});

both_databases!(strangers_fill_nobody_s_log, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let words = format!("call+%2B44+20+7946+0000+{}", "now+".repeat(100));
    let mut ends = Vec::new();
    for round in 0..62 {
        if round == 40 {
            // So many may one client address begin in a minute.
            app.advance(Duration::from_secs(30));
        }
        let started = start(&app.anonymous(), &connection, json!({})).await;
        let url = Url::parse(&text(&started.expect_status(200)["authorization_url"])).unwrap();
        let asked: HashMap<_, _> = url.query_pairs().into_owned().collect();
        let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
        let query = format!(
            "error=access_denied&error_description={words}&state={}",
            asked["state"]
        );
        back.set_query(Some(&query));
        ends.push(follow(app, &back).await);
    }
    let is_kept = |end: &Url| end.query_pairs().any(|(name, _)| name == "reference");
    assert_eq!(ends.iter().filter(|end| is_kept(end)).count(), 60);
    assert!(is_kept(&ends[0]));
    assert_eq!(ends[61].query(), Some("problem=identity_provider_refused"));
    let path = school.path("/diagnoses?limit=100");
    let diagnoses = school.admin.get(&path).await.expect_status(200);
    let kept = diagnoses["items"].as_array().unwrap();
    assert_eq!(kept.len(), 60);
    let received = last_step(&kept[0])["received"].clone();
    let received = text(&received);
    assert!(received.starts_with("the error access_denied, as the browser has it"));
    assert!(received.chars().count() < 200, "{received}");
    // Whom the provider vouches for is kept all the same.
    let as_whom = (&provider, json!({ "sub": "m", "aud": "another" }));
    let end = go_round(&app.anonymous(), &connection, as_whom, json!({})).await;
    assert!(is_kept(&end), "{end}");
});

both_databases!(no_text_is_longer_than_it_can_be, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let anonymous = app.anonymous();
    let long = "a".repeat(900_000);
    for field in ["login_hint", "invite_code", "invitation_token"] {
        let refused = start(&anonymous, &connection, json!({ field: long })).await;
        refused.expect_fields(&[(&*format!("/{field}"), "too_long")]);
    }
    for path in ["/.//evil.example", "/..//evil.example", "/\u{202e}"] {
        let refused = start(&anonymous, &connection, json!({ "return_to": path })).await;
        refused.expect_fields(&[("/return_to", "invalid")]);
    }
    for (path, body, field) in [
        (
            "exchange",
            json!({ "ticket": long, "verifier": "v" }),
            "/ticket",
        ),
        (
            "exchange",
            json!({ "ticket": "t", "verifier": long }),
            "/verifier",
        ),
        (
            "link",
            json!({ "link_token": long, "code": "c" }),
            "/link_token",
        ),
        ("link", json!({ "link_token": "t", "code": long }), "/code"),
        ("link-mail", json!({ "link_token": long }), "/link_token"),
    ] {
        let refused = anonymous.post(&format!("/v1/sign-in/{path}"), body).await;
        refused.expect_fields(&[(field, "too_long")]);
    }
});

both_databases!(what_no_database_keeps_is_no_fault, |app| {
    use reqwest::Method;

    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let id = text(&connection["id"]);
    let begins = format!("connection={id}");
    let said = "test=%00&login_hint=a%00b&iss=%00&target_link_uri=%00";
    let initiate = format!("/v1/sso/initiate/{id}");
    for (method, path, form) in [
        (Method::GET, format!("{initiate}?{said}"), ""),
        (Method::GET, format!("{initiate}?test=K7QF2%0AMPDXA"), ""),
        (Method::POST, initiate, said),
        (
            Method::GET,
            format!("/v1/sso/callback/{id}?state=%00&code=%00&iss=%00"),
            "",
        ),
        (
            Method::GET,
            format!("/v1/sso/callback/{id}?state=rcf_%00"),
            "",
        ),
        (
            Method::POST,
            format!("/v1/sso/saml/{id}/acs"),
            "RelayState=%00&SAMLResponse=%00",
        ),
    ] {
        let end = location(&ask(app, method, &path, form).await);
        assert_eq!(
            (end.path(), end.query()),
            ("/sign-in", Some(&*begins)),
            "{path}"
        );
    }
    // In a flow that is under way.
    for said in [
        "error=a%00b&error_description=%00c",
        "iss=%00&code=c",
        "code=%00",
    ] {
        let started = start(&app.anonymous(), &connection, json!({})).await;
        let url = Url::parse(&text(&started.expect_status(200)["authorization_url"])).unwrap();
        let asked: HashMap<_, _> = url.query_pairs().into_owned().collect();
        let path = format!("/v1/sso/callback/{id}?state={}&{said}", asked["state"]);
        let end = location(&ask(app, Method::GET, &path, "").await);
        let query: HashMap<_, _> = end.query_pairs().into_owned().collect();
        let diagnosis = school.path(&format!("/diagnoses/{}", query["reference"]));
        let diagnosis = school.admin.get(&diagnosis).await.expect_status(200);
        assert_eq!(diagnosis["code"], query["problem"], "{said}");
    }
    let refused = app.anonymous().get("/v1/sign-in/organizations/%00").await;
    refused.expect_problem(404, "not_found");
});

both_databases!(what_cannot_be_read_begins_nothing_anew, |app| {
    use reqwest::Method;

    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let saml = super::saml_flows::saml_draft(&school).await;
    let callback = format!("/v1/sso/callback/{}", text(&connection["id"]));
    let acs = format!("/v1/sso/saml/{}/acs", text(&saml["id"]));
    let started = start(&app.anonymous(), &connection, json!({})).await;
    let url = text(&started.expect_status(200)["authorization_url"]);
    let back = provider.sign_in(&url, (app.now(), json!({ "sub": "m" })));
    let response = back.query().unwrap();
    let huge = format!("SAMLResponse={}", "a".repeat(1_100_000));
    for (method, path, form) in [
        (Method::POST, acs.clone(), &*huge),
        (Method::GET, format!("{acs}?SAMLResponse=PHNhbWw"), ""),
        (Method::POST, callback.clone(), response),
        (Method::POST, format!("{callback}?{response}"), ""),
    ] {
        let end = location(&ask(app, method, &path, form).await);
        let end = (end.path(), end.query());
        assert_eq!(end, ("/sign-in", Some("problem=response_invalid")));
    }
    // Whoever comes with nothing begins.
    for (method, path, id) in [
        (Method::GET, &acs, &saml["id"]),
        (Method::HEAD, &acs, &saml["id"]),
        (Method::POST, &acs, &saml["id"]),
        (Method::POST, &callback, &connection["id"]),
    ] {
        let end = location(&ask(app, method, path, "").await);
        assert_eq!(end.query(), Some(&*format!("connection={}", text(id))));
    }
    // No browser comes so.
    for path in [&acs, &callback] {
        let answer = ask(app, Method::PUT, path, "").await;
        assert_eq!(answer.status(), 405, "{path}");
    }
    // Nothing was used up.
    ticket_of(&follow(app, &back).await);
});

both_databases!(so_many_flows_may_be_begun_in_a_minute, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let anonymous = app.anonymous();
    let starts = async || start(&anonymous, &connection, json!({})).await;
    // The test of the connection has begun one.
    app.advance(Duration::from_secs(60));
    for _ in 0..60 {
        starts().await.expect_status(200);
    }
    let refused = starts().await;
    let wait: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    let told = refused.expect_problem(429, "rate_limited");
    let detail = text(&told["detail"]);
    assert!(detail.contains("`sign_in_flow` is 60"), "{detail}");
    app.advance(Duration::from_secs(wait));
    starts().await.expect_status(200);
});

both_databases!(two_tabs_of_one_browser_end_as_they_began, |app| {
    const OTHER: &str = "the-verifier-of-the-other-tab-which-nobody-else-keeps";

    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let anonymous = app.anonymous();
    let mut urls = Vec::new();
    for (verifier, page) in [(VERIFIER, "/one"), (OTHER, "/two")] {
        let more = json!({ "challenge": challenge_of(verifier), "return_to": page });
        let began = start(&anonymous, &connection, more)
            .await
            .expect_status(200);
        urls.push(text(&began["authorization_url"]));
    }
    let mut tickets = Vec::new();
    for (url, sub) in urls.iter().rev().zip(["two", "one"]) {
        let back = provider.sign_in(url, (app.now(), json!({ "sub": sub, "name": sub })));
        tickets.push(ticket_of(&follow(app, &back).await));
    }
    let exchanges = async |ticket: &str, verifier: &str| {
        let body = json!({ "ticket": ticket, "verifier": verifier });
        anonymous.post("/v1/sign-in/exchange", body).await
    };
    for (ticket, verifier, name) in [(&tickets[1], VERIFIER, "one"), (&tickets[0], OTHER, "two")] {
        let came = exchanges(ticket, verifier).await.expect_status(200);
        assert_eq!(came["return_to"], format!("/{name}"));
        let me = holder(app, &came).get("/v1/me").await.expect_status(200);
        assert_eq!(me["username"], name);
    }
    // The ticket of one tab is of no use in the other.
    let began = start(&anonymous, &connection, json!({}))
        .await
        .expect_status(200);
    let url = text(&began["authorization_url"]);
    let back = provider.sign_in(&url, (app.now(), json!({ "sub": "one" })));
    let ticket = ticket_of(&follow(app, &back).await);
    let refused = exchanges(&ticket, OTHER).await;
    refused.expect_problem(401, "verifier_wrong");
});
