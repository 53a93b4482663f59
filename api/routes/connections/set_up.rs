//! What a setup link may change of its connection.

use serde::Deserialize;
use utoipa::ToSchema;

use super::requests::UpdateConnectionRequest;
use crate::domain::connections::ClientAuthentication;
use crate::domain::timestamp::Timestamp;
use crate::routes::extract::nullable;

/// What the identity provider says of itself. Absent fields stay.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(examples(json!({
    "issuer": "https://login.school.example",
    "client_id": "rollcall",
    "client_secret": "of-the-identity-provider"
})))]
pub struct SetUpConnectionRequest {
    /// Of `okta` and `generic` by OpenID Connect.
    #[schema(max_length = 1000)]
    issuer: Option<String>,
    /// Of `entra`, `clever` and `classlink` by OpenID Connect.
    #[schema(max_length = 255)]
    tenant: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    client_id: Option<String>,
    #[schema(max_length = 1000, format = Password)]
    client_secret: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    client_secret_expires_at: Option<Option<Timestamp>>,
    client_authentication: Option<ClientAuthentication>,
    /// Of `saml`.
    #[schema(max_length = 2000)]
    metadata_url: Option<String>,
    /// Of `saml`.
    #[schema(max_length = 5_242_880)]
    metadata: Option<String>,
    /// Of `saml`: the federation's certificate in PEM, together with metadata or its address; `null` for metadata that no
    /// federation signs.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 20_000)]
    metadata_signing_certificate: Option<Option<String>>,
    /// Of `saml`: the entity id, together with metadata or its address; `null` for metadata of a single identity provider.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 1000)]
    entity_id: Option<Option<String>>,
    /// Of `saml`.
    #[schema(max_length = 510)]
    subject_source: Option<String>,
}

impl From<SetUpConnectionRequest> for UpdateConnectionRequest {
    fn from(request: SetUpConnectionRequest) -> Self {
        Self {
            issuer: request.issuer,
            tenant: request.tenant,
            client_id: request.client_id,
            client_secret: request.client_secret,
            client_secret_expires_at: request.client_secret_expires_at,
            client_authentication: request.client_authentication,
            metadata_url: request.metadata_url,
            metadata: request.metadata,
            metadata_signing_certificate: request.metadata_signing_certificate,
            entity_id: request.entity_id,
            subject_source: request.subject_source,
            ..Self::default()
        }
    }
}
