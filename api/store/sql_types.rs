//! Column types that each database spells in its own way, and the domain's values in columns.
//!
//! | here | PostgreSQL | SQLite |
//! |---|---|---|
//! | [`Id`] | `uuid` | 16 bytes |
//! | [`UtcTimestamp`] | `timestamptz` | microseconds since 1970 |
//! | [`Document`] | `jsonb` | text |

use std::error::Error;
use std::io::Write;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, HasSqlType, SqlType, Text};
use diesel::sqlite::{Sqlite, SqliteValue};
use uuid::Uuid;

use super::connection::MultiBackend;
use crate::crypto::token::TokenKind;
use crate::domain::arrival_rules::RulesApply;
use crate::domain::audit::{ActorKind, AuditAction, SubjectType};
use crate::domain::connections::{
    AppPreset, Arrivals, ClientAuthentication, ConnectionKind, ConnectionStatus, DiagnosisStatus,
    FlowPurpose, Preset,
};
use crate::domain::domains::{DomainStatus, Joining};
use crate::domain::email_address::EmailAddress;
use crate::domain::email_domain::EmailDomain;
use crate::domain::ids::{
    AccountId, ApiKeyId, AppId, AuditEventId, CallbackId, ConnectionId, DiagnosisId, DomainId,
    GroupId, IdentityId, ImportId, InvitationId, InviteCodeId, InviteCodeUseId, JobId, JobSubject,
    JoinRequestId, MailId, OrganizationId, SessionId, SetupLinkId, SourceId, WorkerId,
};
use crate::domain::imports::{
    ImportSource, ImportStatus, OnRowError, OnSeatShortage, RowOutcome, StoredFailure,
};
use crate::domain::invitations::{InvitationKind, InvitationStatus, Note};
use crate::domain::invite_code::{CodeOutcome, InviteCode};
use crate::domain::jobs::{JobKind, Priority};
use crate::domain::join_requests::JoinRequestStatus;
use crate::domain::language::Language;
use crate::domain::mail::{MailKind, MailStatus};
use crate::domain::organization::{
    AccountType, GroupRole, JoinedVia, MembershipStatus, OrganizationKind, Role,
};
use crate::domain::password::PasswordOrigin;
use crate::domain::resource::{ResourceId, ResourceType};
use crate::domain::seats::SeatPool;
use crate::domain::slug::Slug;
use crate::domain::timestamp::Timestamp;
use crate::domain::username::Username;

/// A UUID.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(
    postgres_type(oid = 2950, array_oid = 2951),
    sqlite_type(name = "Binary")
)]
pub struct Id;

/// A moment with microsecond precision.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(
    postgres_type(oid = 1184, array_oid = 1185),
    sqlite_type(name = "Long")
)]
pub struct UtcTimestamp;

/// A JSON document.
#[derive(Debug, Clone, Copy, Default, SqlType, QueryId)]
#[diesel(
    postgres_type(oid = 3802, array_oid = 3807),
    sqlite_type(name = "Text")
)]
pub struct Document;

/// A JSON document in a column: any serde value.
#[derive(Debug, Clone, FromSqlRow, AsExpression)]
#[diesel(sql_type = Document)]
pub struct JsonColumn(pub serde_json::Value);

macro_rules! multi_sql_type {
    ($($sql_type:ty),+) => {$(
        impl HasSqlType<$sql_type> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                Self::lookup_sql_type::<$sql_type>(lookup)
            }
        }
    )+};
}

multi_sql_type!(Id, UtcTimestamp, Document);

/// What lets a value of ours stand for a column: as an expression, in a row, and on the enum of
/// both databases.
macro_rules! column_value {
    ($sql_type:ident: $($value:ty),+ $(,)?) => {$(
        impl ToSql<$sql_type, MultiBackend> for $value {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value(($sql_type, self));
                Ok(IsNull::No)
            }
        }

        impl FromSql<$sql_type, MultiBackend> for $value {
            fn from_sql(
                value: <MultiBackend as diesel::backend::Backend>::RawValue<'_>,
            ) -> deserialize::Result<Self> {
                value.from_sql::<Self, $sql_type>()
            }
        }
    )+};
}

