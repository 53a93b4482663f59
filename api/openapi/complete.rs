//! What the generator cannot say: worked into the document when it is JSON.

use serde_json::{Map, Value, json};

use super::json::{each, part, set};

/// Completes the document.
pub fn complete(document: &mut Value) {
    each(document, &mut join_lines);
    describe_forms(document);
    add_shared_headers(document);
    empty_security(document);
    describe_cookie(document);
    let registered = "/paths/~1v1~1auth~1register/post/responses/201/links/get_me";
    set(document, registered, json!({ "operationId": "get_me" }));
    let readers = readers(document);
    for (path, operation) in posts(document) {
        link_to_reader(&path, operation, &readers);
    }
}

/// Descriptions are written in lines of the source, and read in lines of the reader's.
fn join_lines(object: &mut Map<String, Value>) {
    if let Some(Value::String(text)) = object.get_mut("description") {
        let paragraphs: Vec<String> = text.split("\n\n").map(paragraph).collect();
        *text = paragraphs.join("\n\n");
    }
}

fn paragraph(text: &str) -> String {
    let is_list = text
        .lines()
        .any(|line| line.starts_with(['-', '|', '`']) && line.len() > 1);
    if is_list && text.trim_start().starts_with(['-', '|']) {
        return text.to_owned();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Says what a form is: the derive knows JSON alone. A field that is left out is no `null`: there is none in a form. An
/// upload has no further fields, which serde would say; what other systems post may have some.
fn describe_forms(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas");
    let schemas = schemas.and_then(Value::as_object_mut).into_iter().flatten();
    for (name, form) in schemas {
        let is_upload = name.ends_with("Upload");
        if !is_upload && !name.ends_with("Form") {
            continue;
        }
        if is_upload {
            set(form, "/additionalProperties", json!(false));
        }
        let fields = form.get_mut("properties").and_then(Value::as_object_mut);
        for (_, field) in fields.into_iter().flatten() {
            take_null_away(field);
        }
    }
}

/// Leaves of a choice between `null` and something the other.
fn take_null_away(field: &mut Value) {
    let is_null = |choice: &Value| choice == "null" || part(choice, "/type") == "null";
    let choices = ["type", "oneOf"].map(|choice| field.get(choice).cloned());
    let [kinds, schemas] = choices.map(|choice| choice.unwrap_or_default());
    let other = |choices: &Value| choices.as_array()?.iter().find(|it| !is_null(it)).cloned();
    if let Some(kind) = other(&kinds) {
        set(field, "/type", kind);
    }
    if let Some(schema) = other(&schemas) {
        *field = schema;
    }
}

/// Generated clients take the choice of none alone for a credential that they have to be given.
fn empty_security(document: &mut Value) {
    each_operation(document, &mut |operation| {
        if operation.get("security") == Some(&json!([{}])) {
            set(operation, "/security", json!([]));
        }
    });
}

/// Browsers may keep the refresh token in a cookie: what takes it says so.
fn describe_cookie(document: &mut Value) {
    let scheme = json!({
        "type": "apiKey",
        "in": "cookie",
        "name": "rollcall_refresh",
        "description": "The refresh token of a browser whose session is `cookie`: `HttpOnly`, `Secure`, \
            `SameSite=Strict`, for `/v1/auth`; where the API is reached by https its name is \
            `__Host-rollcall_refresh`, for all paths. The page calls with `credentials: \"include\"`, from an \
            origin of `ROLLCALL_CORS_ORIGINS`, and reaches the API by the host name of its own site \
            (`localhost` and `127.0.0.1` are two)."
    });
    set(
        document,
        "/components/securitySchemes/refresh_cookie",
        scheme,
    );
    let by_cookie = json!({ "refresh_cookie": [] });
    for (path, security) in [
        ("~1v1~1auth~1refresh", json!([{}, by_cookie])),
        (
            "~1v1~1auth~1logout",
            json!([{}, by_cookie, { "access_token": [] }]),
        ),
    ] {
        set(document, &format!("/paths/{path}/post/security"), security);
    }
    let ended = document.pointer_mut("/paths/~1v1~1auth~1logout/post/responses/200");
    if let Some(response) = ended {
        add_header(response, "Set-Cookie", "SetCookie");
    }
}

/// The headers that are in every response which names them.
const ALWAYS_THERE: [&str; 5] = [
    "ContentDisposition",
    "Location",
    "RequestId",
    "Retry-After",
    "WWW-Authenticate",
];

/// Names the headers that responses have: the request's id everywhere, the next page of lists, the limits
/// that were met.
fn add_shared_headers(document: &mut Value) {
    let text =
        |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    let shared = [
        (
            "RequestId",
            text("The id of the request, as it is in the log."),
        ),
        (
            "Link",
            text("The next page, with `rel=\"next\"`; absent at the end."),
        ),
        ("ContentDisposition", text("The name of the file.")),
        (
            "RateLimit",
            text(
                "Of each limit, the uses that are left, `r`, and the seconds until one more, `t`.",
            ),
        ),
        (
            "RateLimitPolicy",
            text("The limits that the request met: quota `q`, which grows back in `w` seconds."),
        ),
        (
            "SetCookie",
            text(
                "The refresh token, where `session` is `cookie`; without it, and expired, after signing out.",
            ),
        ),
    ];
    for (name, header) in shared {
        set(document, &format!("/components/headers/{name}"), header);
    }
    for name in ALWAYS_THERE {
        let required = format!("/components/headers/{name}/required");
        set(document, &required, json!(true));
    }
    let pages = names_of_pages(document);
    each_operation(document, &mut |operation| {
        let Some(responses) = operation
            .get_mut("responses")
            .and_then(Value::as_object_mut)
        else {
            return;
        };
        // Where it is shared, no limit is met: the server has too much to do.
        let too_many = responses.get("429");
        let is_limited = too_many.is_some_and(|response| response.get("$ref").is_none());
        for response in responses.values_mut() {
            name_headers(response, &pages, is_limited);
        }
    });
    let shared = document.pointer_mut("/components/responses");
    let shared = shared.and_then(Value::as_object_mut).into_iter().flatten();
    shared.for_each(|(_, response)| add_header(response, "X-Request-Id", "RequestId"));
}

fn name_headers(response: &mut Value, pages: &[String], is_limited: bool) {
    if response.get("$ref").is_some() {
        return;
    }
    add_header(response, "X-Request-Id", "RequestId");
    if is_limited {
        add_header(response, "RateLimit", "RateLimit");
        add_header(response, "RateLimit-Policy", "RateLimitPolicy");
    }
    let schema = part(response, "/content/application~1json/schema/$ref").clone();
    if pages.iter().any(|page| schema == *page) {
        add_header(response, "Link", "Link");
    }
    if ["text~1csv", "image~1png"]
        .iter()
        .any(|kind| !part(response, &format!("/content/{kind}")).is_null())
    {
        add_header(response, "Content-Disposition", "ContentDisposition");
    }
    let holds_token = ["Tokens", "Registered"]
        .iter()
        .any(|name| schema == format!("#/components/schemas/{name}"));
    if holds_token {
        add_header(response, "Set-Cookie", "SetCookie");
    }
}

fn add_header(response: &mut Value, header: &str, shared: &str) {
    let shared = json!({ "$ref": format!("#/components/headers/{shared}") });
    set(response, &format!("/headers/{header}"), shared);
}

/// References to the bodies that are pages of a list.
fn names_of_pages(document: &Value) -> Vec<String> {
    let schemas = part(document, "/components/schemas").as_object();
    let pages = schemas.into_iter().flatten();
    pages
        .filter(|(_, schema)| !part(schema, "/properties/next_cursor").is_null())
        .map(|(name, _)| format!("#/components/schemas/{name}"))
        .collect()
}

/// The operations that read one thing, by their paths; of what nothing reads, those that delete it.
fn readers(document: &Value) -> Vec<(String, String)> {
    let paths = part(document, "/paths").as_object();
    let readers = paths.into_iter().flatten().filter_map(|(path, item)| {
        let reads = part(item, "/get/operationId").as_str();
        let id = reads.or_else(|| part(item, "/delete/operationId").as_str())?;
        Some((path.clone(), id.to_owned()))
    });
    readers.collect()
}

fn posts(document: &mut Value) -> Vec<(String, &mut Value)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flatten();
    items
        .filter_map(|(path, item)| Some((path.clone(), item.get_mut("post")?)))
        .collect()
}

/// Says which operation reads what was created: the path of the list, and the id of the body.
fn link_to_reader(path: &str, operation: &mut Value, readers: &[(String, String)]) {
    let path = path.trim_end_matches("/usernames");
    let of_one = |reader: &&(String, String)| {
        let below = reader
            .0
            .strip_prefix(path)
            .and_then(|rest| rest.strip_prefix("/{"));
        below.is_some_and(|rest| rest.ends_with('}') && !rest.contains('/'))
    };
    let Some((target, id)) = readers.iter().find(of_one) else {
        return;
    };
    let names: Vec<&str> = target.split(['{', '}']).skip(1).step_by(2).collect();
    let Some((last, before)) = names.split_last() else {
        return;
    };
    let mut parameters = Map::new();
    for name in before {
        parameters.insert((*name).to_owned(), json!(format!("$request.path.{name}")));
    }
    parameters.insert((*last).to_owned(), json!("$response.body#/id"));
    for status in ["201", "202"] {
        if let Some(response) = operation.pointer_mut(&format!("/responses/{status}")) {
            let link = json!({ "operationId": id, "parameters": parameters });
            set(response, &format!("/links/{id}"), link);
        }
    }
}

fn each_operation(document: &mut Value, change: &mut impl FnMut(&mut Value)) {
    let items = document.get_mut("paths").and_then(Value::as_object_mut);
    for item in items.into_iter().flatten().map(|(_, item)| item) {
        let operations = item.as_object_mut();
        operations
            .into_iter()
            .flatten()
            .for_each(|(_, operation)| change(operation));
    }
}
