//! Rules on the ways that people come by: SAML, claims of every form, sign-ins while others of theirs are open.

use super::saml_flows::*;
use super::*;
use crate::saml::provider::assertion_of;

/// An assertion with an attribute of several values.
fn with_groups(name: &str, values: &[&str]) -> String {
    let values: String = values
        .iter()
        .map(|it| format!("<saml:AttributeValue>{it}</saml:AttributeValue>"))
        .collect();
    let attribute = format!(
        r#"<saml:Attribute Name="groups">{values}</saml:Attribute></saml:AttributeStatement>"#
    );
    assertion_of("_a55e", name).replace("</saml:AttributeStatement>", &attribute)
}

both_databases!(
    an_attribute_with_several_values_gives_type_and_groups,
    |app| {
        let school = app.school().await;
        vouched(app, &school, "example.org").await;
        let connection = saml_active(&school).await;
        let (staff, maths) = (
            new_group(&school, "Staff").await,
            new_group(&school, "Maths").await,
        );
        let rules = json!([
            rule(
                "groups",
                "Teachers",
                json!({ "account_type": "teacher", "group_ids": [staff] })
            ),
            rule("groups", "Maths", json!({ "group_ids": [maths] })),
        ]);
        let always = json!({ "rules": rules, "apply": "always" });
        set_rules(&school, &connection, always).await;
        let come_in = async |values: &[&str]| {
            let end = come_with(app, &connection, &with_groups("ada@example.org", values)).await;
            let came = exchange(app, &ticket_of(&end)).await.expect_status(200);
            let me = holder(app, &came).get("/v1/me").await.expect_status(200);
            member(&school, &me["id"]).await
        };
        let ada = come_in(&["Maths", "Former Teachers", "Teachers"]).await;
        assert_eq!(ada["account_type"], "teacher");
        assert_eq!(groups_of(&ada), ["Staff"]);
        // `equals` is no part of a name.
        let ada = come_in(&["Former Teachers", "Maths"]).await;
        assert_eq!(groups_of(&ada), ["Maths"]);
        let ada = come_in(&[]).await;
        assert!(groups_of(&ada).is_empty(), "{ada:#}");
        assert_eq!(ada["account_type"], "teacher", "no rule lowers it");
    }
);

both_databases!(each_operator_compares_each_value, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let group = new_group(&school, "Matched").await;
    for (number, (claim, is, value, claims, holds)) in [
        (
            "email",
            "ends_with",
            "@staff.example",
            json!({ "email": "a@staff.example" }),
            true,
        ),
        (
            "email",
            "ends_with",
            "@staff.example",
            json!({ "email": "b@staff.example.org" }),
            false,
        ),
        (
            "dept",
            "starts_with",
            "Sci",
            json!({ "dept": ["Arts", "Science"] }),
            true,
        ),
        (
            "dept",
            "starts_with",
            "Sci",
            json!({ "dept": "Computer Science" }),
            false,
        ),
        (
            "dept",
            "starts_with",
            "sci",
            json!({ "dept": "Science" }),
            false,
        ),
        (
            "role",
            "contains",
            "Teach",
            json!({ "role": "Former Teachers" }),
            true,
        ),
        (
            "role",
            "contains",
            "Teach",
            json!({ "role": ["Te", "ach"] }),
            false,
        ),
        (
            "realm.roles",
            "equals",
            "staff",
            json!({ "realm": { "roles": ["x", "staff"] } }),
            true,
        ),
        (
            "realm.roles",
            "equals",
            "staff",
            json!({ "realm.roles": "staff" }),
            true,
        ),
        (
            "realm.roles",
            "equals",
            "staff",
            json!({ "realm": "staff" }),
            false,
        ),
        ("sub", "starts_with", "", json!({}), true),
    ]
    .into_iter()
    .enumerate()
    {
        let when = json!({ "claim": claim, "is": is, "value": value });
        let rules = json!([{ "when": when, "then": { "group_ids": [group] } }]);
        set_rules(&school, &connection, json!({ "rules": rules })).await;
        let mut all = json!({ "sub": format!("person-{number}") });
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        let person = comes(&school, &connection, (&provider, all.clone())).await;
        let expected: &[&str] = if holds { &["Matched"] } else { &[] };
        assert_eq!(groups_of(&person), expected, "{when} of {all}");
    }
});