/// The derives of diesel for a value that the domain declares.
macro_rules! expression {
    ($sql_type:ident: $($value:ty),+ $(,)?) => {$(
        const _: () = {
            use diesel::internal::derives::as_expression::Bound;
            use diesel::sql_types::Nullable;

            impl AsExpression<$sql_type> for $value {
                type Expression = Bound<$sql_type, Self>;
                fn as_expression(self) -> Self::Expression {
                    Bound::new(self)
                }
            }

            impl<'a> AsExpression<$sql_type> for &'a $value {
                type Expression = Bound<$sql_type, Self>;
                fn as_expression(self) -> Self::Expression {
                    Bound::new(self)
                }
            }

            impl AsExpression<Nullable<$sql_type>> for $value {
                type Expression = Bound<Nullable<$sql_type>, Self>;
                fn as_expression(self) -> Self::Expression {
                    Bound::new(self)
                }
            }

            impl<'a> AsExpression<Nullable<$sql_type>> for &'a $value {
                type Expression = Bound<Nullable<$sql_type>, Self>;
                fn as_expression(self) -> Self::Expression {
                    Bound::new(self)
                }
            }

            impl<DB> ToSql<Nullable<$sql_type>, DB> for $value
            where
                DB: diesel::backend::Backend,
                Self: ToSql<$sql_type, DB>,
            {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, DB>) -> serialize::Result {
                    <Self as ToSql<$sql_type, DB>>::to_sql(self, out)
                }
            }

            impl<DB> diesel::Queryable<$sql_type, DB> for $value
            where
                DB: diesel::backend::Backend,
                Self: FromSql<$sql_type, DB>,
            {
                type Row = Self;
                fn build(row: Self) -> deserialize::Result<Self> {
                    Ok(row)
                }
            }
        };
    )+};
}

macro_rules! id_columns {
    ($($id:ty),+ $(,)?) => {
        expression!(Id: $($id),+);
        column_value!(Id: $($id),+);
        $(
            impl ToSql<Id, Pg> for $id {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                    out.write_all(Uuid::from(*self).as_bytes())?;
                    Ok(IsNull::No)
                }
            }

            impl FromSql<Id, Pg> for $id {
                fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                    Ok(Uuid::from_slice(value.as_bytes())?.into())
                }
            }

            impl ToSql<Id, Sqlite> for $id {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                    out.set_value(Uuid::from(*self).as_bytes().to_vec());
                    Ok(IsNull::No)
                }
            }

            impl FromSql<Id, Sqlite> for $id {
                fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
                    let bytes = <Vec<u8> as FromSql<Binary, Sqlite>>::from_sql(value)?;
                    Ok(Uuid::from_slice(&bytes)?.into())
                }
            }
        )+
    };
}

id_columns!(
    AccountId,
    ApiKeyId,
    AuditEventId,
    AppId,
    CallbackId,
    ConnectionId,
    SetupLinkId,
    DiagnosisId,
    DomainId,
    GroupId,
    IdentityId,
    ImportId,
    InvitationId,
    InviteCodeId,
    InviteCodeUseId,
    JobId,
    JobSubject,
    JoinRequestId,
    MailId,
    OrganizationId,
    SessionId,
    SourceId,
    WorkerId,
);

/// Reads a word of a closed vocabulary back, by [`std::str::FromStr`].
macro_rules! parse {
    ($text:ty, $stored:expr) => {
        parsed($stored)
    };
}

/// Takes a value as it was stored: it was parsed before it was written, and parsing it again at each
/// read shows in a profile.
macro_rules! trust {
    ($text:ty, $stored:expr) => {
        Ok(<$text>::from_stored(str::to_owned($stored)))
    };
}

