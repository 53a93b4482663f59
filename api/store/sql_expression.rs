//! Expressions that are written in SQL, because with diesel's own a statement would be prepared anew for each number
//! of values, or at each use.

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Text};
use uuid::Uuid;

use super::Connection;
use super::connection::MultiBackend;
use super::member_order::Condition;
use crate::domain::ids::AccountId;

/// Makes a type with a `QueryFragment` an expression of any query that has its columns.
macro_rules! sql_expression {
    ($expression:ty) => {
        impl diesel::query_builder::QueryId for $expression {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }

        impl diesel::expression::Expression for $expression {
            type SqlType = diesel::sql_types::Bool;
        }

        impl<G> diesel::expression::ValidGrouping<G> for $expression {
            type IsAggregate = diesel::expression::is_aggregate::No;
        }

        impl<S> diesel::expression::AppearsOnTable<S> for $expression {}

        impl<S> diesel::expression::SelectableExpression<S> for $expression {}
    };
}
pub(super) use sql_expression;

/// That a column is one of some values, which are one value of the statement: it has the same text for any number of
/// them, so that it is prepared once. PostgreSQL reads the array in a subquery, which it does once: it reads a text anew
/// for each row that no index has chosen.
pub struct Among {
    column: &'static str,
    /// An array of PostgreSQL, or of JSON.
    values: String,
    around: (&'static str, &'static str),
}

impl Among {
    /// That a column, by its name in SQL, is one of these accounts.
    pub fn accounts(connection: &Connection, column: &'static str, ids: &[AccountId]) -> Self {
        match connection {
            Connection::Postgres(_) => Self {
                column,
                values: format!("{{{}}}", joined(ids)),
                around: (" = ANY((SELECT ", "::uuid[])::uuid[])"),
            },
            Connection::Sqlite(_) => {
                let ids = ids
                    .iter()
                    .map(|id| format!("\"{}\"", Uuid::from(*id).simple()));
                Self {
                    column,
                    values: format!("[{}]", joined(ids)),
                    around: (" IN (SELECT unhex(value) FROM json_each(", "))"),
                }
            }
        }
    }

    /// That a column, by its name in SQL, is one of these numbers.
    pub fn numbers(connection: &Connection, column: &'static str, numbers: &[i64]) -> Self {
        match connection {
            Connection::Postgres(_) => Self {
                column,
                values: format!("{{{}}}", joined(numbers)),
                around: (" = ANY((SELECT ", "::int8[])::int8[])"),
            },
            Connection::Sqlite(_) => Self {
                column,
                values: format!("[{}]", joined(numbers)),
                around: (" IN (SELECT value FROM json_each(", "))"),
            },
        }
    }
}

fn joined(values: impl IntoIterator<Item = impl ToString>) -> String {
    let values: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    values.join(",")
}

impl<DB> QueryFragment<DB> for Among
where
    DB: Backend,
    String: ToSql<Text, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let (before, behind) = self.around;
        out.push_sql(self.column);
        out.push_sql(before);
        out.push_bind_param::<Text, _>(&self.values)?;
        out.push_sql(behind);
        Ok(())
    }
}

sql_expression!(Among);

/// Conditions of memberships, in a query that joins others to them.
pub struct OfMembership(pub Vec<Condition>);

impl QueryFragment<MultiBackend> for OfMembership {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql("true");
        for condition in &self.0 {
            out.push_sql(" AND ");
            condition.walk_ast(out.reborrow())?;
        }
        Ok(())
    }
}

sql_expression!(OfMembership);

/// A condition in the words of a partial index: a database takes such an index only where the statement says its very
/// condition, and a value that is bound is not known when a statement is prepared.
#[derive(Clone, Copy)]
pub struct AsIndexed(pub &'static str);

impl QueryFragment<MultiBackend> for AsIndexed {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        out.push_sql(self.0);
        Ok(())
    }
}

sql_expression!(AsIndexed);

/// What the rows of a page are sorted by, column after column, and how many of them there are: the `ORDER BY` and the
/// `LIMIT` of a query, behind which nothing else may stand.
pub struct OrderOfPage {
    pub terms: &'static str,
    pub limit: i64,
}

impl OrderOfPage {
    /// The pages that most ask for, each with the entry behind it. PostgreSQL plans a statement anew at each use whose
    /// number of rows it does not know, which takes as long as a page of members itself; only few numbers are
    /// written out, since each is a statement that is kept.
    const USUAL_LIMITS: [i64; 3] = [51, 101, 201];
}

impl<DB> QueryFragment<DB> for OrderOfPage
where
    DB: Backend,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql(self.terms);
        out.push_sql(" LIMIT ");
        match Self::USUAL_LIMITS
            .iter()
            .find(|usual| **usual == self.limit)
        {
            Some(usual) => out.push_sql(&usual.to_string()),
            None => out.push_bind_param::<BigInt, _>(&self.limit)?,
        }
        Ok(())
    }
}

sql_expression!(OrderOfPage);
