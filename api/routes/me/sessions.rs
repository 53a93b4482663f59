//! One's own sessions.

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::ids::SessionId;
use crate::domain::timestamp::Timestamp;
use crate::routes::extract::{Authenticated, BeforePasswordChange, Guard as _};
use crate::routes::problem::Problem;
use crate::routes::refusals::{NoSuchSession, OpenSessionErrors, SessionErrors};
use crate::services::sessions;

/// One of the caller's sessions.
#[derive(Serialize, ToSchema)]
#[schema(examples(json!({
    "id": "01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11",
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "current": true,
    "created_at": "2026-09-01T07:30:00Z",
    "last_used_at": "2026-09-01T07:30:00Z",
    "expires_at": "2026-10-01T07:30:00Z"
})))]
pub struct MySession {
    id: SessionId,
    /// What the client called itself when it signed in.
    #[schema(max_length = 200)]
    user_agent: Option<String>,
    /// Whether this request comes from it.
    current: bool,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
}

/// The caller's active sessions.
#[derive(Serialize, ToSchema)]
pub struct MySessionList {
    #[schema(max_items = 200)]
    items: Vec<MySession>,
}

/// The session that a request is about.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SessionPath {
    /// One of the caller's sessions.
    session_id: SessionId,
}

/// List one's own sessions
///
/// The active ones, the latest used first.
#[utoipa::path(
    get,
    path = "/v1/me/sessions",
    tag = "My account",
    responses(
        (status = 200, description = "The sessions.", body = MySessionList),
        SessionErrors
    )
)]
pub(super) async fn list_my_sessions(
    request: Authenticated,
) -> Result<web::Json<MySessionList>, Problem> {
    let (current, sessions) = request
        .run(|tx, ()| {
            let current = tx.context.principal.session()?.session;
            Ok((current, sessions::list(tx)?))
        })
        .await?;
    let items = sessions
        .into_iter()
        .map(|session| MySession {
            id: session.id,
            current: session.id == current,
            user_agent: session.user_agent,
            created_at: session.created_at,
            last_used_at: session.last_used_at,
            expires_at: session.expires_at,
        })
        .collect();
    Ok(web::Json(MySessionList { items }))
}

/// Sign out everywhere
///
/// Ends every session of the caller, this one too.
#[utoipa::path(
    delete,
    path = "/v1/me/sessions",
    tag = "My account",
    responses(
        (status = 204, description = "All ended."),
        OpenSessionErrors
    )
)]
pub(super) async fn end_all_my_sessions(
    request: BeforePasswordChange,
) -> Result<HttpResponse, Problem> {
    request.change(|tx, ()| sessions::end_all(tx)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// End one of one's own sessions
///
/// Signs that device out: its refresh token stops working, and its access token with it.
#[utoipa::path(
    delete,
    path = "/v1/me/sessions/{session_id}",
    tag = "My account",
    params(SessionPath),
    responses(
        (status = 204, description = "Ended."),
        SessionErrors, NoSuchSession
    )
)]
pub(super) async fn end_my_session(
    request: Authenticated,
    path: web::Path<SessionPath>,
) -> Result<HttpResponse, Problem> {
    let session = path.session_id;
    request
        .change(move |tx, ()| sessions::end(tx, session))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}
