//! Who may call an operation, written into the document from the table of permissions.

use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};

use crate::domain::api_key::Scope;
use crate::services::authentication::CredentialKind;
use crate::services::authorization::{AccessLevel, OperatorPermit, PERMISSIONS, PermissionRule};

/// Where the description of an operation says who may call it.
const REQUIRES: &str = "*Requires:*";

/// The extension that names the scope which an API key needs: tools know scopes of OAuth alone.
const SCOPE: &str = "x-scope";

/// The extension by which a handler names its permission. The document does not show it.
const PERMISSION: &str = "x-permission";

/// The security schemes with their names: one for each kind of credential.
pub fn security_schemes() -> impl Iterator<Item = (&'static str, SecurityScheme)> {
    CredentialKind::ALL
        .iter()
        .map(|kind| (kind.as_str(), scheme(*kind)))
}

fn scheme(kind: CredentialKind) -> SecurityScheme {
    let (format, description) = match kind {
        CredentialKind::AccessToken => ("JWT", "The access token that `login` gives.".to_owned()),
        CredentialKind::ApiKey => ("rck_…", describe_api_keys()),
        CredentialKind::SetupLink => (
            "rcu_…",
            "The token of a setup link: `rcu_…`. It opens what stands below `/v1/setup`, and nothing else.".to_owned(),
        ),
    };
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format(format)
        .description(Some(description));
    SecurityScheme::Http(bearer.build())
}

fn describe_api_keys() -> String {
    let scopes: Vec<String> = Scope::ALL.iter().map(|it| format!("`{it}`")).collect();
    format!(
        "An API key of one organization: `rck_…`. It needs the scope that the operation names, and \
         never does more than its creator may do at that moment. The scopes are {}.",
        scopes.join(", ")
    )
}

/// Says who may call an operation: in words, and by its security schemes. An operation that names its
/// security itself, as the anonymous ones do, stays as it is.
pub fn describe(operation: &mut Operation) {
    let name = take_permission(operation);
    let named = |rule: &&PermissionRule| name.as_deref() == Some(rule.name);
    if name.as_deref() == Some(OperatorPermit::NAME) {
        append(
            operation,
            &format!("{REQUIRES} operator. No API key does this."),
        );
        operation.security = Some(security_of(None));
    } else if let Some(rule) = PERMISSIONS.iter().find(named) {
        append(operation, &words_of(rule));
        operation.security = Some(security_of(rule.scope));
        if let Some(scope) = rule.scope {
            let named = ExtensionsBuilder::new().add(SCOPE, scope.as_str()).build();
            operation.extensions.get_or_insert_default().merge(named);
        }
    } else if operation.security == Some(vec![by(CredentialKind::SetupLink)]) {
        append(operation, &format!("{REQUIRES} a setup link."));
    } else if operation.security.is_none() {
        append(operation, &format!("{REQUIRES} a session."));
        operation.security = Some(security_of(None));
    }
}

/// The permission that the handler names; the document does not keep the name.
fn take_permission(operation: &mut Operation) -> Option<String> {
    let extensions = operation.extensions.as_mut()?;
    let name = extensions.remove(PERMISSION)?;
    if extensions.is_empty() {
        operation.extensions = None;
    }
    name.as_str().map(str::to_owned)
}

/// Ends the description with this paragraph.
fn append(operation: &mut Operation, paragraph: &str) {
    let description = operation.description.get_or_insert_default();
    if !description.is_empty() {
        description.push_str("\n\n");
    }
    description.push_str(paragraph);
}

fn words_of(rule: &PermissionRule) -> String {
    let keys = rule.scope.map_or_else(
        || "No API key does this.".to_owned(),
        |scope| format!("API keys need the scope `{scope}`."),
    );
    format!("{REQUIRES} {}. {keys}", roles(rule))
}

/// The roles of a permission, by how far it reaches for each.
fn roles(rule: &PermissionRule) -> String {
    let everything = people(
        rule,
        AccessLevel::All,
        ["admin", "staff", "student", "learner"],
    );
    let phrase = |level, reach: &str| {
        let people = people(rule, level, ["admins", "staff", "students", "learners"]);
        (!people.is_empty()).then(|| format!("{} {reach}", joined(&people, "and")))
    };
    let phrases = [
        Some(joined(&everything, "or")).filter(|words| !words.is_empty()),
        phrase(AccessLevel::ManagedGroups, "within the groups they manage"),
        phrase(AccessLevel::Own, "for what is their own"),
    ];
    let phrases: Vec<String> = phrases.into_iter().flatten().collect();
    phrases.join("; ")
}

/// Those for whom the permission reaches so far, by their names. Students and learners are one role.
fn people(
    rule: &PermissionRule,
    level: AccessLevel,
    names: [&'static str; 4],
) -> Vec<&'static str> {
    let [admin, staff, student, learner] = names;
    let levels = [
        (rule.admin, admin),
        (rule.staff, staff),
        (rule.learner, student),
        (rule.learner, learner),
        (rule.operator, "operator"),
    ];
    let reached = levels.into_iter().filter(|(reach, _)| *reach == level);
    reached.map(|(_, name)| name).collect()
}

/// `a`, `a or b`, `a, b or c`.
fn joined(words: &[&str], last: &str) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [others @ .., end] => format!("{} {last} {end}", others.join(", ")),
    }
}

fn security_of(scope: Option<Scope>) -> Vec<SecurityRequirement> {
    let is_taken = |kind: &&CredentialKind| match kind {
        CredentialKind::AccessToken => true,
        CredentialKind::ApiKey => scope.is_some(),
        CredentialKind::SetupLink => false,
    };
    let kinds = CredentialKind::ALL.iter().filter(is_taken);
    kinds.map(|kind| by(*kind)).collect()
}

fn by(kind: CredentialKind) -> SecurityRequirement {
    let none: [&str; 0] = [];
    SecurityRequirement::new(kind.as_str(), none)
}
