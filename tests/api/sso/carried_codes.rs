//! Invite codes that a flow carries, which are used as when they are redeemed.

use rollcall::config::Config;
use rollcall::domain::limits::{Limit, Quota, QuotaSetting};

use super::*;
use crate::limits::on_both;

async fn verifies(who: &Person<'_>, email: &str) -> Value {
    let token = who.app.last_mail_to(email).await.token();
    let body = json!({ "token": token });
    let verified = who.post("/v1/auth/email/verify", body).await;
    verified.expect_status(200)
}

const WAITS: &str =
    "one that waits until the address is verified: it is limited to email domains, or makes staff";

fn mira() -> Value {
    json!({ "sub": "mira", "email": "mira@hill.example", "name": "Mira" })
}

both_databases!(
    who_is_expected_by_a_code_alone_is_no_member_before_it_takes_effect,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let maths = new_group(&school, "Maths").await;
        let to_maths = rule("name", "Mira", json!({ "group_ids": [maths] }));
        let settings = json!({ "arrivals": "expected", "rules": [to_maths] });
        set_rules(&school, &connection, settings).await;
        let code = limited(&school, "/invite-code").await;
        let by = (&provider, mira());
        let came = carry(&app.anonymous(), &connection, by, code).await;
        let came = came.expect_status(200);
        assert_eq!(came["outcome"], "waits_for_verification");
        assert_eq!(came["code_outcome"], "waits_for_verification");
        assert_eq!(came["confined_to"], Value::Null);
        let own = holder(app, &came);
        assert_eq!(memberships_of(&own).await, json!([]));
        let path = school.path("/invite-code");
        let uses = async || school.admin.get(&path).await.expect_status(200)["uses"].clone();
        assert_eq!(uses().await, 0);
        let steps = newest(&school).await["steps"].to_string();
        assert!(steps.contains(WAITS), "{steps}");
        assert!(steps.contains("none before their address"), "{steps}");
        assert!(!steps.contains("A new member"), "{steps}");

        // They come back without the code, to follow the link.
        let mails = app.mails().await.len();
        let again = come(&school, &connection, &provider, mira()).await;
        let again = again.expect_status(200);
        assert_eq!(again["outcome"], "waits_for_verification");
        assert_eq!(again["code_outcome"], Value::Null);
        assert_eq!(app.mails().await.len(), mails, "one link was mailed");
        app.advance(Duration::from_secs(60));
        let verified = verifies(&holder(app, &again), "mira@hill.example").await;
        assert_eq!(verified["joins"][0]["outcome"], "joined");
        assert_eq!(uses().await, 1);
        let memberships = memberships_of(&own).await;
        assert_eq!(memberships[0]["joined_via"], "organization_code");

        // As a member for the first time, whom the rules concern.
        app.advance(Duration::from_secs(60));
        let later = come(&school, &connection, &provider, mira()).await;
        let later = later.expect_status(200);
        assert_eq!(later["outcome"], "signed_in");
        let me = holder(app, &later).get("/v1/me").await.expect_status(200);
        assert_eq!(groups_of(&member(&school, &me["id"]).await), ["Maths"]);
    }
);

both_databases!(whom_a_connection_lets_in_waits_for_the_group_only, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let maths = new_group(&school, "Maths").await;
    let code = limited(&school, &format!("/groups/{maths}/invite-code")).await;
    let by = (&provider, mira());
    let came = carry(&app.anonymous(), &connection, by, code.clone()).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
    assert_eq!(came["code_outcome"], "waits_for_verification");
    let own = holder(app, &came);
    assert_eq!(memberships_of(&own).await[0]["joined_via"], "sso");
    let steps = newest(&school).await["steps"].to_string();
    assert!(steps.contains(WAITS), "{steps}");
    assert!(steps.contains("A new member, with a seat."), "{steps}");
    let id = own.get("/v1/me").await.expect_status(200)["id"].clone();
    assert!(groups_of(&member(&school, &id).await).is_empty());
    let verified = verifies(&own, "mira@hill.example").await;
    assert_eq!(verified["joins"][0]["outcome"], "added_to_group");
    assert_eq!(groups_of(&member(&school, &id).await), ["Maths"]);

    // A member who was never verified waits likewise.
    let bo = json!({ "sub": "bo", "email": "bo@hill.example" });
    let first = come(&school, &connection, &provider, bo.clone()).await;
    first.expect_status(200);
    let came = carry(&app.anonymous(), &connection, (&provider, bo), code).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "signed_in");
    assert_eq!(came["code_outcome"], "waits_for_verification");
    let steps = newest(&school).await["steps"].to_string();
    assert!(steps.contains(WAITS), "{steps}");
    let verified = verifies(&holder(app, &came), "bo@hill.example").await;
    assert_eq!(verified["joins"][0]["outcome"], "added_to_group");
});

