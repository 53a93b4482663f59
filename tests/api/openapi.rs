//! The OpenAPI document: the one that is kept is the one that is served, and clients can be made of
//! it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::schema::Schemas;

const KEPT_3_0: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/rollcall-3.0.json");
const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/rollcall.json");

fn document() -> Value {
    serde_json::from_str(&rollcall::openapi::to_json().unwrap()).unwrap()
}

/// Every operation with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((format!("{} {path}", method.to_uppercase()), operation));
        }
    }
    operations
}

fn visit(value: &Value, at: &str, see: &mut dyn FnMut(&str, &Value)) {
    see(at, value);
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(key, value)| visit(value, &format!("{at}/{key}"), see)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(place, value)| visit(value, &format!("{at}/{place}"), see)),
        _ => {}
    }
}

#[test]
fn the_kept_document_is_the_one_that_is_served() {
    let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
    assert!(
        kept == rollcall::openapi::to_json().unwrap(),
        "openapi/rollcall.json differs from the handlers: look at what has changed, then run\n    \
         cargo run -- openapi --output openapi/rollcall.json"
    );
}

#[test]
fn the_kept_document_of_3_0_is_derived_from_the_other() {
    let kept = std::fs::read_to_string(KEPT_3_0).unwrap_or_default();
    assert!(
        kept == rollcall::openapi::to_json_3_0().unwrap(),
        "openapi/rollcall-3.0.json differs: look at what has changed, then run\n    \
         cargo run -- openapi --version 3.0 --output openapi/rollcall-3.0.json"
    );
}

/// What version 3.0 does not know is not in its document.
#[test]
fn the_document_of_3_0_has_nothing_of_3_1() {
    let document: Value = serde_json::from_str(&rollcall::openapi::to_json_3_0().unwrap()).unwrap();
    assert_eq!(document["openapi"], "3.0.3");
    visit(&document, "", &mut |at, value| {
        if at.contains("/example") {
            return;
        }
        assert!(
            !value["type"].is_array() || at.ends_with("/properties"),
            "{at}"
        );
        assert_ne!(value["type"], "null", "{at}");
        assert!(
            !value["examples"].is_array(),
            "examples of a schema at {at}"
        );
        for newer in ["contentMediaType", "propertyNames", "const", "webhooks"] {
            let is_field = at.ends_with("/properties");
            assert!(value.get(newer).is_none() || is_field, "{newer} at {at}");
        }
        let is_alone = value.as_object().is_none_or(|fields| fields.len() == 1);
        assert!(
            value.get("$ref").is_none() || is_alone,
            "beside $ref at {at}"
        );
    });
}

#[test]
fn descriptions_are_paragraphs_and_name_nothing_of_the_code() {
    let document = document();
    visit(&document, "", &mut |at, value| {
        let Some(text) = value.as_str().filter(|_| at.ends_with("/description")) else {
            return;
        };
        for paragraph in text.split("\n\n") {
            assert!(
                !paragraph.contains('\n') || paragraph.starts_with('-'),
                "{at}: {text}"
            );
        }
        for inner in ["routes/", "services/", ".rs`", "PRODUCT", "docs/"] {
            assert!(!text.contains(inner), "{at}: {text}");
        }
    });
}

#[test]
fn what_is_created_links_to_the_operation_that_reads_it() {
    let document = document();
    let mut linked = BTreeSet::new();
    for (name, operation) in operations(&document) {
        for status in ["201", "202"] {
            let response = &operation["responses"][status];
            let links = response["links"].as_object();
            let has_location = response["headers"].get("Location").is_some();
            assert_eq!(links.is_some(), has_location, "{name}");
            for (target, link) in links.into_iter().flatten() {
                assert_eq!(link["operationId"], *target, "{name}");
                linked.insert(target.as_str());
            }
        }
    }
    let ids = operations(&document);
    let ids: BTreeSet<&str> = ids
        .iter()
        .map(|(_, it)| text_at(it, "/operationId"))
        .collect();
    assert!(linked.is_subset(&ids), "{linked:?}");
    assert!(linked.contains("get_import"), "{linked:?}");
}

#[test]
fn every_reference_resolves() {
    let document = document();
    visit(&document, "", &mut |at, value| {
        if let Some(reference) = value.get("$ref").and_then(Value::as_str) {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} at {at}");
        }
    });
}

