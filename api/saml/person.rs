//! What identity providers call the address and the name of a person: each has its own words for them.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::domain::connections::Preset;
use crate::saml::assertion::{Attribute, NameId, VerifiedAssertion};

/// The format of a `NameID` that is an address.
const EMAIL_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// Attributes that hold an address: of eduPerson (`mail`), of Microsoft, and as people name them by hand.
const EMAIL: [&str; 6] = [
    "urn:oid:0.9.2342.19200300.100.1.3",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "mail",
    "email",
    "emailAddress",
    "Email",
];

/// Attributes that hold a name as people read it.
const DISPLAY_NAME: [&str; 5] = [
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "displayName",
    "urn:oid:2.5.4.3",
    "cn",
];

/// What others send a name in, and Entra one to sign in with: it counts where there is no other, and it is no address.
const SIGN_IN_NAME: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name";
const UPN: &str = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";

/// By which identity provider somebody came into a tenant of Entra: its own by its entity id, another for guests.
const IDENTITY_PROVIDER: &str = "http://schemas.microsoft.com/identity/claims/identityprovider";

const GIVEN_NAME: [&str; 5] = [
    "urn:oid:2.5.4.42",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname",
    "givenName",
    "firstName",
    "first_name",
];

const SURNAME: [&str; 6] = [
    "urn:oid:2.5.4.4",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname",
    "sn",
    "surname",
    "lastName",
    "last_name",
];

impl VerifiedAssertion {
    /// The addresses that the identity provider asserts, each once: of the first attribute that has any, else the name
    /// itself where it is one. Which of several is the person's nobody can tell: directories keep them in no order, and
    /// some have those of offices among them.
    pub fn emails(&self) -> Vec<&str> {
        let named = self.name_id();
        let as_name = named.filter(|name| name.format.as_deref() == Some(EMAIL_FORMAT));
        let as_name = as_name.map(|name| name.value.trim());
        let of_attributes = EMAIL.iter().map(|name| self.filled(name));
        let mut found: Vec<&str> = of_attributes
            .chain([as_name.into_iter().collect()])
            .find(|values| !values.is_empty())
            .unwrap_or_default();
        let mut seen = HashSet::new();
        found.retain(|address| seen.insert(address.to_lowercase()));
        found
    }

    /// What the person is called.
    pub fn display_name(&self) -> Option<String> {
        if let Some(name) = self.first_of(&DISPLAY_NAME) {
            return Some(name.to_owned());
        }
        let parts = [self.first_of(&GIVEN_NAME), self.first_of(&SURNAME)];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        if !parts.is_empty() {
            return Some(parts.join(" "));
        }
        let name = self.first_of(&[SIGN_IN_NAME]);
        name.filter(|name| !name.contains('@')).map(str::to_owned)
    }

    fn first_of(&self, names: &[&str]) -> Option<&str> {
        let mut values = names.iter().flat_map(|name| self.filled(name));
        values.next()
    }

    /// The values of an attribute that are no blanks.
    fn filled(&self, name: &str) -> Vec<&str> {
        let values = self.values(name).into_iter().map(str::trim);
        values.filter(|value| !value.is_empty()).collect()
    }

    /// All that came, by names of attributes; `name_id` and its format beside them.
    pub fn claims(&self) -> Map<String, Value> {
        claims_of(self.name_id(), self.attributes())
    }

    /// Whether the person is a guest of the tenant, as Entra tells: by the other identity provider that they came from, or
    /// by what it makes of their name to sign in with.
    pub fn is_guest(&self, preset: Preset) -> bool {
        let preset = preset.of_issuer(self.issuer());
        if preset != Preset::Entra {
            return false;
        }
        let came_from = self.first_of(&[IDENTITY_PROVIDER]);
        let is_of_another = came_from.is_some_and(|provider| provider != self.issuer());
        let names = [self.first_of(&[SIGN_IN_NAME]), self.first_of(&[UPN])];
        let name_id = self.name_id().map(|name| name.value.as_str());
        let mut names = names.into_iter().chain([name_id]).flatten();
        is_of_another || names.any(|name| preset.names_guest(name))
    }
}

/// Leaves no address in what was said of a person but this one, by OpenID Connect (`email`) as well.
pub fn leave_address(claims: &mut Map<String, Value>, address: Option<&str>) {
    let is_it = |value: &Value| {
        let text = value.as_str().map(str::trim);
        text.is_some() && text == address
    };
    for name in EMAIL {
        if let Some(Value::Array(values)) = claims.get_mut(name) {
            values.retain(is_it);
        }
        let is_left = claims.get(name).is_some_and(|value| match value {
            Value::Array(values) => !values.is_empty(),
            value => is_it(value),
        });
        if !is_left {
            claims.remove(name);
        }
    }
    let is_address = claims.get("name_id_format").and_then(Value::as_str) == Some(EMAIL_FORMAT);
    if is_address && !claims.get("name_id").is_some_and(is_it) {
        claims.remove("name_id");
    }
}

/// What was said of a person, by names of attributes; `name_id` and its format beside them.
pub(super) fn claims_of(name_id: Option<&NameId>, attributes: &[Attribute]) -> Map<String, Value> {
    let mut claims = Map::new();
    if let Some(name) = name_id {
        claims.insert("name_id".to_owned(), name.value.clone().into());
        claims.insert("name_id_format".to_owned(), name.format.clone().into());
    }
    for attribute in attributes {
        let values = claims
            .entry(attribute.name.clone())
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.extend(attribute.values.iter().cloned().map(Value::from));
        }
    }
    claims
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_address_is_left_of_several() {
        let said = json!({
            "mail": ["own@x.example", " head@hill.example "], "email": "other@x.example", "Email": ["head@hill.example"],
            "emailAddress": 7, "groups": ["head@hill.example"],
            "name_id": "own@x.example", "name_id_format": EMAIL_FORMAT,
        });
        let left = |address: Option<&str>| {
            let mut claims = said.as_object().unwrap().clone();
            leave_address(&mut claims, address);
            Value::Object(claims)
        };
        let expected = json!({
            "mail": ["own@x.example"], "groups": ["head@hill.example"],
            "name_id": "own@x.example", "name_id_format": EMAIL_FORMAT,
        });
        assert_eq!(left(Some("own@x.example")), expected);
        let none = json!({ "groups": ["head@hill.example"], "name_id_format": EMAIL_FORMAT });
        assert_eq!(left(None), none);
    }
}
