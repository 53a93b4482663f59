//! Codes as their managers see them.

use std::time::Duration;

use actix_web::HttpResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::documents::qr_code::QrCode;
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::AccountId;
use crate::domain::invite_code::{CodeOutcome, CodeStatus};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, FieldError, Result};
use crate::mail::Links;
use crate::routes::extract::nullable;
use crate::routes::extract::reading::read_query;
use crate::routes::page::page_body;
use crate::routes::problem::problems;
use crate::routes::refusals::refusal_of;
use crate::services::invite_codes::below_uses;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::invite_code_uses::NamedUse;
use crate::store::invite_codes::{CodeChanges, StoredCode};

/// An invite code.
#[derive(Serialize, ToSchema)]
#[schema(as = InviteCode, examples(json!({
    "code": "ABCDE-FGHJK",
    "join_url": "https://app.school.example/join?code=ABCDE-FGHJK",
    "status": "open",
    "uses": 12,
    "max_uses": 30,
    "expires_at": "2026-09-01T08:00:00Z",
    "allowed_email_domains": ["school.example"],
    "paused": false,
    "issued_at": "2026-08-15T10:00:00Z"
})))]
pub struct InviteCodeBody {
    /// To be typed in any case, with or without the dash.
    #[schema(pattern = "^[A-HJKMNP-TV-Z2-9]{5}-[A-HJKMNP-TV-Z2-9]{5}$")]
    code: String,
    /// The app's page that joins by it.
    #[schema(max_length = 2000, format = "uri")]
    join_url: String,
    /// Whether it lets anybody in: `paused` says no whatever else it is.
    status: CodeStatus,
    /// How many people it has let in since it was made.
    #[schema(minimum = 0)]
    uses: i64,
    /// How many it lets in; `null`: any number.
    #[schema(minimum = 1)]
    max_uses: Option<i64>,
    /// From when on it lets nobody in; `null`: never.
    expires_at: Option<Timestamp>,
    /// The only domains whose addresses it lets in; empty: any.
    #[schema(max_items = 50)]
    allowed_email_domains: Vec<EmailDomain>,
    paused: bool,
    /// When it took the place of the one before: whom an admin removed since, it does not let in.
    issued_at: Timestamp,
}

impl InviteCodeBody {
    /// The code as it is now.
    pub fn of(tx: &UnitOfWork<'_>, code: &StoredCode) -> Result<Self> {
        let shown = code.code.to_string();
        Ok(Self {
            join_url: tx.services.outbox.links.join(&shown),
            code: shown,
            status: code.status(tx.now()),
            uses: code.uses,
            max_uses: code.max_uses,
            expires_at: code.expires_at,
            allowed_email_domains: code.allowed_email_domains()?,
            paused: code.paused,
            issued_at: code.issued_at,
        })
    }
}

/// Somebody's use of an invite code.
#[derive(Serialize, ToSchema)]
#[schema(as = InviteCodeUse, examples(json!({
    "account_id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "username": "Jane Doe",
    "email": "jane.doe@school.example",
    "outcome": "joined",
    "code": "ABCDE-FGHJK",
    "used_at": "2026-09-01T07:30:00Z"
})))]
pub struct InviteCodeUseBody {
    account_id: AccountId,
    #[schema(min_length = 1, max_length = 100)]
    username: String,
    #[schema(max_length = 254)]
    email: String,
    outcome: CodeOutcome,
    /// The code as it was then.
    #[schema(pattern = "^[A-HJKMNP-TV-Z2-9]{5}-[A-HJKMNP-TV-Z2-9]{5}$")]
    code: String,
    used_at: Timestamp,
}

impl From<NamedUse> for InviteCodeUseBody {
    fn from((one, username, email): NamedUse) -> Self {
        Self {
            account_id: one.account_id,
            username: username.to_string(),
            email: email.to_string(),
            outcome: one.outcome,
            code: one.code.to_string(),
            used_at: one.used_at,
        }
    }
}

page_body! {
    /// A page of an invite code's uses.
    InviteCodeUsePage of InviteCodeUseBody
}

/// What to change of an invite code: absent fields stay, `null` lifts a limit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(
    json!({ "open_for_minutes": 15, "max_uses": 30 }),
    json!({ "paused": true }),
    json!({ "expires_at": null, "allowed_email_domains": ["school.example"] })
))]
pub struct UpdateInviteCodeRequest {
    /// How many people it lets in, those included that it has let in already.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 10000000)]
    max_uses: Option<Option<i64>>,
    /// When it ends, which has to be ahead.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Timestamp>)]
    expires_at: Option<Option<Timestamp>>,
    /// The only domains whose addresses it lets in, once they are verified. A domain stands for
    /// itself and not for those below it.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<EmailDomain>>, max_items = 50)]
    allowed_email_domains: Option<Option<Vec<String>>>,
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<bool>)]
    paused: Option<Option<bool>>,
    /// Opens it from now on for so many minutes: it is not paused any more, and ends then. Excludes
    /// `expires_at`.
    #[schema(minimum = 1, maximum = 43200)]
    open_for_minutes: Option<i64>,
}

