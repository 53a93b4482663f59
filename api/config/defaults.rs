//! Defaults that depend on the machine or on other settings.

use std::path::Path;
use std::time::Duration;

use crate::domain::database_url::DatabaseUrl;

/// The URL of the embedded database.
pub fn sqlite_in(data_dir: &Path) -> String {
    format!("sqlite:{}", data_dir.join("rollcall.sqlite").display())
}

/// Who may create organizations: with the embedded database, whoever tries Rollcall.
pub const fn creation(database_url: &DatabaseUrl) -> &'static str {
    match database_url {
        DatabaseUrl::Sqlite(_) => "anyone",
        DatabaseUrl::Postgres(_) => "operators",
    }
}

/// How long a server goes on serving after SIGTERM, in seconds: behind a load balancer there are replicas.
pub const fn stop_delay(database_url: &DatabaseUrl) -> u64 {
    match database_url {
        DatabaseUrl::Sqlite(_) => 0,
        DatabaseUrl::Postgres(_) => 5,
    }
}

/// The connections that requests may use at a time, besides those of the workers.
pub fn connections(database_url: &DatabaseUrl) -> usize {
    let for_each_core = match database_url {
        DatabaseUrl::Sqlite(_) => 2,
        DatabaseUrl::Postgres(_) => 4,
    };
    (cores() * for_each_core).max(4)
}

/// The cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// How often workers look for work. A tenth of the lease adds little to the time that a dead worker's
/// import waits.
pub fn worker_poll(lease: Duration) -> Duration {
    (lease / 10).min(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_look_for_work_at_least_every_second_and_ten_times_in_a_lease() {
        let poll = |lease| worker_poll(Duration::from_secs(lease));
        assert_eq!(poll(1), Duration::from_millis(100));
        assert_eq!(poll(10), Duration::from_secs(1));
        assert_eq!(poll(600), Duration::from_secs(1));
    }
}
