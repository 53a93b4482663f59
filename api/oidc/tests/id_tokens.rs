//! ID tokens and what is wrong with them, one by one.

use super::*;

#[test]
fn a_token_that_says_what_it_has_to_is_whom_it_names() {
    let expected = expecting(Preset::Generic, &[]);
    for claims in [
        claims(),
        with(json!({ "aud": ["us"] })),
        with(json!({ "aud": ["us", "others"], "azp": "us" })),
        with(json!({ "azp": "us", "nbf": now().as_seconds() })),
        with(json!({ "exp": 1.9e9 + 0.5 })),
    ] {
        let (verified, steps) = verify(&claims, &expected);
        let verified = verified.unwrap_or_else(|_| panic!("{claims} {steps:?}"));
        assert_eq!((verified.subject(), verified.sub()), ("ada", "ada"));
        let all_hold = steps.iter().all(|step| step.result == StepResult::Ok);
        assert!(all_hold, "{steps:?}");
    }
}

#[test]
fn each_fault_of_a_token_is_refused_at_its_step() {
    let expected = expecting(Preset::Generic, &[]);
    let now = now().as_seconds();
    for (changes, name) in [
        (json!({ "iss": "https://idp.example/" }), StepName::Issuer),
        (json!({ "iss": "https://evil.example" }), StepName::Issuer),
        (json!({ "iss": [ISSUER] }), StepName::Issuer),
        (json!({ "iss": null }), StepName::Issuer),
        (json!({ "aud": "others" }), StepName::Audience),
        (json!({ "aud": ["others"] }), StepName::Audience),
        (json!({ "aud": "us2" }), StepName::Audience),
        (json!({ "aud": null }), StepName::Audience),
        (json!({ "aud": { "us": true } }), StepName::Audience),
        (
            json!({ "aud": ["us", "others"] }),
            StepName::AuthorizedParty,
        ),
        (
            json!({ "aud": ["us", "others"], "azp": "others" }),
            StepName::AuthorizedParty,
        ),
        (json!({ "azp": "others" }), StepName::AuthorizedParty),
        (json!({ "azp": 7 }), StepName::AuthorizedParty),
        (json!({ "exp": null }), StepName::Time),
        (json!({ "exp": "2027-03-01" }), StepName::Time),
        (json!({ "exp": now - 180 }), StepName::Time),
        (json!({ "exp": -1.0e300 }), StepName::Time),
        (json!({ "exp": 1.0e300 }), StepName::Time),
        (json!({ "iat": null }), StepName::Time),
        (json!({ "iat": now + 190 }), StepName::Time),
        (json!({ "nbf": now + 7200 }), StepName::Time),
        (json!({ "nbf": "soon" }), StepName::Time),
        (json!({ "nonce": null }), StepName::Nonce),
        (json!({ "nonce": "" }), StepName::Nonce),
        (json!({ "nonce": "evil" }), StepName::Nonce),
        (json!({ "sub": null }), StepName::Subject),
        (json!({ "sub": "" }), StepName::Subject),
        (json!({ "sub": 7 }), StepName::Subject),
        (json!({ "sub": "x".repeat(256) }), StepName::Subject),
    ] {
        assert_refused_at(&with(changes), &expected, name);
    }
}

#[test]
fn a_time_that_is_none_tells_nothing_of_clocks() {
    let expected = expecting(Preset::Generic, &[]);
    let now = now().as_seconds();
    for (changes, received) in [
        (json!({ "exp": 1.0e300 }), "exp 1e+300"),
        (json!({ "exp": null }), "exp nothing"),
        (json!({ "iat": "soon" }), "iat soon"),
        (json!({ "nbf": true }), "nbf true"),
    ] {
        let told = assert_refused_at(&with(changes), &expected, StepName::Time);
        assert!(told.expected.unwrap().contains("in seconds since 1970"));
        let came = told.received.unwrap();
        assert!(came.contains(received), "{came}");
        let advice = told.advice.unwrap();
        assert!(!advice.contains("clock"), "{advice}");
    }
    let milliseconds = with(json!({ "iat": now * 1000 }));
    let told = assert_refused_at(&milliseconds, &expected, StepName::Time);
    let advice = told.advice.unwrap();
    assert!(advice.contains("not in milliseconds"), "{advice}");
}

#[test]
fn clocks_may_differ_by_three_minutes_and_that_is_told() {
    let expected = expecting(Preset::Generic, &[]);
    let now = now().as_seconds();
    for (off, is_taken) in [(170, true), (190, false), (-170, true), (-190, false)] {
        // A provider whose clock is wrong, and whose tokens end when they are made.
        let at = now + off;
        let claims = with(json!({ "iat": at, "nbf": at, "exp": at }));
        let (verified, steps) = verify(&claims, &expected);
        assert_eq!(verified.is_ok(), is_taken, "{off}: {steps:?}");
        let time = steps.iter().find(|step| step.name == StepName::Time);
        let result = if is_taken {
            StepResult::Warning
        } else {
            StepResult::Failed
        };
        assert_eq!(time.unwrap().result, result, "{off}");
    }
}