#[test]
fn every_operation_has_a_name_a_summary_a_tag_and_its_security() {
    let document = document();
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut ids = BTreeSet::new();
    for (name, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} is not unique");
        assert!(
            id.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
            "{id}"
        );
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!((5..=80).contains(&summary.len()), "{name}: {summary:?}");
        for tag in operation["tags"].as_array().unwrap() {
            assert!(tags.contains(tag.as_str().unwrap()), "{name}: {tag}");
        }
        let needs_session = operation["responses"].get("401").is_some();
        let security = operation["security"].as_array().unwrap();
        let takes_session = security
            .iter()
            .any(|scheme| scheme != &serde_json::json!({}));
        let is_optional = takes_session && security.contains(&serde_json::json!({}));
        let signs_in = [
            "/v1/auth/login",
            "/v1/auth/refresh",
            "/v1/sign-in/exchange",
            "/v1/sign-in/link",
        ];
        let signs_in = signs_in.iter().any(|path| name.ends_with(path));
        assert!(
            needs_session == takes_session || is_optional || signs_in,
            "{name}: security and 401 do not agree"
        );
    }
}

/// The page shows the groups of operations in this order.
#[test]
fn the_groups_of_operations_begin_with_what_somebody_new_needs() {
    let document = document();
    let tags = document["tags"].as_array().unwrap().iter();
    let names: Vec<&str> = tags.map(|tag| text_at(tag, "/name")).collect();
    assert_eq!(names[..3], ["Signing in", "Organizations", "Imports"]);
    let used: BTreeSet<&str> = operations(&document)
        .iter()
        .map(|(_, operation)| text_at(operation, "/tags/0"))
        .collect();
    assert_eq!(used, names.into_iter().collect());
}

#[test]
fn a_form_has_no_null_and_no_further_fields() {
    let document = document();
    let form = &document["components"]["schemas"]["ImportUpload"];
    assert_eq!(form["additionalProperties"], false);
    visit(&form["properties"], "", &mut |at, value| {
        assert_ne!(value, "null", "{at}");
    });
    let mode = &form["properties"]["mode"]["$ref"];
    assert_eq!(mode, "#/components/schemas/ImportMode");
    let names = &form["properties"]["usernames_from_addresses"];
    assert_eq!(names["type"], "boolean");
    // Forms of other systems may have fields that nobody here reads.
    let schema = &document["components"]["schemas"]["InitiateForm"];
    assert_eq!(schema["properties"]["login_hint"]["type"], "string");
    assert!(schema.get("additionalProperties").is_none(), "{schema}");
    let schema = &document["components"]["schemas"]["SamlResponseForm"];
    assert_eq!(schema["required"], serde_json::json!(["SAMLResponse"]));
}

/// Whoever copies an example sends, or reads, what the document promises.
#[test]
fn every_example_is_as_its_schema_says() {
    let document = document();
    let schemas = Schemas(&document);
    let mut checked = 0;
    let mut faults = Vec::new();
    let mut check = |at: &str, schema: &Value, example: &Value| {
        checked += 1;
        faults.extend(
            schemas
                .check(schema, example)
                .err()
                .map(|fault| format!("{at}: {fault}")),
        );
    };
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for example in schema["examples"].as_array().into_iter().flatten() {
            check(name, schema, example);
        }
    }
    visit(&document, "", &mut |at, value| {
        if value["schema"].is_object() && value.get("example").is_some() {
            check(at, &value["schema"], &value["example"]);
        }
        let several = value["examples"]
            .as_object()
            .filter(|_| value["schema"].is_object());
        for (_, example) in several.into_iter().flatten() {
            check(at, &value["schema"], &followed(&document, example)["value"]);
        }
    });
    assert!(checked > 500, "{checked}");
    assert!(faults.is_empty(), "{faults:#?}");
}

/// What the summary of an operation begins with.
const VERBS: [&str; 43] = [
    "Accept",
    "Activate",
    "Add",
    "Approve",
    "Ask",
    "Cancel",
    "Change",
    "Check",
    "Complete",
    "Create",
    "Deactivate",
    "Decline",
    "Delete",
    "Discard",
    "Discover",
    "Download",
    "End",
    "Exchange",
    "Get",
    "Import",
    "Invite",
    "Leave",
    "Link",
    "List",
    "Mail",
    "Pause",
    "Preview",
    "Reactivate",
    "Redeem",
    "Refresh",
    "Register",
    "Remove",
    "Renew",
    "Resend",
    "Reset",
    "Revoke",
    "Set",
    "Sign",
    "Start",
    "Test",
    "Unlink",
    "Verify",
    "Withdraw",
];

