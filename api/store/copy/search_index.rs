//! What is made of copied rows, and not copied: the members' search index, which each database has in its own
//! shape, and the count that gives memberships their numbers.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use crate::domain::grams::Grams;
use crate::domain::ids::OrganizationId;
use crate::error::Result;
use crate::store::schema::memberships;
use crate::store::{Connection, member_grams};

/// Writes the index of the memberships from behind a number to another.
pub(super) fn write(connection: &mut Connection, numbers: (i64, i64)) -> Result<()> {
    let rows = of_numbers(connection, numbers)?.into_iter();
    let mut entries: Vec<_> = rows
        .map(|(number, organization, key)| (number, Grams::of_key(organization, &key)))
        .collect();
    member_grams::write(connection, &mut entries)
}

type Indexed = (i64, OrganizationId, String);

fn of_numbers(connection: &mut Connection, (behind, to): (i64, i64)) -> Result<Vec<Indexed>> {
    let found = memberships::table
        .filter(
            memberships::number
                .gt(behind)
                .and(memberships::number.le(to)),
        )
        .select((
            memberships::number,
            memberships::organization_id,
            memberships::search_key,
        ));
    Ok(found.load(connection)?)
}

/// How many memberships, from behind a number to another, the index does not have as they are now.
pub(super) fn missing(connection: &mut Connection, (behind, to): (i64, i64)) -> Result<usize> {
    let rows = of_numbers(connection, (behind, to))?;
    let mut missing = 0;
    for (number, organization, key) in rows {
        let pattern = member_grams::pattern(connection, &Grams::of_key(organization, &key));
        let find = match connection {
            Connection::Sqlite(_) => {
                "SELECT count(*) AS count FROM member_grams WHERE rowid = ?1 AND member_grams MATCH ?2"
            }
            Connection::Postgres(_) => {
                "SELECT count(*) AS count FROM member_grams WHERE number = $1 AND grams = $2::int4[]"
            }
        };
        let find = diesel::sql_query(find).bind::<BigInt, _>(number);
        let found: Found = find.bind::<Text, _>(pattern).get_result(connection)?;
        missing += usize::from(found.count == 0);
    }
    Ok(missing)
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// Has PostgreSQL give the next membership a number that none has.
pub(super) fn count_on(connection: &mut Connection) -> Result<()> {
    match connection {
        Connection::Sqlite(_) => {}
        Connection::Postgres(postgres) => postgres.batch_execute(
            "SELECT setval(pg_get_serial_sequence('memberships', 'number'), max(number)) FROM memberships",
        )?,
    }
    Ok(())
}
