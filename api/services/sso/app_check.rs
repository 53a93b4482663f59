//! The daily look at the secret of an operator's app.

use uuid::Uuid;

use super::{daily_check, notices};
use crate::domain::ids::AppId;
use crate::error::Result;
use crate::services::unit_of_work::UnitOfWork;
use crate::store::apps;
use crate::store::jobs::Lease;

/// Tells operators of the end of an app's secret. `false` where another worker has taken the job over.
///
/// # Errors
/// The store's own.
pub fn run(tx: &mut UnitOfWork<'_>, lease: &Lease) -> Result<bool> {
    let id = AppId::from(Uuid::from(lease.job.subject));
    tx.transaction(|tx| {
        let app = apps::find(tx.connection, id)?;
        daily_check::again(tx, lease, app, |tx, app| {
            notices::queue_for_operators(tx, &app)
        })
    })
}