#[test]
fn every_operation_is_described_and_its_summary_begins_with_a_verb() {
    let document = document();
    for (name, operation) in operations(&document) {
        let summary = operation["summary"].as_str().unwrap();
        let verb = summary.split(' ').next().unwrap();
        assert!(VERBS.contains(&verb), "{name}: {summary}");
        let description = operation["description"].as_str().unwrap_or_default();
        let own = description.split("*Requires:*").next().unwrap().trim();
        assert!(own.ends_with('.'), "{name}: {description:?}");
    }
}

/// A client need not ask whether a field of a response is there.
#[test]
fn every_field_of_a_response_is_required() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        let is_of_requests = ["Request", "Upload", "Form"]
            .iter()
            .any(|end| name.ends_with(end));
        // What a rule gives stands in requests and responses alike.
        if is_of_requests || name == "RuleGift" {
            continue;
        }
        let parts = schema["allOf"]
            .as_array()
            .map_or(vec![schema], |parts| parts.iter().collect());
        for part in parts.iter().filter(|part| part["properties"].is_object()) {
            let required = part["required"].as_array().cloned().unwrap_or_default();
            for field in part["properties"].as_object().unwrap().keys() {
                let is_optional = name == "Problem"
                    && ["errors", "connections", "reference"].contains(&field.as_str());
                let is_required = required.iter().any(|required| required == field);
                assert!(is_required != is_optional, "{name}: {field}");
            }
        }
    }
}

#[test]
fn what_is_created_has_its_location() {
    let document = document();
    let creating: Vec<_> = operations(&document)
        .into_iter()
        .filter(|(_, operation)| operation["responses"].get("201").is_some())
        .collect();
    let names: Vec<&String> = creating.iter().map(|(name, _)| name).collect();
    assert!(names.iter().any(|it| it.ends_with("/groups")), "{names:?}");
    for (name, operation) in creating {
        let header = &operation["responses"]["201"]["headers"]["Location"]["$ref"];
        assert_eq!(header, "#/components/headers/Location", "{name}");
    }
}

#[test]
fn whatever_reads_a_body_says_how_it_refuses_one() {
    let document = document();
    let key = serde_json::json!({ "$ref": "#/components/parameters/IdempotencyKey" });
    for (name, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array();
        let takes_key = parameters.is_some_and(|parameters| parameters.contains(&key));
        // Browsers are sent on, whatever they bring.
        let is_for_browsers = operation["responses"].get("303").is_some();
        let has_own_errors = !of_another_protocol(&operation["responses"]["400"]).is_null();
        if !is_for_browsers
            && !has_own_errors
            && (takes_key || operation.get("requestBody").is_some())
        {
            for status in ["400", "413"] {
                assert!(
                    operation["responses"].get(status).is_some(),
                    "{name} lacks {status}"
                );
            }
        }
    }
}

#[test]
fn whatever_reads_a_query_says_how_it_refuses_one() {
    let document = document();
    for (name, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let has_query = parameters
            .map(|parameter| followed(&document, parameter))
            .any(|parameter| parameter["in"] == "query");
        // Browsers are sent on, whatever they bring.
        let is_for_browsers = operation["responses"].get("303").is_some();
        let refuses = operation["responses"].get("400").is_some();
        assert!(!has_query || is_for_browsers || refuses, "{name} lacks 400");
    }
}

/// What is left out is not there.
#[test]
fn no_parameter_is_null() {
    let document = document();
    for (name, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.map(|parameter| followed(&document, parameter)) {
            let schema = parameter["schema"].to_string();
            assert!(!schema.contains("\"null\""), "{name}: {parameter}");
        }
    }
}