both_databases!(a_code_that_is_refused_keeps_no_member_out, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let maths = new_group(&school, "Maths").await;
    let path = school.path(&format!("/groups/{maths}/invite-code"));
    let paused = school.admin.patch(&path, json!({ "paused": true })).await;
    let code = json!({ "invite_code": paused.expect_status(200)["code"] });
    // Whoever has the code learns by what to begin the sign-in that carries it.
    let preview = json!({ "code": code["invite_code"] });
    let preview = app
        .anonymous()
        .post("/v1/invite-codes/preview", preview)
        .await;
    let preview = preview.expect_status(200);
    assert_eq!(preview["connections"][0]["id"], connection["id"]);
    let carries = async || {
        let by = (&provider, mira());
        carry(&app.anonymous(), &connection, by, code.clone()).await
    };
    let refused = carries().await.expect_problem(409, "code_paused");
    assert!(text(&refused["detail"]).contains("Reference: "));
    let came = come(&school, &connection, &provider, mira()).await;
    came.expect_status(200);
    let came = carries().await.expect_status(200);
    assert_eq!(came["outcome"], "signed_in");
    assert_eq!(came["code_outcome"], Value::Null);
    let steps = newest(&school).await["steps"].to_string();
    assert!(steps.contains("This invite code is paused"), "{steps}");
    let open = school.admin.patch(&path, json!({ "paused": false })).await;
    open.expect_status(200);
    let came = carries().await.expect_status(200);
    assert_eq!(came["code_outcome"], "added_to_group");
});

both_databases!(a_code_that_makes_staff_takes_an_address, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    only_expected(&school, &connection).await;
    let staff = json!({ "default_account_type": "teacher" });
    let changed = school.admin.patch(&school.path(""), staff).await;
    changed.expect_status(200);
    let code = school.admin.get(&school.path("/invite-code")).await;
    let code = json!({ "invite_code": code.expect_status(200)["code"] });
    let carries = async |claims: Value| {
        let by = (&provider, claims);
        carry(&app.anonymous(), &connection, by, code.clone()).await
    };
    let nameless = carries(json!({ "sub": "pip", "name": "Pip" })).await;
    let refused = nameless.expect_problem(403, "email_not_verified");
    let detail = text(&refused["detail"]);
    assert!(detail.contains("no mailbox"), "{detail}");
    assert_eq!(newest(&school).await["status"], "failed");
    let came = carries(mira()).await.expect_status(200);
    assert_eq!(came["outcome"], "waits_for_verification");
    // In a domain that the organization has proven the address is believed.
    vouched(app, &school, "hill.example").await;
    let ada = json!({ "sub": "ada", "email": "ada@hill.example" });
    let came = carries(ada).await.expect_status(200);
    assert_eq!(came["outcome"], "account_created");
    assert_eq!(came["code_outcome"], "joined");
    let memberships = memberships_of(&holder(app, &came)).await;
    assert_eq!(memberships[0]["account_type"], "teacher");
});

both_databases!(who_links_by_a_mailed_code_has_shown_their_mailbox, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    only_expected(&school, &connection).await;
    let code = limited(&school, "/invite-code").await;
    app.register_unverified("mira@hill.example").await;
    let by = (&provider, mira());
    let came = carry(&app.anonymous(), &connection, by, code).await;
    let token = came.expect_status(200)["link_token"].clone();
    let body = json!({ "link_token": token });
    let anonymous = app.anonymous();
    let mailed = anonymous.post("/v1/sign-in/link-mail", body).await;
    mailed.expect_status(202);
    let typed = link_code(app, "mira@hill.example").await;
    let body = json!({ "link_token": token, "code": typed });
    let linked = anonymous.post("/v1/sign-in/link", body).await;
    let linked = linked.expect_status(200);
    assert_eq!(linked["outcome"], "linked");
    assert_eq!(linked["code_outcome"], "joined");
    linked["access_token"].as_str().expect("a session");
});

