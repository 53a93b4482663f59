//! Single sign-on (`docs/sso.md`), against a provider of OpenID Connect on loopback.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::{Value, json};
use url::Url;

use crate::support::identity_provider::{CLIENT_ID, CLIENT_SECRET, IdentityProvider};
use crate::support::people::{Organization, PASSWORD, Person, seats_in_total, text};
use crate::support::sign_on::{
    activate, active, begin_test, by_setup_link, come, diagnosis_of, draft, exchange, follow,
    go_round, holder, last_step, path_of, start, test, test_back, ticket_of,
};
use crate::support::{App, TestResponse, both_databases};

mod apps;
mod at_once;
mod borrowed_issuers;
mod browsers;
mod carried_codes;
mod carried_invitations;
mod changes;
mod clocks;
mod confinement;
mod connections;
mod diagnoses;
mod drafts;
mod emergencies;
mod ends;
mod following;
mod hanging;
mod invitation_mails;
mod issuers;
mod kinds;
mod linking;
mod misconfigured;
mod passwords_of_others;
mod people;
mod providers;
mod races;
mod refresh;
mod requirement;
mod round_trip;
mod rule_roads;
mod rule_seats;
mod rules;
mod saml;
mod saml_encryption;
pub mod saml_flows;
mod setup_links;
mod setup_road;
mod takeovers;
mod trust;
mod waiting;
mod warning_mails;
mod words;
