//! The order of layers and files: who may import whom, and which layers may use which libraries.
//!
//! The files are read as text, with comments and strings taken out, so that the test needs no
//! compiler and tells the line.

mod sources;

use std::collections::{BTreeMap, BTreeSet};

use self::sources::{Source, mentions, sources};

/// The layers from the left to the right. A file may import its own layer and those to its right.
///
/// `telemetry` to `error` are leaves: they import `domain` and each other, nothing else, so that every
/// layer but `domain` may use them. `domain` is values only and uses nobody.
const LAYERS: [&str; 21] = [
    "main",
    "cli",
    "app",
    "openapi",
    "routes",
    "worker",
    "state",
    "services",
    "mail",
    "store",
    "saml",
    "oidc",
    "outbound",
    "crypto",
    "documents",
    "dns",
    "telemetry",
    "config",
    "clock",
    "error",
    "domain",
];

/// Libraries that belong to some layers only, by the beginning of their crates' names.
const LIBRARIES: [(&str, &[&str]); 23] = [
    ("actix", &["cli", "app", "openapi", "routes"]),
    ("scalar_api_reference", &["routes"]),
    ("diesel", &["store"]),
    ("clap", &["main", "cli"]),
    ("argon2", &["crypto"]),
    ("jsonwebtoken", &["crypto"]),
    ("ring", &["crypto"]),
    ("rsa", &["crypto"]),
    ("aes", &["crypto"]),
    ("cbc", &["crypto"]),
    ("sha1", &["crypto"]),
    ("x509_cert", &["crypto"]),
    ("roxmltree", &["saml"]),
    ("flate2", &["saml"]),
    ("qrcode", &["documents"]),
    ("png", &["documents"]),
    ("hickory_resolver", &["dns"]),
    ("lettre", &["mail"]),
    ("minijinja", &["mail"]),
    ("opentelemetry", &["telemetry"]),
    ("tracing_opentelemetry", &["telemetry"]),
    ("rustls_native_certs", &["outbound"]),
    ("ureq", &["outbound", "telemetry"]),
];

fn place(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|known| *known == layer)
}

#[track_caller]
fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}\n{}", broken.join("\n"));
}

#[test]
fn every_file_belongs_to_a_layer() {
    let outside: Vec<String> = sources()
        .iter()
        .filter(|source| place(source.layer()).is_none())
        .map(|source| format!("  {}", source.path))
        .collect();
    assert_none(
        &outside,
        "These files belong to no layer: give theirs a place in LAYERS.",
    );
}

#[test]
fn no_file_imports_a_layer_to_its_left() {
    let mut broken = Vec::new();
    for source in sources() {
        for (line, target) in source.imports() {
            let first = target.first().map_or("", String::as_str);
            let (Some(from), Some(to)) = (place(source.layer()), place(first)) else {
                continue;
            };
            if to < from {
                let (path, layer, target) = (&source.path, source.layer(), first);
                broken.push(format!("  {path}:{line}: {layer} imports {target}"));
            }
        }
    }
    let order = LAYERS.join(" → ");
    let rule = format!("A file imports its own layer and those to its right:\n  {order}");
    assert_none(&broken, &rule);
}