/// Values that are text in the database, and how they are read back.
macro_rules! text_columns {
    ($read:ident: $($text:ty),+ $(,)?) => {
        expression!(Text: $($text),+);
        column_value!(Text: $($text),+);
        $(
            impl ToSql<Text, Pg> for $text {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                    out.write_all(self.as_str().as_bytes())?;
                    Ok(IsNull::No)
                }
            }

            impl FromSql<Text, Pg> for $text {
                fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                    $read!($text, std::str::from_utf8(value.as_bytes())?)
                }
            }

            impl ToSql<Text, Sqlite> for $text {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
                    out.set_value(self.as_str());
                    Ok(IsNull::No)
                }
            }

            impl FromSql<Text, Sqlite> for $text {
                fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
                    $read!($text, &*<String as FromSql<Text, Sqlite>>::from_sql(value)?)
                }
            }
        )+
    };
}

fn parsed<T>(text: &str) -> deserialize::Result<T>
where
    T: std::str::FromStr<Err: Error + Send + Sync + 'static>,
{
    text.parse().map_err(Into::into)
}

text_columns!(
    parse:
    AccountType,
    AuditAction,
    ActorKind,
    AppPreset,
    Arrivals,
    ClientAuthentication,
    CodeOutcome,
    ConnectionKind,
    ConnectionStatus,
    DiagnosisStatus,
    FlowPurpose,
    DomainStatus,
    GroupRole,
    ImportSource,
    ImportStatus,
    InvitationKind,
    InvitationStatus,
    JobKind,
    JoinRequestStatus,
    JoinedVia,
    Joining,
    Language,
    MailKind,
    MailStatus,
    MembershipStatus,
    Note,
    OnRowError,
    OnSeatShortage,
    OrganizationKind,
    PasswordOrigin,
    Preset,
    Priority,
    Role,
    RowOutcome,
    RulesApply,
    SeatPool,
    StoredFailure,
    SubjectType,
    TokenKind,
);

text_columns!(
    trust:
    EmailAddress,
    EmailDomain,
    InviteCode,
    ResourceId,
    ResourceType,
    Slug,
    Username,
);

expression!(UtcTimestamp: Timestamp);
column_value!(UtcTimestamp: Timestamp);

/// PostgreSQL counts microseconds from 2000-01-01, we from 1970-01-01.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl ToSql<UtcTimestamp, Pg> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let micros = self.as_microseconds().saturating_sub(POSTGRES_EPOCH);
        out.write_all(&micros.to_be_bytes())?;
        Ok(IsNull::No)
    }
}

impl FromSql<UtcTimestamp, Pg> for Timestamp {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        let micros = i64::from_be_bytes(value.as_bytes().try_into()?);
        Ok(Self::from_microseconds(
            micros.saturating_add(POSTGRES_EPOCH),
        ))
    }
}

impl ToSql<UtcTimestamp, Sqlite> for Timestamp {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.as_microseconds());
        Ok(IsNull::No)
    }
}

impl FromSql<UtcTimestamp, Sqlite> for Timestamp {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        <i64 as FromSql<BigInt, Sqlite>>::from_sql(value).map(Self::from_microseconds)
    }
}

column_value!(Document: JsonColumn);

/// The first byte of a `jsonb` value on the wire: its version.
const JSONB_VERSION: u8 = 1;

impl ToSql<Document, Pg> for JsonColumn {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        out.write_all(&[JSONB_VERSION])?;
        serde_json::to_writer(out, &self.0)?;
        Ok(IsNull::No)
    }
}

impl FromSql<Document, Pg> for JsonColumn {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        match value.as_bytes() {
            [JSONB_VERSION, document @ ..] => Ok(Self(serde_json::from_slice(document)?)),
            _ => Err("a jsonb value of an unknown version".into()),
        }
    }
}

impl ToSql<Document, Sqlite> for JsonColumn {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<Document, Sqlite> for JsonColumn {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}
