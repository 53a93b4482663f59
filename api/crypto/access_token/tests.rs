//! Tokens that hold, and those that do not.

use super::*;
use crate::clock::{Clock, new_id};

fn keys(pem: &str) -> SigningKeys {
    ring_provider::install();
    SigningKeys {
        issuer: "https://rollcall.example".to_owned(),
        keys: signing_keys(pem).unwrap(),
        verified: VerifiedTokens::new(),
    }
}

#[test]
fn a_token_holds_for_fifteen_minutes() {
    let keys = keys(&make().unwrap());
    let (account, session, now) = (
        new_id::<AccountId>(),
        new_id::<SessionId>(),
        Clock::system().now(),
    );
    let token = keys.sign(account, session, now).unwrap();
    let claims = keys.verify(&token, now).unwrap();
    assert_eq!((claims.sub, claims.sid), (account, session));
    assert!(
        keys.verify(&token, now.plus(LIFETIME - Duration::from_secs(1)))
            .is_some()
    );
    assert!(keys.verify(&token, now.plus(LIFETIME)).is_none());
}

#[test]
fn a_foreign_or_changed_token_is_none() {
    let ours = keys(&make().unwrap());
    let now = Clock::system().now();
    let token = ours
        .sign(new_id::<AccountId>(), new_id::<SessionId>(), now)
        .unwrap();
    assert!(keys(&make().unwrap()).verify(&token, now).is_none());
    assert!(ours.verify(&format!("{token}x"), now).is_none());
    assert!(ours.verify("nonsense", now).is_none());
    let unsigned = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"JWT"}"#),
        token.split('.').nth(1).unwrap()
    );
    assert!(ours.verify(&unsigned, now).is_none());
}

#[test]
fn an_older_key_still_verifies() {
    let (old, new) = (make().unwrap(), make().unwrap());
    let now = Clock::system().now();
    let token = keys(&old)
        .sign(new_id::<AccountId>(), new_id::<SessionId>(), now)
        .unwrap();
    let both = keys(&format!("{new}{old}"));
    assert!(both.verify(&token, now).is_some());
    assert_eq!(both.public().keys.len(), 2);
}

#[test]
fn the_thumbprint_is_that_of_rfc_8037() {
    let public = URL_SAFE_NO_PAD
        .decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
        .unwrap();
    assert_eq!(
        thumbprint(&public),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}