/// The order inside the layers that have the most files, from the highest to the lowest. A module
/// imports those behind it and never one before it.
const ORDER_INSIDE: [(&str, &[&str]); 3] = [
    (
        "services",
        &[
            "resealing",
            "imports",
            "organizations",
            "group_members",
            "groups",
            "grants",
            "access",
            "members",
            "api_keys",
            "sso",
            "join_requests",
            "domains",
            "admin_notices",
            "registration",
            "passwords",
            "disownment",
            "operators",
            "departures",
            "invitations",
            "takeover",
            "organization_deletion",
            "accounts",
            "verification",
            "invite_codes",
            "mailed_links",
            "generated_addresses",
            "seats",
            "admission",
            "offboarding",
            "invitation_ends",
            "memberships",
            "reauthentication",
            "sign_in",
            "credentials",
            "sessions",
            "known_devices",
            "known_networks",
            "limits",
            "trust",
            "audit_events",
            "health",
            "authorization",
            "sign_on_requirement",
            "confinement",
            "authentication",
            "idempotency",
            "events",
            "audit",
            "unit_of_work",
            "context",
            "limit_states",
            "work_signal",
        ],
    ),
    (
        "routes",
        &[
            "setup",
            "sso",
            "apps",
            "connections",
            "sign_in_policy",
            "setup_links",
            "auth",
            "imports",
            "domains",
            "invitations",
            "invite_codes",
            "group_members",
            "members",
            "groups",
            "grants",
            "access",
            "seats",
            "me",
            "identities",
            "join_requests",
            "organizations",
            "api_keys",
            "audit_events",
            "documentation",
            "health",
            "refusals",
            "security_headers",
            "cors",
            "middleware",
            "mounting",
            "operations",
            "documented_paths",
            "arrival",
            "rate_limit_headers",
            "password_check",
            "resources",
            "entity_tag",
            "extract",
            "page",
            "bulk",
            "names",
            "csv_file",
            "problem",
        ],
    ),
    (
        "mail",
        &[
            "preview",
            "sending",
            "send_rate",
            "message",
            "transport",
            "templates",
            "outbox",
            "mailbox_limit",
            "samples",
            "content",
            "links",
        ],
    ),
];

#[test]
fn layers_have_an_order_inside() {
    let mut broken = Vec::new();
    for source in sources() {
        let Some((layer, order)) = ORDER_INSIDE
            .iter()
            .find(|(layer, _)| *layer == source.layer())
        else {
            continue;
        };
        let Some(module) = source.module.get(1) else {
            continue;
        };
        let place = |name: &str| order.iter().position(|known| *known == name);
        let Some(from) = place(module) else {
            broken.push(format!(
                "  {}: {layer} has no place for {module}",
                source.path
            ));
            continue;
        };
        for (line, target) in source.imports() {
            if target.first().is_some_and(|first| first == layer)
                && let Some(to) = target.get(1).and_then(|target| place(target))
                && to < from
            {
                let (path, target) = (&source.path, &target[1]);
                broken.push(format!("  {path}:{line}: {module} imports {target}"));
            }
        }
    }
    assert_none(
        &broken,
        "Inside a layer a module imports those behind it in ORDER_INSIDE.",
    );
}

#[test]
fn routes_name_types_of_the_store_and_call_none_of_its_functions() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.layer() == "routes") {
        for (line, target) in source.imports() {
            let is_type = target
                .last()
                .is_some_and(|last| last.starts_with(char::is_uppercase));
            if target.first().is_some_and(|first| first == "store") && !is_type {
                broken.push(format!("  {}:{line}: {}", source.path, target.join("::")));
            }
        }
    }
    assert_none(&broken, "Queries belong to services, behind their permits.");
}

/// The name between the first of these beginnings and what ends it.
fn name_behind<'a>(code: &'a str, beginnings: &[&str], end: &str) -> Option<&'a str> {
    let rest = beginnings
        .iter()
        .find_map(|beginning| code.split_once(beginning))?
        .1;
    Some(rest.split_once(end)?.0)
}

