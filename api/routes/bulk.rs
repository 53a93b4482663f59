//! Calls on many people or resources at once: how many may be named, and how each ended.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// The most people, or resources, that one call names.
const MAX_NAMED: usize = 500;

/// Refuses a list that names nobody and nothing, or too many.
///
/// # Errors
/// `validation_failed`.
pub fn refuse_wrong_number<T>(pointer: &'static str, named: &[T]) -> Result<()> {
    refuse_more_than(MAX_NAMED, pointer, named)?;
    if named.is_empty() {
        return Err(Error::invalid(pointer, "missing", "Name at least one."));
    }
    Ok(())
}

/// Refuses a list that is too long.
///
/// # Errors
/// `validation_failed`.
pub fn refuse_more_than<T>(most: usize, pointer: &'static str, named: &[T]) -> Result<()> {
    if named.len() <= most {
        return Ok(());
    }
    let detail = format!("At most {most} at a time; {} are too many.", named.len());
    Err(Error::invalid(pointer, "too_many", detail))
}

/// How many ended how.
pub fn summary<O: Ord>(outcomes: impl Iterator<Item = O>) -> BTreeMap<O, u32> {
    let mut summary = BTreeMap::new();
    for outcome in outcomes {
        *summary.entry(outcome).or_insert(0) += 1;
    }
    summary
}

/// Declares the response to one such call: how each person ended, and how many ended how.
macro_rules! outcomes_body {
    ($(#[$meta:meta])* $name:ident, $(#[$item_meta:meta])* $item:ident of $outcome:ty) => {
        #[derive(serde::Serialize, utoipa::ToSchema)]
        $(#[$item_meta])*
        pub struct $item {
            account_id: $crate::domain::ids::AccountId,
            outcome: $outcome,
        }

        #[derive(serde::Serialize, utoipa::ToSchema)]
        $(#[$meta])*
        pub struct $name {
            /// In the order in which they were named.
            #[schema(max_items = 500)]
            results: Vec<$item>,
            /// How many ended how.
            summary: std::collections::BTreeMap<$outcome, u32>,
        }

        impl From<Vec<($crate::domain::ids::AccountId, $outcome)>> for $name {
            fn from(outcomes: Vec<($crate::domain::ids::AccountId, $outcome)>) -> Self {
                let summary = outcomes.iter().map(|(_, outcome)| *outcome);
                let summary = $crate::routes::bulk::summary(summary);
                let results = outcomes
                    .into_iter()
                    .map(|(account_id, outcome)| $item { account_id, outcome })
                    .collect();
                Self { results, summary }
            }
        }
    };
}
pub(crate) use outcomes_body;