const USES: std::ops::RangeInclusive<i64> = 1..=10_000_000;
const MINUTES: std::ops::RangeInclusive<i64> = 1..=43_200;
const MAX_DOMAINS: usize = 50;

impl UpdateInviteCodeRequest {
    /// What is to change, seen from `now`.
    ///
    /// # Errors
    /// `validation_failed`, naming every field at fault.
    pub fn into_changes(self, now: Timestamp) -> Result<CodeChanges> {
        let mut faults = Vec::new();
        let mut changes = CodeChanges::default();
        changes.max_uses = self.max_uses;
        changes.expires_at = self.expires_at;
        changes.paused = self.paused.map(|paused| paused.unwrap_or(false));
        if self
            .max_uses
            .flatten()
            .is_some_and(|most| !USES.contains(&most))
        {
            let detail = "A code has at least 1 and at most 10,000,000 uses.";
            faults.push(FieldError::new("/max_uses", "out_of_range", detail));
        }
        if self.expires_at.flatten().is_some_and(|end| end <= now) {
            let detail = "This time has passed. To close the code now, set `paused` to true.";
            faults.push(FieldError::new("/expires_at", "in_the_past", detail));
        }
        if let Some(texts) = self.allowed_email_domains {
            let domains = domains(&texts.unwrap_or_default(), &mut faults);
            changes.limit_to(&domains)?;
        }
        if let Some(minutes) = self.open_for_minutes {
            open_for(minutes, &mut changes, now, &mut faults);
        }
        if faults.is_empty() {
            return Ok(changes);
        }
        Err(Error::invalid_fields(faults))
    }
}

fn open_for(minutes: i64, changes: &mut CodeChanges, now: Timestamp, faults: &mut Vec<FieldError>) {
    let mut refuse = |code: &'static str, detail: &'static str| {
        faults.push(FieldError::new("/open_for_minutes", code, detail));
    };
    if !MINUTES.contains(&minutes) {
        refuse(
            "out_of_range",
            "A code is opened for 1 minute to 43,200, which are 30 days.",
        );
    }
    if changes.expires_at.is_some() {
        refuse("excludes_expires_at", "Give either this or `expires_at`.");
    }
    if changes.paused == Some(true) {
        refuse(
            "excludes_paused",
            "A code that is to be open cannot be paused.",
        );
    }
    let span = Duration::from_secs(u64::try_from(minutes).unwrap_or(0).saturating_mul(60));
    changes.expires_at = Some(Some(now.plus(span)));
    changes.paused = Some(false);
}

/// Each once, in the order they were given in.
fn domains(texts: &[String], faults: &mut Vec<FieldError>) -> Vec<EmailDomain> {
    if texts.len() > MAX_DOMAINS {
        let detail = "A code is limited to at most 50 domains.";
        faults.push(FieldError::new(
            "/allowed_email_domains",
            "too_many",
            detail,
        ));
        return Vec::new();
    }
    let mut domains = Vec::new();
    for (place, text) in texts.iter().enumerate() {
        match EmailDomain::parse(text) {
            Ok(domain) if domains.contains(&domain) => {}
            Ok(domain) => domains.push(domain),
            Err(reason) => {
                let pointer = format!("/allowed_email_domains/{place}");
                faults.push(FieldError::new(
                    pointer,
                    "domain_invalid",
                    reason.of_domain(),
                ));
            }
        }
    }
    domains
}

/// As which picture a QR code is wanted.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QrFormat {
    #[default]
    Svg,
    Png,
}

/// Which picture.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QrQuery {
    /// `svg`, which can be of any size, or `png`, large enough to print.
    #[serde(default)]
    #[param(inline)]
    pub format: QrFormat,
}

/// The QR code of a code's link.
pub fn picture(code: &StoredCode, links: &Links, format: QrFormat) -> Result<HttpResponse> {
    let shown = code.code.to_string();
    let qr = QrCode::of(&links.join(&shown)).map_err(Error::internal)?;
    let (kind, ending, file) = match format {
        QrFormat::Svg => ("image/svg+xml", "svg", qr.to_svg().as_bytes().to_vec()),
        QrFormat::Png => ("image/png", "png", qr.to_png().map_err(Error::internal)?),
    };
    let disposition = format!("inline; filename=\"invite-code-{shown}.{ending}\"");
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header(("Content-Disposition", disposition))
        .body(file))
}

/// A picture of a code's link.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "what the document says of bytes")]
pub struct QrPicture(Vec<u8>);

problems! {
    /// Of changing a code.
    CodeLimitErrors: below_uses;
    /// Of a picture.
    PictureErrors: wrong_format;
}

fn wrong_format() -> Error {
    refusal_of(read_query::<QrQuery>("format=gif"))
}
