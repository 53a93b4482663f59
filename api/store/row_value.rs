//! `(a, b) > (x, y)`: the condition of a keyset page, and conditions that no index is to serve.
//!
//! Both databases take a comparison of row values as a condition on the index over `(a, b)`; the
//! same thing spelled with `OR` is only a filter on PostgreSQL, which reads every row before the
//! page.

use diesel::backend::Backend;
use diesel::expression::{
    AppearsOnTable, BoxableExpression, Expression, SelectableExpression, ValidGrouping,
    is_aggregate,
};
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::Bool;

use super::connection::MultiBackend;
use super::schema::memberships;
use crate::domain::members::Direction;

/// `(columns) > (values)` with this operator.
#[derive(Debug, Clone, Copy)]
pub struct RowComparison<A, B, X, Y> {
    columns: (A, B),
    values: (X, Y),
    operator: &'static str,
}

/// Rows that come after `values` in the order of `columns`.
pub fn beyond<A, B, X, Y>(
    columns: (A, B),
    (x, y): (X, Y),
    direction: Direction,
) -> RowComparison<A, B, X::Expression, Y::Expression>
where
    A: Expression,
    B: Expression,
    A::SqlType: diesel::sql_types::SqlType + diesel::expression::TypedExpressionType,
    B::SqlType: diesel::sql_types::SqlType + diesel::expression::TypedExpressionType,
    X: diesel::expression::AsExpression<A::SqlType>,
    Y: diesel::expression::AsExpression<B::SqlType>,
{
    RowComparison {
        columns,
        values: (x.as_expression(), y.as_expression()),
        operator: match direction {
            Direction::Ascending => ") > (",
            Direction::Descending => ") < (",
        },
    }
}

impl<A, B, X, Y> Expression for RowComparison<A, B, X, Y> {
    type SqlType = Bool;
}

impl<A, B, X, Y, GB> ValidGrouping<GB> for RowComparison<A, B, X, Y> {
    type IsAggregate = is_aggregate::No;
}

impl<A, B, X, Y> QueryId for RowComparison<A, B, X, Y> {
    // The operator is not part of the type, so the statement cannot be cached by it.
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<QS, A, B, X, Y> AppearsOnTable<QS> for RowComparison<A, B, X, Y>
where
    A: AppearsOnTable<QS>,
    B: AppearsOnTable<QS>,
    X: AppearsOnTable<QS>,
    Y: AppearsOnTable<QS>,
{
}

impl<QS, A, B, X, Y> SelectableExpression<QS> for RowComparison<A, B, X, Y>
where
    Self: AppearsOnTable<QS>,
    A: SelectableExpression<QS>,
    B: SelectableExpression<QS>,
    X: SelectableExpression<QS>,
    Y: SelectableExpression<QS>,
{
}

impl<DB, A, B, X, Y> QueryFragment<DB> for RowComparison<A, B, X, Y>
where
    DB: Backend,
    A: QueryFragment<DB>,
    B: QueryFragment<DB>,
    X: QueryFragment<DB>,
    Y: QueryFragment<DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("(");
        self.columns.0.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.columns.1.walk_ast(out.reborrow())?;
        out.push_sql(self.operator);
        self.values.0.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.values.1.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// Conditions that are asked of each row that another one has found, one after the other: `(condition) IS TRUE`
/// is the same and serves no index, so that the planner of neither database can prefer or reorder it.
pub struct Unindexed(
    pub Vec<Box<dyn BoxableExpression<memberships::table, MultiBackend, SqlType = Bool>>>,
);

impl Expression for Unindexed {
    type SqlType = Bool;
}

impl<GB> ValidGrouping<GB> for Unindexed {
    type IsAggregate = is_aggregate::No;
}

impl QueryId for Unindexed {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl AppearsOnTable<memberships::table> for Unindexed {}
impl SelectableExpression<memberships::table> for Unindexed {}

impl QueryFragment<MultiBackend> for Unindexed {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let Some((first, others)) = self.0.split_first() else {
            out.push_sql("true");
            return Ok(());
        };
        out.push_sql("((");
        first.walk_ast(out.reborrow())?;
        for condition in others {
            out.push_sql(") AND (");
            condition.walk_ast(out.reborrow())?;
        }
        out.push_sql(")) IS TRUE");
        Ok(())
    }
}