#[test]
fn a_signature_is_checked_before_anything_that_a_token_says() {
    let expected = expecting(Preset::Generic, &[]);
    let told = |token: &str, keys: &[JsonWebKey], name| {
        let mut steps = Steps::default();
        assert!(id_token::verify(token, keys, &expected, &mut steps).is_err());
        assert_told(steps.as_slice(), name)
    };
    let of_other = with(json!({ "iss": "https://evil.example" }));
    let token = KEYS.sign_token(&of_other).unwrap();
    let (signed, _) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.AAAA");
    told(&forged, &public(), StepName::Signature);
    let step = told(&token, &[], StepName::Signature);
    assert!(step.received.unwrap().starts_with("the key "));
    assert!(id_token::needs_other_keys(&token, &[]));
    assert!(!id_token::needs_other_keys(&token, &public()));
    // {"alg":"none"} {}
    told("eyJhbGciOiJub25lIn0.e30.", &public(), StepName::Algorithm);
    told("opaque", &public(), StepName::Signature);
}

#[test]
fn a_tenant_is_the_one_of_the_connection() {
    let tenants = [TENANT.to_owned()];
    let entra = expecting(Preset::Entra, &tenants);
    let good = json!({ "tid": TENANT.to_uppercase(), "oid": "o-1" });
    let verified = verify(&with(good), &entra).0.unwrap();
    assert_eq!((verified.subject(), verified.sub()), ("o-1", "ada"));
    let of_consumers = "9188040d-6c67-4c5b-b112-36a304b66dad";
    for (changes, name) in [
        (json!({ "oid": "o-1" }), StepName::Tenant),
        (
            json!({ "tid": of_consumers, "oid": "o-1" }),
            StepName::Tenant,
        ),
        (json!({ "tid": TENANT }), StepName::Subject),
    ] {
        assert_refused_at(&with(changes), &entra, name);
    }
    let domains = ["school.example".to_owned(), "hill.example".to_owned()];
    let google = expecting(Preset::Google, &domains);
    let of_domain = |hd: Value| with(json!({ "hd": hd }));
    assert!(verify(&of_domain(json!("hill.example")), &google).0.is_ok());
    for hd in [json!(null), json!("evil.example"), json!(""), json!(true)] {
        assert_refused_at(&of_domain(hd), &google, StepName::Tenant);
    }
    // Nothing is proven yet.
    let none = expecting(Preset::Google, &[]);
    assert_refused_at(&of_domain(json!("")), &none, StepName::Tenant);
    let districts = ["d1".to_owned()];
    let clever = expecting(Preset::Clever, &districts);
    assert!(
        verify(&with(json!({ "district": "d1" })), &clever)
            .0
            .is_ok()
    );
    assert_refused_at(
        &with(json!({ "district": "d2" })),
        &clever,
        StepName::Tenant,
    );
    let numbers = ["2".to_owned()];
    let classlink = expecting(Preset::ClassLink, &numbers);
    for good in [
        json!({ "classLink_tenant_id": 2 }),
        json!({ "classLink_tenant_id_string": "2", "classLink_tenant_id": 2 }),
    ] {
        assert!(verify(&with(good.clone()), &classlink).0.is_ok(), "{good}");
    }
    for bad in [
        json!({}),
        json!({ "classLink_tenant_id": 21 }),
        json!({ "classLink_tenant_id": 2.5 }),
        json!({ "classLink_tenant_id_string": "3", "classLink_tenant_id": 2 }),
    ] {
        assert_refused_at(&with(bad), &classlink, StepName::Tenant);
    }
}

#[test]
fn no_step_holds_what_is_secret_or_cannot_be_read() {
    let expected = expecting(Preset::Generic, &[]);
    let nonce = "Zm9yZWlnbi1ub25jZS1vZi1zb21lYm9keS1lbHNl";
    let of_other = with(json!({ "nonce": nonce }));
    let told = assert_refused_at(&of_other, &expected, StepName::Nonce);
    assert!(!format!("{told:?}").contains(nonce));
    let issuer = format!("https://evil.example/\u{202E}\n{}", "x".repeat(5000));
    let long = with(json!({ "iss": issuer }));
    let told = assert_refused_at(&long, &expected, StepName::Issuer);
    let received = told.received.unwrap();
    assert!(received.len() < 250 && !received.contains(['\n', '\u{202E}']));
}
