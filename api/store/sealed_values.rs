//! What is sealed in the database, by the key that it is sealed with.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool};

use super::Connection;
use super::schema::{apps, connections, identity_claims, import_rows, mails};
use crate::domain::ids::{AppId, ConnectionId, IdentityId, ImportId, MailId};
use crate::error::Result;

/// Where something is sealed.
#[derive(Clone, Copy)]
pub enum SealedPlace {
    Mails,
    ImportRows,
    Responses,
    ClientSecrets,
    Claims,
    AppSecrets,
    Tests,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = Binary)]
    beginning: Vec<u8>,
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Counts what is sealed there, by what it begins with: the id of its key.
pub fn count(connection: &mut Connection, place: SealedPlace) -> Result<Vec<(Vec<u8>, i64)>> {
    let table = match place {
        SealedPlace::Mails => "mails",
        SealedPlace::ImportRows => "import_rows",
        SealedPlace::Responses => "idempotency_keys",
        SealedPlace::ClientSecrets => "connections",
        SealedPlace::Claims => "identity_claims",
        SealedPlace::AppSecrets => "apps",
        SealedPlace::Tests => "diagnoses",
    };
    let count = format!(
        "SELECT substr(sealed, 1, 4) AS beginning, count(*) AS count FROM {table}
         WHERE sealed IS NOT NULL GROUP BY substr(sealed, 1, 4)"
    );
    let counts: Vec<Count> = diesel::sql_query(count).load(connection)?;
    Ok(counts
        .into_iter()
        .map(|count| (count.beginning, count.count))
        .collect())
}

/// Mails behind one of them that are not sealed with the key with this id, in order.
pub fn mails_of_other_keys(
    connection: &mut Connection,
    key: &[u8],
    (after, limit): (MailId, i64),
) -> Result<Vec<(MailId, Vec<u8>)>> {
    let is_of_another = sql::<Bool>("substr(sealed, 1, 4) <> ").bind::<Binary, _>(key.to_vec());
    Ok(mails::table
        .filter(mails::id.gt(after))
        .filter(mails::sealed.is_not_null())
        .filter(is_of_another)
        .order(mails::id)
        .limit(limit)
        .select((mails::id, mails::sealed.assume_not_null()))
        .load(connection)?)
}

/// Replaces what a mail says, unless it has been changed meanwhile.
pub fn replace_mail(
    connection: &mut Connection,
    id: MailId,
    (old, new): (&[u8], &[u8]),
) -> Result<bool> {
    let as_it_was = mails::table.filter(mails::id.eq(id).and(mails::sealed.eq(old)));
    let changed = diesel::update(as_it_was)
        .set(mails::sealed.eq(new))
        .execute(connection)?;
    Ok(changed > 0)
}

/// A row of an import, and what is sealed of it.
pub type SealedRow = (ImportId, i64, Vec<u8>);

/// Rows of imports behind one of them that are not sealed with the key with this id, in order.
pub fn rows_of_other_keys(
    connection: &mut Connection,
    key: &[u8],
    ((import, row), limit): ((ImportId, i64), i64),
) -> Result<Vec<SealedRow>> {
    let is_of_another = sql::<Bool>("substr(sealed, 1, 4) <> ").bind::<Binary, _>(key.to_vec());
    let in_it = import_rows::import_id
        .eq(import)
        .and(import_rows::row_number.gt(row));
    Ok(import_rows::table
        .filter(import_rows::import_id.ge(import))
        .filter(import_rows::import_id.gt(import).or(in_it))
        .filter(import_rows::sealed.is_not_null())
        .filter(is_of_another)
        .order((import_rows::import_id, import_rows::row_number))
        .limit(limit)
        .select((
            import_rows::import_id,
            import_rows::row_number,
            import_rows::sealed.assume_not_null(),
        ))
        .load(connection)?)
}

