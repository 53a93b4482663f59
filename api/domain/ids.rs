//! The ids of things: UUIDs of version 7 (RFC 9562), which sort by the time they were made; the clock
//! makes them (`clock::new_id`).
//!
//! Each kind of thing has its own type, so that an account's id never stands where a group's is
//! asked for.

use std::fmt;

use uuid::Uuid;

/// What is said of a text that is no id.
const NO_ID: &str = "Expected an id, a UUID such as 01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11.";

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(|_| serde::de::Error::custom(NO_ID))
            }
        }

        impl $name {
            /// Some of its random digits, where a short distinct number is wanted.
            pub fn digits(self) -> u32 {
                let (_, random) = self.0.as_u64_pair();
                u32::try_from(random % 1_000_000_000).unwrap_or_default()
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .format(Some(utoipa::openapi::SchemaFormat::Custom("uuid".to_owned())))
                    .examples(["01990f3b-6c1e-7d3a-9b52-0f6f2a8d4c11"])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

ids! {
    /// An organization's.
    OrganizationId,
    /// An account's.
    AccountId,
    /// A sign-in session's.
    SessionId,
    /// A group's.
    GroupId,
    /// An import's.
    ImportId,
    /// An API key's.
    ApiKeyId,
    /// An audit event's.
    AuditEventId,
    /// An invite code's; it stays when the code is reset.
    InviteCodeId,
    /// One use of an invite code.
    InviteCodeUseId,
    /// An email invitation's: no secret, and opens nothing.
    InvitationId,
    /// An organization's email domain's.
    DomainId,
    /// That of a request to join an organization.
    JoinRequestId,
    /// A mail's in the outbox.
    MailId,
    /// A connection's to an identity provider.
    ConnectionId,
    /// An operator's app's.
    AppId,
    /// A connection's or an app's: what the address ends in that an identity provider sends people back to.
    CallbackId,
    /// A setup link's: no secret, and opens nothing.
    SetupLinkId,
    /// An identity's: a subject at a connection.
    IdentityId,
    /// A diagnosis' of one arrival, and a test's of a connection.
    DiagnosisId,
    /// What gave a member a place in a group: the id of a connection whose rules did.
    SourceId,
    /// A job's in the queue.
    JobId,
    /// What a job is about: the id of an import, a mail, a domain or an organization, as its kind says.
    JobSubject,
    /// A worker's: made at its start, so that a lease tells who holds it.
    WorkerId,
}

impl From<ConnectionId> for SourceId {
    fn from(connection: ConnectionId) -> Self {
        Self(connection.0)
    }
}

impl From<ConnectionId> for CallbackId {
    fn from(id: ConnectionId) -> Self {
        Self(id.0)
    }
}

impl From<AppId> for CallbackId {
    fn from(id: AppId) -> Self {
        Self(id.0)
    }
}