both_databases!(an_owner_who_waits_has_linked_their_account, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    only_expected(&school, &connection).await;
    let mut more = limited(&school, "/invite-code").await;
    more["purpose"] = json!("link");
    let own = app.register_unverified("mira@hill.example").await;
    let by = (&provider, mira());
    let came = carry(&own, &connection, by, more).await.expect_status(200);
    assert_eq!(came["outcome"], "waits_for_verification");
    assert_eq!(memberships_of(&own).await, json!([]));
    let verified = verifies(&own, "mira@hill.example").await;
    assert_eq!(verified["joins"][0]["outcome"], "joined");
    let came = come(&school, &connection, &provider, mira()).await;
    let came = came.expect_status(200);
    assert_eq!(came["outcome"], "signed_in");
    assert_eq!(came["confined_to"], school.id);
});

fn few_unknown_codes(config: &mut Config) {
    let quota = Quota {
        uses: 3,
        seconds: 3600,
    };
    let quota = QuotaSetting(Some(quota));
    config.limits.set(Limit::CodeClient, quota);
}

#[test]
fn unknown_codes_of_flows_are_counted_as_those_redeemed() {
    on_both(few_unknown_codes, async |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        let known = school.admin.get(&school.path("/invite-code")).await;
        let known = json!({ "invite_code": known.expect_status(200)["code"] });
        let unknown = json!({ "invite_code": "AAAAA-AAAAA" });
        let anonymous = app.anonymous();
        for number in 0..4 {
            let by = (&provider, json!({ "sub": format!("pupil-{number}") }));
            let came = carry(&anonymous, &connection, by, known.clone()).await;
            came.expect_status(200);
        }
        for _ in 0..3 {
            let by = (&provider, mira());
            let refused = carry(&anonymous, &connection, by, unknown.clone()).await;
            refused.expect_problem(404, "code_unknown");
        }
        for code in [&unknown, &known] {
            let refused = start(&anonymous, &connection, code.clone()).await;
            refused.expect_problem(429, "rate_limited");
        }
        let preview = json!({ "code": "AAAAA-AAAAA" });
        let refused = anonymous.post("/v1/invite-codes/preview", preview).await;
        refused.expect_problem(429, "rate_limited");
        // Who has no code, and what cannot be one, is not concerned; nor is who is signed in.
        let began = start(&anonymous, &connection, json!({})).await;
        began.expect_status(200);
        let mistyped = json!({ "invite_code": "7A" });
        let began = start(&anonymous, &connection, mistyped).await;
        began.expect_status(200);
        let mut link = unknown.clone();
        link["purpose"] = json!("link");
        for _ in 0..10 {
            let began = start(&school.admin, &connection, link.clone()).await;
            began.expect_status(200);
        }
        let refused = start(&school.admin, &connection, link).await;
        refused.expect_problem(429, "rate_limited");
    });
}

both_databases!(a_start_does_not_tell_whether_a_code_is_known, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let known = school.admin.get(&school.path("/invite-code")).await;
    let known = known.expect_status(200)["code"].clone();
    let ann = app.register_unverified("ann@else.example").await;
    for (who, purpose) in [
        (&app.anonymous(), "sign_in"),
        (&ann, "link"),
        (&school.admin, "link"),
    ] {
        let mut names = Vec::new();
        for code in [&known, &json!("AAAAA-AAAAA"), &json!("7A")] {
            let more = json!({ "invite_code": code, "purpose": purpose });
            let began = start(who, &connection, more).await;
            let policy = began.headers["ratelimit-policy"].to_str().unwrap();
            assert!(!policy.contains("code"), "{policy}");
            let all: Vec<_> = began.headers.keys().map(ToString::to_string).collect();
            names.push((policy.to_owned(), all));
            began.expect_status(200);
        }
        assert!(names.iter().all(|it| *it == names[0]), "{names:#?}");
    }
});