#[test]
fn the_documented_permission_of_a_handler_is_that_of_its_guard() {
    let (mut broken, mut guarded) = (Vec::new(), 0);
    for source in sources().iter().filter(|source| source.layer() == "routes") {
        for handler in source.code.split("#[utoipa::path(").skip(1) {
            let signature = handler.split(" -> ").next().unwrap_or_default();
            let documented = name_behind(signature, &["json!("], "::NAME");
            let guards = ["InOrganization<", "InGroup<"];
            let required = name_behind(signature, &guards, ">");
            guarded += usize::from(required.is_some());
            let by_operator = signature.contains(": ByOperator");
            let required = required.or_else(|| by_operator.then_some("OperatorPermit"));
            if documented != required {
                let name = name_behind(signature, &["async fn "], "(").unwrap_or_default();
                let path = &source.path;
                broken.push(format!("  {path}: {name}: {documented:?}, {required:?}"));
            }
        }
    }
    assert!(guarded > 40, "{guarded} handlers with a permission");
    assert_none(&broken, "`x-permission` names the permission of the guard.");
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    let sources = sources();
    let reexports: Vec<BTreeMap<String, Vec<String>>> =
        sources.iter().map(Source::reexports).collect();
    let file_at = |path: &[String]| {
        let lengths = (1..=path.len()).rev();
        lengths.into_iter().find_map(|length| {
            let is_it = |source: &Source| source.module == path[..length];
            Some((sources.iter().position(is_it)?, length))
        })
    };
    let file_of = |path: &[String]| {
        let (file, length) = file_at(path)?;
        let passed_on = path.get(length).and_then(|name| reexports[file].get(name));
        passed_on
            .and_then(|target| file_at(target))
            .or(Some((file, length)))
            .map(|(file, _)| file)
    };
    let targets = |source: &Source| -> BTreeSet<usize> {
        let imports = source.imports().into_iter().map(|(_, path)| path);
        let files = imports.chain(source.paths_into_children());
        files.filter_map(|path| file_of(&path)).collect()
    };
    let graph: Vec<BTreeSet<usize>> = sources
        .iter()
        .enumerate()
        .map(|(own, source)| {
            targets(source)
                .into_iter()
                .filter(|to| *to != own)
                .collect()
        })
        .collect();
    let reach: Vec<BTreeSet<usize>> = (0..graph.len())
        .map(|from| reachable(&graph, from))
        .collect();
    let mut cycles: BTreeSet<Vec<usize>> = BTreeSet::new();
    for from in 0..graph.len() {
        let cycle: Vec<usize> = reach[from]
            .iter()
            .copied()
            .filter(|to| reach[*to].contains(&from))
            .collect();
        if cycle.len() > 1 {
            cycles.insert(cycle);
        }
    }
    let broken: Vec<String> = cycles
        .iter()
        .map(|cycle| {
            let edges = cycle.iter().flat_map(|from| {
                let inside = graph[*from].iter().filter(|to| cycle.contains(to));
                inside.map(|to| format!("\n    {} → {}", sources[*from].path, sources[*to].path))
            });
            format!("  a cycle:{}", edges.collect::<String>())
        })
        .collect();
    assert_none(&broken, "No files import each other in a cycle.");
}

/// The files that `from` leads to, itself only by a cycle.
fn reachable(graph: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(file) = open.pop() {
        for next in &graph[file] {
            if reached.insert(*next) {
                open.push(*next);
            }
        }
    }
    reached
}

#[test]
fn libraries_stay_in_their_layers() {
    let mut broken = Vec::new();
    for source in sources() {
        for (library, layers) in LIBRARIES {
            if layers.contains(&source.layer()) {
                continue;
            }
            for (number, line) in source.code.lines().enumerate() {
                if mentions(line, library) {
                    let (path, number) = (&source.path, number + 1);
                    let layers = layers.join(", ");
                    broken.push(format!("  {path}:{number}: {library} belongs to {layers}"));
                }
            }
        }
    }
    assert_none(&broken, "A library is used in its own layers only.");
}

/// The framework's own extractors: ours refuse unknown and repeated fields, and by problems.
const EXTRACTORS: [&str; 5] = ["Either", "Form", "Header", "Json", "Query"];

/// What a handler would read a body with past all of them.
const WHOLE_BODIES: [&str; 3] = ["Bytes", "Multipart", "String"];

/// The framework's extractors among a file's code: those that a handler takes, and those that the file imports by
/// name. A handler may respond with `web::Json`.
fn bypasses(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for statement in code.split("use actix_web::").skip(1) {
        let imported = &statement[..statement.find(';').unwrap_or(statement.len())];
        let words = imported.split(|c: char| !c.is_alphanumeric() && c != '_');
        found.extend(
            words
                .filter(|it| EXTRACTORS.contains(it))
                .map(str::to_owned),
        );
    }
    for method in ["get", "post", "put", "patch", "delete"] {
        for handler in code.split(&format!("#[{method}(")).skip(1) {
            let signature = handler.split(" -> ").next().unwrap_or_default();
            let taken = signature.split_once('(').map_or("", |(_, taken)| taken);
            let framework = EXTRACTORS
                .iter()
                .filter(|it| taken.contains(&format!("web::{it}")));
            let whole = WHOLE_BODIES.iter().filter(|it| {
                taken.contains(&format!(": {it}")) || taken.contains(&format!(": web::{it}"))
            });
            found.extend(framework.chain(whole).map(|it| (*it).to_owned()));
        }
    }
    found
}

