//! What a provider says of people.

use super::super::claims::{AssertedEmail, Claims};
use super::super::userinfo;
use super::*;

fn of(claims: &Value) -> Claims {
    Claims(claims.as_object().unwrap().clone())
}

#[test]
fn more_is_believed_only_of_the_same_person() {
    let claims = with(json!({ "email": "ada@school.example" }));
    let token = verify(&claims, &expecting(Preset::Generic, &[])).0.unwrap();
    let merge = |body: &str| {
        let mut steps = Steps::default();
        let merged = userinfo::merge(&token, &answered(200, body), &mut steps);
        (merged, steps.into_vec())
    };
    let (merged, _) = merge(r#"{"sub":"ada","name":"Ada","email":"eve@evil.example"}"#);
    let merged = merged.unwrap();
    assert_eq!(merged.text("name"), Some("Ada"));
    assert_eq!(merged.text("email"), Some("ada@school.example"));
    for body in [r#"{"sub":"eve"}"#, "{}", "eyJhbGciOiJSUzI1NiJ9.e30.AA"] {
        let (merged, steps) = merge(body);
        assert!(merged.is_err());
        assert_told(&steps, StepName::Subject);
    }
}

#[test]
fn an_address_is_asserted_unless_it_is_denied() {
    let address = || "ada@school.example".to_owned();
    let asserted = || AssertedEmail::Asserted(address());
    let denied = |by| AssertedEmail::Denied {
        address: address(),
        by,
    };
    for (more, expected) in [
        (json!({}), asserted()),
        (
            json!({ "email_verified": true, "xms_edov": "1" }),
            asserted(),
        ),
        (json!({ "email_verified": null }), asserted()),
        (json!({ "email_verified": false }), denied("email_verified")),
        (
            json!({ "email_verified": "False" }),
            denied("email_verified"),
        ),
        (
            json!({ "email_verified": true, "xms_edov": false }),
            denied("xms_edov"),
        ),
        (json!({ "xms_edov": "0" }), denied("xms_edov")),
        (json!({ "xms_edov": 0 }), denied("xms_edov")),
        (json!({ "email": "" }), AssertedEmail::Missing),
        (json!({ "email": ["a@b.example"] }), AssertedEmail::Missing),
    ] {
        let mut claims = json!({ "email": address(), "upn": "eve@school.example" });
        let all = claims.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        assert_eq!(of(&claims).email(), expected, "{claims}");
    }
}
