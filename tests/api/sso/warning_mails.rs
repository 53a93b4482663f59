//! `kill -9` at any moment of the daily look loses no warning, and has none mailed twice.

use std::time::Instant;

use diesel::prelude::*;
use rollcall::clock::Clock;
use rollcall::domain::connections::ConnectionStatus;
use rollcall::domain::ids::ConnectionId;
use rollcall::domain::jobs::JobKind;
use rollcall::domain::timestamp::Timestamp;
use rollcall::store::Pool;
use rollcall::store::schema::{connections, jobs, mails};

use super::*;
use crate::support::app::block_on;
use crate::support::invariants::connect;
use crate::support::mail::received_in;
use crate::support::process::{Installation, Process};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How often the process is killed at each of the times that a mail is due.
const KILLS: usize = 2;

/// What is left until the end, and what the mail is called then.
const STAGES: [(&str, u32); 4] = [
    ("30 days before", 29),
    ("14 days before", 13),
    ("3 days before", 2),
    ("0 days before", 0),
];

mod each_warning_is_mailed_once_however_often_the_process_is_killed {
    use super::*;

    #[test]
    fn sqlite() {
        block_on(run(Installation::on_sqlite()));
    }

    #[test]
    fn postgres() {
        if let Some(installation) = Installation::on_postgres() {
            block_on(run(installation));
        }
    }
}

async fn run(installation: Installation) {
    Trial::begin(installation).await.run().await;
}

/// The cause of a mail, and what has become of it.
type Told = (String, String);

/// A connection whose secret ends, on an installation whose processes are killed.
struct Trial {
    installation: Installation,
    pool: Pool,
    connection: ConnectionId,
    dice: fastrand::Rng,
}

impl Trial {
    async fn begin(mut installation: Installation) -> Self {
        let provider = IdentityProvider::start();
        installation.set("OUTBOUND_ALLOW", "127.0.0.0/8");
        // The days of a month pass in a minute.
        installation.set("LIMIT_MAIL_TO_MAILBOX", "off");
        let process = installation.start();
        let school = process.school("Hill Road School").await;
        let new = json!({
            "name": "School accounts", "kind": "oidc", "preset": "generic", "issuer": provider.issuer(),
            "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET,
        });
        let created = process
            .post(&school.path("/connections"), &school.token, new)
            .await;
        let connection = text(&created.expect_status(201)["id"]);
        process.kill();
        Self {
            pool: installation.pool(),
            installation,
            connection: connection.parse().unwrap(),
            dice: fastrand::Rng::new(),
        }
    }

    async fn run(mut self) {
        for (number, (_, days)) in STAGES.into_iter().enumerate() {
            self.set_end(Clock::system().now().plus(DAY * days));
            for _ in 0..KILLS {
                self.make_due();
                let process = self.installation.start();
                self.wait_for_a_moment();
                process.kill();
            }
            // A mail that was told is not told by the next looks.
            for _ in 0..2 {
                self.make_due();
                let process = self.installation.start();
                self.wait_until_done(&process).await;
                process.kill();
            }
            let told = self.told();
            assert_eq!(told.len(), number + 1, "{told:?}");
            for ((cause, status), (stage, _)) in told.iter().zip(STAGES) {
                assert!(cause.contains(stage), "{cause}");
                assert_eq!(status, "sent", "{cause}");
            }
        }
        let received = received_in(&self.installation.path("data/mail"));
        let warnings = received
            .iter()
            .filter(|mail| mail.text.contains("School accounts"));
        assert_eq!(warnings.count(), STAGES.len());
    }

    /// An active connection whose secret ends then.
    fn set_end(&self, at: Timestamp) {
        diesel::update(connections::table.find(self.connection))
            .set((
                connections::status.eq(ConnectionStatus::Active),
                connections::secret_expires_at.eq(Some(at)),
            ))
            .execute(&mut **connect(&self.pool))
            .unwrap();
    }

    /// The day is over: the look is due, and nobody holds what a process held that was killed.
    fn make_due(&self) {
        let mut connection = connect(&self.pool);
        diesel::update(jobs::table)
            .set(jobs::leased_until.eq(Timestamp::EPOCH))
            .execute(&mut **connection)
            .unwrap();
        diesel::update(jobs::table.filter(jobs::kind.eq(JobKind::ConnectionCheck)))
            .set(jobs::due_at.eq(Clock::system().now()))
            .execute(&mut **connection)
            .unwrap();
    }

    /// Some time, or until right behind something that is written of the look or of a mail.
    fn wait_for_a_moment(&mut self) {
        let until_written = self.dice.bool();
        let moment = Duration::from_micros(self.dice.u64(0..200_000));
        if until_written {
            let before = self.written();
            let deadline = Instant::now() + Duration::from_secs(2);
            while self.written() == before && Instant::now() < deadline {
                std::thread::sleep(Duration::from_micros(500));
            }
            std::thread::sleep(moment / 40);
        } else {
            std::thread::sleep(moment);
        }
    }

    fn written(&self) -> (Vec<Told>, Vec<(Timestamp, Timestamp)>) {
        let leases = jobs::table
            .filter(jobs::kind.eq(JobKind::ConnectionCheck))
            .select((jobs::due_at, jobs::leased_until))
            .load(&mut **connect(&self.pool));
        (self.told(), leases.unwrap())
    }

    /// Waits until the look is put off, and every mail has left.
    async fn wait_until_done(&self, process: &Process) {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let due: i64 = jobs::table
                .filter(jobs::due_at.le(Clock::system().now()))
                .filter(jobs::kind.eq_any([JobKind::ConnectionCheck, JobKind::Mail]))
                .count()
                .get_result(&mut **connect(&self.pool))
                .unwrap();
            if due == 0 {
                return;
            }
            assert!(Instant::now() < deadline, "{}", process.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The mails about the connection, the oldest first.
    fn told(&self) -> Vec<Told> {
        let cause = format!("connection {} secret_expires: %", self.connection);
        mails::table
            .filter(mails::cause.like(cause))
            .order(mails::id)
            .select((mails::cause, mails::status))
            .load(&mut **connect(&self.pool))
            .unwrap()
    }
}
