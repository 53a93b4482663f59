//! Requests that meet a transaction which has not ended yet.

use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::sql_types::BigInt;
use rollcall::domain::events::JoinedBy;
use rollcall::domain::organization::{AccountType, JoinedVia, Role};
use rollcall::error::{Error, Result};
use rollcall::services::admission::{self, Admission, SeatSource};
use rollcall::services::unit_of_work::{Services, UnitOfWork};
use rollcall::store::Connection;
use rollcall::store::accounts::Account;

use super::{App, TestResponse};

/// How long a request may take until it waits for a lock.
const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(diesel::QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

impl App {
    /// Begins a transaction with `first`, sends the request, and goes on with `then` when the request waits
    /// for the transaction. Two that lock in different orders deadlock here, on PostgreSQL, in every run.
    pub async fn during(
        &self,
        first: impl FnOnce(&mut UnitOfWork<'_>) -> Result<()> + Send + 'static,
        request: impl Future<Output = TestResponse>,
        then: impl FnOnce(&mut UnitOfWork<'_>) -> Result<()> + Send + 'static,
    ) -> TestResponse {
        let (answer, ended) = self.meet(first, request, then).await;
        ended.expect("the transaction fails");
        answer
    }

    /// As [`App::during`], where both lock in different orders and the request has to get through all the same.
    /// Whichever waited longer is ended by PostgreSQL; a transaction of ours that is has nothing to lose.
    pub async fn entangled_with(
        &self,
        first: impl FnOnce(&mut UnitOfWork<'_>) -> Result<()> + Send + 'static,
        request: impl Future<Output = TestResponse>,
        then: impl FnOnce(&mut UnitOfWork<'_>) -> Result<()> + Send + 'static,
    ) -> TestResponse {
        let (answer, ended) = self.meet(first, request, then).await;
        assert!(
            matches!(ended, Ok(()) | Err(Error::Deadlock(_))),
            "{ended:?}"
        );
        answer
    }

    async fn meet(
        &self,
        first: impl FnOnce(&mut UnitOfWork<'_>) -> Result<()> + Send + 'static,
        request: impl Future<Output = TestResponse>,
        then: impl FnOnce(&mut UnitOfWork<'_>) -> Result<()> + Send + 'static,
    ) -> (TestResponse, Result<()>) {
        let services = self.state.services.clone();
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let transaction = tokio::task::spawn_blocking(move || {
            services.run_as_system(|tx| {
                tx.transaction(|tx| {
                    first(tx)?;
                    stand_still(tx.connection);
                    begun.send(()).expect("nobody sends the request");
                    wait_for_waiter(&services);
                    then(tx)
                })
            })
        });
        has_begun.await.expect("the transaction does not begin");
        let (answer, ended) = tokio::join!(request, transaction);
        (answer, ended.expect("the transaction panics"))
    }
}

/// Has an account join an organization as a student, as a step of [`App::during`].
pub fn joining(
    account: Account,
    organization: &str,
) -> impl FnOnce(&mut UnitOfWork<'_>) -> Result<()> + Send + use<> {
    let organization = organization.parse().expect("no organization");
    move |tx| {
        let admission = Admission {
            organization,
            account_type: AccountType::Student,
            role: Role::Member,
            via: JoinedVia::OrganizationCode,
            groups: Vec::new(),
            seats: SeatSource::Free,
        };
        admission::admit(tx, &[(&account, JoinedBy::Founding)], &admission)
    }
}

/// Lets the transaction stand still for as long as the request takes: PostgreSQL would end it, as one of ours.
fn stand_still(connection: &mut Connection) {
    if let Connection::Postgres(postgres) = connection {
        diesel::sql_query("SET LOCAL idle_in_transaction_session_timeout = 0")
            .execute(postgres)
            .expect("no setting");
    }
}

/// Waits until another connection waits for a lock. SQLite does not tell: it gets a moment.
fn wait_for_waiter(services: &Services) {
    let mut connection = services.pool.get().expect("no connection");
    let deadline = Instant::now() + TIMEOUT;
    match &mut **connection {
        Connection::Sqlite(_) => std::thread::sleep(Duration::from_millis(300)),
        Connection::Postgres(postgres) => {
            while count_waiters(postgres) == 0 {
                assert!(Instant::now() < deadline, "the request waits for nothing");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

fn count_waiters(postgres: &mut diesel::PgConnection) -> i64 {
    let waiting: Waiting = diesel::sql_query(
        "SELECT count(*) AS count FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    .get_result(postgres)
    .expect("no activity");
    waiting.count
}
