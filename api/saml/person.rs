//! What identity providers call the address and the name of a person: each has its own words for them.

use serde_json::{Map, Value};

use crate::saml::assertion::VerifiedAssertion;

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

/// Attributes that hold a name as people read it. That which Microsoft calls `name` is a name to sign in with.
const DISPLAY_NAME: [&str; 5] = [
    "urn:oid:2.16.840.1.113730.3.1.241",
    "http://schemas.microsoft.com/identity/claims/displayname",
    "displayName",
    "urn:oid:2.5.4.3",
    "cn",
];

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
    /// The address that the identity provider asserts: of an attribute, else the name itself where it is one.
    pub fn email(&self) -> Option<&str> {
        let named = self.name_id();
        let as_name = named.filter(|name| name.format.as_deref() == Some(EMAIL_FORMAT));
        self.first_of(&EMAIL)
            .or_else(|| as_name.map(|name| name.value.trim()))
    }

    /// What the person is called.
    pub fn display_name(&self) -> Option<String> {
        if let Some(name) = self.first_of(&DISPLAY_NAME) {
            return Some(name.to_owned());
        }
        let parts = [self.first_of(&GIVEN_NAME), self.first_of(&SURNAME)];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    fn first_of(&self, names: &[&str]) -> Option<&str> {
        let values = names.iter().flat_map(|name| self.values(name));
        values.map(str::trim).find(|value| !value.is_empty())
    }

    /// All that came, by names of attributes; `name_id` and its format beside them.
    pub fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        if let Some(name) = self.name_id() {
            claims.insert("name_id".to_owned(), name.value.clone().into());
            claims.insert("name_id_format".to_owned(), name.format.clone().into());
        }
        for attribute in self.attributes() {
            let values = claims
                .entry(attribute.name.clone())
                .or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(values) = values {
                values.extend(attribute.values.iter().cloned().map(Value::from));
            }
        }
        claims
    }
}