#[test]
fn handlers_read_requests_by_our_own_extractors() {
    let mut broken = Vec::new();
    for source in sources() {
        let is_extractor = source.module.get(1).is_some_and(|it| it == "extract");
        if source.layer() != "routes" || is_extractor {
            continue;
        }
        let found = bypasses(&source.code);
        broken.extend(found.iter().map(|it| format!("  {}: {it}", source.path)));
        // The imports read their bodies as streams, and as strictly.
        if source.code.contains("web::Payload") && !source.path.starts_with("api/routes/imports/") {
            broken.push(format!("  {}: Payload", source.path));
        }
    }
    assert_none(
        &broken,
        "Bodies, forms and queries are read by `routes/extract`.",
    );
}

#[test]
fn errors_know_neither_http_nor_the_database() {
    let sources = sources();
    let error = sources
        .iter()
        .find(|source| source.path == "api/error.rs")
        .unwrap();
    let mut broken = Vec::new();
    for (number, line) in error.code.lines().enumerate() {
        for word in ["actix", "http", "diesel", "StatusCode"] {
            if line.contains(word) {
                broken.push(format!("  api/error.rs:{}: {word}", number + 1));
            }
        }
    }
    assert_none(
        &broken,
        "An error tells what went wrong, not how it is answered or stored.",
    );
}

/// A code that nobody gives is a promise of the document that nobody keeps.
#[test]
fn every_error_code_is_used() {
    let sources = sources();
    let definition = sources
        .iter()
        .find(|source| source.path == "api/error.rs")
        .unwrap();
    let body = definition.code.split("pub enum Code {").nth(1).unwrap();
    let codes: Vec<&str> = body[..body.find('}').unwrap()]
        .split(',')
        .map(str::trim)
        .filter(|code| !code.is_empty())
        .collect();
    assert!(codes.len() > 20, "the codes are not found: {codes:?}");
    let constructors = [
        ("ValidationFailed", "Error::invalid"),
        ("NotFound", "Error::not_found"),
        ("Forbidden", "Error::forbidden"),
        ("NotSignedIn", "Error::not_signed_in"),
        ("WrongCredentials", "Error::wrong_credentials"),
        ("AccountDeactivated", "Error::account_deactivated"),
        ("AlreadyMember", "Error::already_member"),
        ("NoSeat", "Error::no_seat"),
        ("MethodNotAllowed", "Problem::method_not_allowed"),
        ("Unavailable", "Error::unavailable"),
        ("Internal", "Error::internal"),
    ];
    let elsewhere = |text: &str| {
        sources
            .iter()
            .filter(|source| !["api/error.rs", "api/routes/problem.rs"].contains(&&*source.path))
            .any(|source| source.code.contains(text))
    };
    let unused: Vec<String> = codes
        .iter()
        .filter(|code| !elsewhere(&format!("Code::{code}")))
        .filter(|code| {
            let constructor = constructors.iter().find(|(of, _)| of == *code);
            !constructor.is_some_and(|(_, constructor)| elsewhere(constructor))
        })
        .map(|code| format!("  Code::{code}"))
        .collect();
    assert_none(
        &unused,
        "These error codes are given nowhere: use them or take them out.",
    );
}

#[test]
fn an_extractor_of_the_framework_is_seen() {
    let handler = |taken: &str| format!("#[post( )]\nasync fn f({taken}) -> web::Json<A> {{}}");
    for taken in [
        "body: web::Json<A>",
        "web::Json(body): web::Json<A>",
        "query: web::Query<A>",
        "form: web::Form<A>",
        "body: web::Bytes",
        "body: String",
        "a: A, form: Multipart",
    ] {
        let found = bypasses(&handler(taken));
        assert!(!found.is_empty(), "{taken}");
    }
    assert_eq!(bypasses("use actix_web::web::{self, Query};"), ["Query"]);
    assert_eq!(bypasses("use actix_web::{get, web::Json};"), ["Json"]);
    let ours = handler("body: Json<A>, query: Query<B>, path: web::Path<C>");
    assert!(bypasses(&ours).is_empty());
    assert!(bypasses("use actix_web::web::Bytes;").is_empty());
}
