//! The examples of the document do what it promises: whoever opens `/docs`, signs in and sends an operation as it is
//! filled in, succeeds.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::support::both_databases;
use crate::support::operations::{Example, Ids, Operation, operations, signed_on};
use crate::support::people::{Organization, Person, send, text};

/// What needs a secret that no example can know.
const NEED_A_SECRET: [(&str, &str); 22] = [
    ("accept_invitation", "the token of an invitation's mail"),
    ("add_setup_domain", "a setup link"),
    (
        "complete_saml_sign_in",
        "a response of an identity provider",
    ),
    ("create_setup_link", "a connection"),
    ("create_my_join_request", "an organization to join"),
    ("decline_invitation", "the token of an invitation's mail"),
    ("disown_account", "the token of a registration's mail"),
    ("exchange_ticket", "a ticket"),
    ("initiate_sign_in_by_form", "a connection"),
    ("end_provider_session", "a signed token"),
    ("link_by_code", "a link token"),
    ("link_my_identity", "a link token"),
    ("list_setup_domains", "a setup link"),
    ("preview_invitation", "the token of an invitation's mail"),
    ("preview_invite_code", "an invite code"),
    ("redeem_invite_code", "an invite code"),
    ("refresh_session", "a refresh token"),
    ("renew_invitation", "the token of an invitation's mail"),
    ("reset_password", "the token of a mail"),
    ("start_sign_in", "a connection"),
    ("update_setup", "a setup link"),
    ("verify_email", "the token of a registration's mail"),
];

/// One of everything that the operations name; the member is of staff, managed here, and has proved the mailbox.
async fn things(school: &Organization<'_>) -> Ids {
    let app = school.admin.app;
    let csv = "email,password,username\ntess@hill.example,quiet rivers 11,Tess\n";
    let import = school.import(csv, &[("account_type", "teacher")]).await;
    let import = import.expect_status(202);
    app.drain().await;
    let tess = app.sign_in("tess@hill.example", "quiet rivers 11").await;
    app.verify_email_by_reset(&tess.id);
    let group = school.new_group("Choir").await;
    school.add_to_group(&group, &[&tess.id], "member").await;
    let (domain, join_request) = school.asked_to_join().await;
    let mut ids = signed_on(school).await;
    ids.extend([
        ("organization_id", school.id.clone()),
        ("account_id", tess.id),
        ("group_id", school.id_of(&group)),
        ("import_id", text(&import["id"])),
        ("domain_id", domain),
        ("join_request_id", join_request),
        ("resource_type", "course".to_owned()),
        ("resource_id", "algebra-1".to_owned()),
    ]);
    ids
}

/// Sends an operation as it is filled in.
fn filled_in(
    operation: &Operation,
    example: &Example,
    (who, ids): (&Person<'_>, &Ids),
) -> RequestBuilder {
    let request = who.request(operation.method.clone(), &operation.path(ids));
    match example {
        Example::Query(parameters) => request.query(parameters),
        Example::Body { kind, body, .. } if kind == "application/json" => request.json(body),
        Example::Body { kind, body, .. } if kind == "multipart/form-data" => {
            request.multipart(form_of(body))
        }
        Example::Body { kind, body, query } => request
            .query(query)
            .header("content-type", kind)
            .body(text(body)),
    }
}

fn form_of(fields: &Value) -> Form {
    let fields = fields.as_object().unwrap().iter();
    fields.fold(Form::new(), |form, (name, value)| match name.as_str() {
        "file" => form.part("file", Part::text(text(value)).file_name("people.csv")),
        _ => form.text(name.clone(), text(value)),
    })
}

/// Registering comes first, and what deletes comes last: the others need what is there.
fn in_order() -> Vec<Operation> {
    let mut operations = operations();
    operations.sort_by_key(|it| {
        (
            it.id != "register_account",
            it.method == Method::DELETE,
            it.id == "delete_organization",
        )
    });
    operations
}

both_databases!(every_example_of_a_request_succeeds, |app| {
    // Examples hold for years.
    app.advance(Duration::from_secs(3 * 365 * 24 * 60 * 60));
    let school = app.school().await;
    let operator = app.operator().await;
    let ids = things(&school).await;
    let (mut sent, mut left_out) = (BTreeSet::new(), BTreeSet::new());
    for operation in in_order() {
        let id = operation.id.as_str();
        if NEED_A_SECRET.iter().any(|(needs, _)| *needs == id) {
            left_out.insert(id.to_owned());
            continue;
        }
        let examples = operation.examples();
        if examples.is_empty() {
            continue;
        }
        let who = match id {
            // Of the registration that is filled in.
            "login" | "change_password" | "logout" => {
                app.sign_in("jane.doe@school.example", "seven green ducks 7")
                    .await
            }
            "delete_me" => app.register("leaver@x.org").await,
            "set_seat_limits" | "create_app" | "list_apps" | "update_app" => operator.clone(),
            _ => school.admin.clone(),
        };
        for example in examples {
            let response = send(filled_in(&operation, example, (&who, &ids))).await;
            let is_success = response.status.is_success();
            assert!(is_success, "{id}: {example:?}: {}", response.text);
        }
        sent.insert(id.to_owned());
    }
    assert_eq!(left_out.len(), NEED_A_SECRET.len(), "{left_out:?}");
    assert!(sent.len() > 40, "{sent:?}");
});