#[test]
fn every_operation_can_succeed_and_fail() {
    let document = document();
    for (name, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        let mut successes = responses
            .iter()
            // What is for browsers only sends them on.
            .filter(|(status, _)| status.starts_with('2') || *status == "303");
        let description = successes
            .next()
            .map(|(_, response)| text_at(response, "/description"));
        assert!(description.is_some_and(|it| !it.is_empty()), "{name}");
        for status in ["500", "503"] {
            assert!(responses.contains_key(status), "{name} lacks {status}");
        }
        assert!(!responses.contains_key("default"), "{name}");
        let has_organization = name.contains("{organization_id}");
        assert!(
            !has_organization || responses.contains_key("404"),
            "{name} lacks 404"
        );
    }
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The body of a refusal by the rules of another protocol, such as back-channel logout.
fn of_another_protocol(response: &Value) -> &Value {
    &response["content"]["application/json"]
}

/// What stands here, or what is referred to.
fn followed<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(target) => document.pointer(target.trim_start_matches('#')).unwrap(),
        None => value,
    }
}

/// Clients learn from the examples which codes they can meet, and from the texts what to do.
#[test]
fn every_refusal_names_its_codes_by_examples() {
    let document = document();
    let codes = &document["components"]["schemas"]["ProblemCode"]["enum"];
    let codes: BTreeSet<&str> = codes
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    let mut listed = BTreeSet::new();
    for (name, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            if status.starts_with(['2', '3']) {
                continue;
            }
            let response = followed(&document, response);
            if !of_another_protocol(response).is_null() {
                continue;
            }
            let content = &response["content"]["application/problem+json"];
            assert_eq!(
                content["schema"]["$ref"], "#/components/schemas/Problem",
                "{name}"
            );
            let examples = content["examples"].as_object().unwrap();
            assert!(!examples.is_empty(), "{name} {status} has no example");
            for (code, example) in examples {
                let problem = &followed(&document, example)["value"];
                assert!(codes.contains(code.as_str()), "{name}: {code} is no code");
                assert_eq!(problem["code"], *code, "{name} {status}");
                assert_eq!(problem["status"].to_string(), *status, "{name} {code}");
                let description = text_at(response, "/description");
                assert!(
                    description.contains(&format!("`{code}`")),
                    "{name}: {description}"
                );
                for text in ["/title", "/detail"] {
                    assert!(
                        !text_at(problem, text).is_empty(),
                        "{name} {code}: {problem}"
                    );
                }
                listed.insert(code.as_str());
            }
        }
    }
    // No operation has this one: it is the answer to a method that there is none for.
    listed.insert("method_not_allowed");
    // These are told to browsers, in the address that they are sent to.
    listed.extend([
        "identity_provider_refused",
        "response_invalid",
        "saml_subject_transient",
        "subject_missing",
        "tenant_wrong",
    ]);
    assert_eq!(listed, codes);
}

/// A refusal's field errors point into the body, or at a parameter, that the operation has.
#[test]
fn the_examples_of_refusals_point_at_what_the_operation_takes() {
    let document = document();
    for (name, operation) in operations(&document) {
        let taken = names_of_parts(&document, operation);
        for (status, response) in operation["responses"].as_object().unwrap() {
            let content = &followed(&document, response)["content"]["application/problem+json"];
            for example in content["examples"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|it| it.1)
            {
                let problem = &followed(&document, example)["value"];
                for error in problem["errors"].as_array().into_iter().flatten() {
                    let pointer = error["pointer"].as_str().unwrap();
                    assert!(
                        taken.contains(pointer),
                        "{name} {status}: {pointer} is none of {taken:?}"
                    );
                }
            }
        }
    }
}

/// The pointers to the fields of an operation's body, and the names of its parameters.
fn names_of_parts(document: &Value, operation: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let parameter = followed(document, parameter);
        let name = parameter["name"].as_str().unwrap();
        let begin = if parameter["in"] == "query" { "?" } else { "" };
        names.insert(format!("{begin}{name}"));
    }
    for content in operation["requestBody"]["content"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|it| it.1)
    {
        let schema = &content["schema"];
        let choices = schema["oneOf"]
            .as_array()
            .into_iter()
            .flatten()
            .chain([schema]);
        for choice in choices {
            let fields = followed(document, choice)["properties"].as_object();
            names.extend(
                fields
                    .into_iter()
                    .flatten()
                    .map(|(name, _)| format!("/{name}")),
            );
        }
    }
    names
}

