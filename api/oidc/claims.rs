//! What a provider says of a person, in a token that was verified.

use serde_json::{Map, Value};

use crate::domain::connections::Preset;

/// The claims of a person. Only a verified token, and an answer that belongs to it, make them.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(pub(super) Map<String, Value>);

/// The address that a provider says is a person's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssertedEmail {
    /// None.
    Missing,
    Asserted(String),
    /// One, of which the provider says by this claim that it is not verified.
    Denied {
        address: String,
        by: &'static str,
    },
}

/// The claims by which providers deny an address: that of OpenID Connect, and that of Entra for addresses outside of
/// the tenant's own domains.
const DENIALS: [&str; 2] = ["email_verified", "xms_edov"];

/// The claims in which Entra names by what a person signs in there.
const SIGN_IN_NAMES: [&str; 2] = ["upn", "preferred_username"];

/// Those that deny the address, of what a provider says of somebody.
pub fn denials(claims: &Map<String, Value>) -> Map<String, Value> {
    let denying = DENIALS.into_iter().filter(|name| denies(claims, name));
    denying
        .map(|name| (name.to_owned(), Value::Bool(false)))
        .collect()
}

fn denies(claims: &Map<String, Value>, name: &str) -> bool {
    let said = claims.get(name);
    said.is_some_and(|it| !it.is_null() && !is_yes(it))
}

impl Claims {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A claim that is a text, and not an empty one.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    }

    /// The names of all claims.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The address, and whether it is denied. Names to sign in with (`preferred_username`, `upn`) are no addresses.
    pub fn email(&self) -> AssertedEmail {
        let Some(address) = self.text("email") else {
            return AssertedEmail::Missing;
        };
        let address = address.trim().to_owned();
        let denial = DENIALS.into_iter().find(|name| denies(&self.0, name));
        match denial {
            Some(by) => AssertedEmail::Denied { address, by },
            None => AssertedEmail::Asserted(address),
        }
    }

    /// Whether the person is a guest of the tenant: told to be one by `acct` (1), or at Entra by the other identity
    /// provider that they came from (`idp`, which others send of everybody), or by their name to sign in with.
    pub fn is_guest(&self, preset: Preset) -> bool {
        let preset = preset.of_issuer(self.text("iss").unwrap_or_default());
        let idp = self.get("idp").filter(|_| preset == Preset::Entra);
        let is_of_another = idp.is_some_and(|idp| Some(idp) != self.get("iss"));
        let mut names = SIGN_IN_NAMES.iter().filter_map(|name| self.text(name));
        is_of_another
            || self.get("acct").is_some_and(is_yes)
            || names.any(|name| preset.names_guest(name))
    }
}

/// Some providers write it as text or number. What is neither yes nor no is no.
fn is_yes(value: &Value) -> bool {
    match value {
        Value::Bool(value) => *value,
        Value::String(text) => ["true", "1"].contains(&text.to_ascii_lowercase().as_str()),
        Value::Number(number) => number.as_i64() == Some(1),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn guests_of_entra_are_told_by_their_other_provider_or_their_name() {
        let guest = |claims: Value, preset| {
            let Value::Object(claims) = claims else {
                return None;
            };
            Some(Claims(claims).is_guest(preset))
        };
        let iss = "https://login.microsoftonline.com/t/v2.0";
        let of_another = json!({ "iss": iss, "idp": "https://sts.windows.net/another/" });
        assert_eq!(guest(of_another.clone(), Preset::Entra), Some(true));
        assert_eq!(guest(of_another, Preset::Generic), Some(true));
        // Okta names the identity provider inside of Okta.
        let of_okta = json!({ "iss": "https://school.okta.com", "idp": "00o1" });
        assert_eq!(guest(of_okta, Preset::Okta), Some(false));
        let own = json!({ "iss": iss, "idp": iss, "acct": 0 });
        assert_eq!(guest(own, Preset::Entra), Some(false));
        for claim in SIGN_IN_NAMES {
            let named =
                json!({ "iss": iss, claim: "ann_else.example#EXT#@contoso.onmicrosoft.com" });
            assert_eq!(guest(named.clone(), Preset::Entra), Some(true), "{claim}");
            assert_eq!(guest(named, Preset::Generic), Some(true), "{claim}");
            let elsewhere =
                json!({ "iss": "https://idp.example", claim: "ann_else#EXT#@x.example" });
            assert_eq!(guest(elsewhere, Preset::Generic), Some(false), "{claim}");
            let own = json!({ "iss": iss, claim: "ann@contoso.example" });
            assert_eq!(guest(own, Preset::Entra), Some(false), "{claim}");
        }
        for acct in [json!(1), json!("1"), json!(true)] {
            let told = json!({ "iss": iss, "acct": acct });
            assert_eq!(guest(told, Preset::Generic), Some(true));
        }
    }
}