/// Replaces what is sealed of a row, unless it has been changed meanwhile.
pub fn replace_row(
    connection: &mut Connection,
    (import, row): (ImportId, i64),
    (old, new): (&[u8], &[u8]),
) -> Result<bool> {
    let as_it_was = import_rows::table.filter(
        import_rows::import_id
            .eq(import)
            .and(import_rows::row_number.eq(row))
            .and(import_rows::sealed.eq(old)),
    );
    let changed = diesel::update(as_it_was)
        .set(import_rows::sealed.eq(new))
        .execute(connection)?;
    Ok(changed > 0)
}

/// Client secrets of connections behind one of them that are not sealed with the key with this id, in order.
pub fn secrets_of_other_keys(
    connection: &mut Connection,
    key: &[u8],
    (after, limit): (ConnectionId, i64),
) -> Result<Vec<(ConnectionId, Vec<u8>)>> {
    let is_of_another = sql::<Bool>("substr(sealed, 1, 4) <> ").bind::<Binary, _>(key.to_vec());
    Ok(connections::table
        .filter(connections::id.gt(after))
        .filter(connections::sealed.is_not_null())
        .filter(is_of_another)
        .order(connections::id)
        .limit(limit)
        .select((connections::id, connections::sealed.assume_not_null()))
        .load(connection)?)
}

/// Replaces a client secret, unless it has been changed meanwhile.
pub fn replace_secret(
    connection: &mut Connection,
    id: ConnectionId,
    (old, new): (&[u8], &[u8]),
) -> Result<bool> {
    let as_it_was =
        connections::table.filter(connections::id.eq(id).and(connections::sealed.eq(old)));
    let changed = diesel::update(as_it_was)
        .set(connections::sealed.eq(new))
        .execute(connection)?;
    Ok(changed > 0)
}

/// Claims of people behind one of them that are not sealed with the key with this id, in order.
pub fn claims_of_other_keys(
    connection: &mut Connection,
    key: &[u8],
    (after, limit): (IdentityId, i64),
) -> Result<Vec<(IdentityId, Vec<u8>)>> {
    let is_of_another = sql::<Bool>("substr(sealed, 1, 4) <> ").bind::<Binary, _>(key.to_vec());
    Ok(identity_claims::table
        .filter(identity_claims::identity_id.gt(after))
        .filter(is_of_another)
        .order(identity_claims::identity_id)
        .limit(limit)
        .select((identity_claims::identity_id, identity_claims::sealed))
        .load(connection)?)
}

/// Replaces what is kept of somebody's claims, unless they have come meanwhile.
pub fn replace_claims(
    connection: &mut Connection,
    id: IdentityId,
    (old, new): (&[u8], &[u8]),
) -> Result<bool> {
    let as_it_was = identity_claims::table
        .filter(identity_claims::identity_id.eq(id))
        .filter(identity_claims::sealed.eq(old));
    let changed = diesel::update(as_it_was)
        .set(identity_claims::sealed.eq(new))
        .execute(connection)?;
    Ok(changed > 0)
}

/// Client secrets of apps behind one of them that are not sealed with the key with this id, in order.
pub fn app_secrets_of_other_keys(
    connection: &mut Connection,
    key: &[u8],
    (after, limit): (AppId, i64),
) -> Result<Vec<(AppId, Vec<u8>)>> {
    let is_of_another = sql::<Bool>("substr(sealed, 1, 4) <> ").bind::<Binary, _>(key.to_vec());
    Ok(apps::table
        .filter(apps::id.gt(after))
        .filter(apps::sealed.is_not_null())
        .filter(is_of_another)
        .order(apps::id)
        .limit(limit)
        .select((apps::id, apps::sealed.assume_not_null()))
        .load(connection)?)
}

/// Replaces the client secret of an app, unless it has been changed meanwhile.
pub fn replace_app_secret(
    connection: &mut Connection,
    id: AppId,
    (old, new): (&[u8], &[u8]),
) -> Result<bool> {
    let as_it_was = apps::table.filter(apps::id.eq(id).and(apps::sealed.eq(old)));
    let changed = diesel::update(as_it_was)
        .set(apps::sealed.eq(new))
        .execute(connection)?;
    Ok(changed > 0)
}