#[test]
fn every_operation_says_who_may_call_it() {
    let document = document();
    for (name, operation) in operations(&document) {
        assert!(operation.get("x-permission").is_none(), "{name}");
        let description = operation["description"].as_str().unwrap_or_default();
        let lines = description.matches("*Requires:*").count();
        let security = operation["security"].as_array().unwrap();
        let is_public = security.is_empty() || security.contains(&serde_json::json!({}));
        assert!(lines <= 1, "{name} says it {lines} times");
        assert!(is_public || lines == 1, "{name} does not say it");
        let takes_key = security
            .iter()
            .any(|scheme| scheme.get("api_key").is_some());
        let scope = operation.get("x-scope").and_then(Value::as_str);
        assert_eq!(takes_key, scope.is_some(), "{name}");
        if let Some(scope) = scope {
            let sentence = format!("API keys need the scope `{scope}`.");
            assert!(description.ends_with(&sentence), "{name}: {description}");
        }
    }
}

#[test]
fn what_an_operation_requires_comes_from_the_table() {
    let document = document();
    let at = |path: &str, method: &str| {
        let operation = &document["paths"][path][method];
        let description = operation["description"].as_str().unwrap();
        let (_, words) = description.split_once("*Requires:* ").unwrap();
        (words.to_owned(), operation["security"].clone())
    };
    let seats = "/v1/organizations/{organization_id}/seats";
    let session = serde_json::json!({ "access_token": [] });
    let (words, security) = at(seats, "get");
    let scope = "organization:read";
    assert_eq!(
        words,
        format!("admin or operator. API keys need the scope `{scope}`.")
    );
    assert_eq!(security, serde_json::json!([session, { "api_key": [] }]));
    let (words, security) = at(seats, "put");
    assert_eq!(words, "operator. No API key does this.");
    assert_eq!(security, serde_json::json!([session]));
}

#[test]
fn every_path_parameter_is_documented() {
    let document = document();
    for (name, operation) in operations(&document) {
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let documented: BTreeSet<String> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let in_path: BTreeSet<String> = name
            .split('{')
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap().to_owned())
            .collect();
        assert_eq!(documented, in_path, "{name}");
    }
}

#[test]
fn every_body_has_an_example() {
    let document = document();
    let has_example = |content: &Value| {
        let schema = &content["schema"];
        let reference = schema["$ref"]
            .as_str()
            .or_else(|| schema["oneOf"][0]["$ref"].as_str());
        let target = reference.and_then(|r| document.pointer(r.trim_start_matches('#')));
        content.get("example").is_some()
            || target.is_some_and(|schema| schema["examples"][0].is_object())
    };
    for (name, operation) in operations(&document) {
        let bodies = std::iter::once(&operation["requestBody"]).chain(
            operation["responses"]
                .as_object()
                .unwrap()
                .iter()
                .filter(|(status, _)| status.starts_with('2'))
                .map(|(_, response)| response),
        );
        for content in bodies.filter_map(|body| body["content"].as_object()) {
            for (kind, content) in content {
                assert!(has_example(content), "{name} {kind}: {content}");
            }
        }
    }
}

/// Generated clients make types of it: a text without a limit, a number without a range or an array
/// without a length says nothing that a client could rely on.
#[test]
fn texts_numbers_and_arrays_have_limits() {
    let document = document();
    let mut faults = Vec::new();
    visit(&document["components"]["schemas"], "", &mut |at, schema| {
        let is = |kind: &str| match &schema["type"] {
            Value::String(found) => found == kind,
            Value::Array(kinds) => kinds.iter().any(|found| found == kind),
            _ => false,
        };
        let has = |any: &[&str]| any.iter().any(|key| schema.get(key).is_some());
        if at.contains("/examples") {
            return;
        }
        if is("string") && !has(&["maxLength", "format", "pattern", "enum"]) {
            faults.push(format!("{at}: a text without limit"));
        }
        if (is("integer") || is("number"))
            && !has(&["minimum"])
            && !at.ends_with("additionalProperties")
        {
            faults.push(format!("{at}: a number without range"));
        }
        if is("array") && !has(&["maxItems"]) {
            faults.push(format!("{at}: an array without limit"));
        }
    });
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Generators name the type of a field by its schema and the field.
#[test]
fn no_schema_is_called_as_a_field_of_another() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let pascal = |field: &str| -> String {
        let words = field.split('_');
        words
            .map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]))
            .collect()
    };
    for (name, schema) in schemas {
        for (field, of) in schema["properties"].as_object().into_iter().flatten() {
            let named = format!("{name}{}", pascal(field));
            let is_own = of.get("$ref").is_some() || !schemas.contains_key(&named);
            assert!(
                is_own,
                "{named} is a schema, and the type of {name}.{field}"
            );
        }
    }
}