both_databases!(who_becomes_staff_by_a_rule_is_signed_out_elsewhere, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let rules = json!([rule(
        "role",
        "teacher",
        json!({ "account_type": "teacher" })
    )]);
    let always = json!({ "rules": rules, "apply": "always" });
    set_rules(&school, &connection, always).await;
    let as_role = async |role: &str| {
        let claims = json!({ "sub": "ida", "role": role });
        let came = come(&school, &connection, &provider, claims).await;
        holder(app, &came.expect_status(200))
    };
    let as_pupil = as_role("pupil").await;
    as_pupil.get("/v1/me").await.expect_status(200);
    let raised = as_role("teacher").await;
    as_pupil
        .get("/v1/me")
        .await
        .expect_problem(401, "not_signed_in");
    let me = raised.get("/v1/me").await.expect_status(200);
    assert_eq!(member(&school, &me["id"]).await["account_type"], "teacher");
    // Who is staff already keeps their sessions.
    as_role("teacher").await;
    raised.get("/v1/me").await.expect_status(200);
});

both_databases!(a_preview_tells_what_really_would_change, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let choir = new_group(&school, "Choir").await;
    let give = json!([rule("role", "pupil", json!({ "group_ids": [choir] }))]);
    set_rules(&school, &connection, json!({ "rules": give })).await;
    let mut ids = Vec::new();
    for sub in ["out", "gone", "new"] {
        let claims = json!({ "sub": sub, "name": sub, "role": "pupil" });
        let person = comes(&school, &connection, (&provider, claims)).await;
        ids.push(text(&person["account_id"]));
    }
    // One was taken out by hand, one is no active member any more, and an admin is nobody whom a rule lowers.
    let out = school.path(&format!("/groups/{choir}/members/remove"));
    let out = school
        .admin
        .post(&out, json!({ "account_ids": [ids[0]] }))
        .await;
    out.expect_status(200);
    school.deactivate(&school.path_of(&ids[1])).await;
    let claims = json!({ "sub": "root", "role": "lowered" });
    let as_whom = (&provider, claims);
    let more = json!({ "purpose": "link" });
    let end = go_round(&school.admin, &connection, as_whom, more).await;
    exchange(app, &ticket_of(&end)).await.expect_status(200);
    let other = new_group(&school, "Other").await;
    let rules = json!([
        rule("role", "pupil", json!({ "group_ids": [choir] })),
        rule("role", "lowered", json!({ "account_type": "student" })),
    ]);
    let shown = preview(&school, &connection, json!({ "rules": rules })).await;
    let shown = shown.expect_status(200);
    assert_eq!(shown["people_checked"], 3, "{shown:#}");
    assert_eq!(shown["people_changed"], 0, "{shown:#}");
    let rules = json!([rule("role", "pupil", json!({ "group_ids": [other] }))]);
    let shown = preview(&school, &connection, json!({ "rules": rules })).await;
    let shown = shown.expect_status(200);
    let names: Vec<String> = shown["people"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["username"]))
        .collect();
    assert_eq!(names, ["out", "new"], "{shown:#}");
    assert_eq!(shown["people"][1]["now"]["groups"][0]["name"], "Choir");
    assert_eq!(shown["people"][1]["then"]["groups"][0]["name"], "Other");
});

both_databases!(claims_that_are_too_large_take_the_older_ones_away, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let checked = async || {
        let shown = preview(&school, &connection, json!({})).await;
        shown.expect_status(200)["people_checked"].clone()
    };
    let come_with = async |groups: Vec<String>| {
        let claims = json!({ "sub": "ida", "groups": groups });
        let came = come(&school, &connection, &provider, claims).await;
        came.expect_status(200);
    };
    come_with(vec!["a".to_owned()]).await;
    assert_eq!(checked().await, 1);
    come_with(vec!["g".repeat(100); 700]).await;
    assert_eq!(checked().await, 0);
    come_with(vec!["a".to_owned()]).await;
    assert_eq!(checked().await, 1);
});
