//! The counts themselves: exact, shared, and forgotten.

use std::time::Duration;

use diesel::prelude::*;
use futures_util::future::join_all;
use rollcall::domain::limits::Limit;
use rollcall::services::limits::{LimitRequest, refund, take};
use rollcall::store::schema::rate_limits;

use super::{sign_in, statuses};
use crate::support::app::block_on;
use crate::support::invariants;
use crate::support::{App, both_databases};

fn stored(app: &App) -> i64 {
    let mut connection = invariants::connect(&app.state.services.pool);
    let count = rate_limits::table.count().get_result(&mut **connection);
    count.expect("no count")
}

#[test]
fn replicas_share_the_counts() {
    let apps = [Some(App::on_sqlite()), App::on_postgres()];
    for app in apps.iter().flatten() {
        let replica = app.replica();
        block_on(guess_at_both(app, &replica));
    }
}

async fn guess_at_both(app: &App, replica: &App) {
    app.register("ann@x.example").await;
    let guesses = (0..24).map(|number| {
        let server = if number % 2 == 0 { app } else { replica };
        sign_in(server, "ann@x.example", "wrong guess 1")
    });
    let answers = join_all(guesses).await;
    assert_eq!((statuses(&answers, 401), statuses(&answers, 429)), (10, 14));
}

both_databases!(what_has_grown_back_is_forgotten, |app| {
    app.drain().await;
    let before = stored(app);
    sign_in(app, "ann@x.example", "wrong guess 1")
        .await
        .expect_status(401);
    app.drain().await;
    assert_eq!(stored(app), before + 3);
    app.advance(Duration::from_secs(3600));
    app.drain().await;
    assert_eq!(stored(app), 0);
});

both_databases!(never_more_uses_than_the_quota_are_taken, |app| {
    let wanted = LimitRequest::one(Limit::CodeAccount, "somebody");
    let grab = |connections: usize, each: usize| -> usize {
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..connections)
                .map(|_| {
                    scope.spawn(|| {
                        let wanted = std::slice::from_ref(&wanted);
                        app.as_cli(|tx| {
                            let allowed = std::iter::repeat_with(|| take(tx, wanted).is_ok());
                            Ok(allowed.take(each).filter(|it| *it).count())
                        })
                        .unwrap()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .sum()
        })
    };
    assert_eq!(grab(6, 8), 10);
    let left = app.as_cli(|tx| {
        for _ in 0..4 {
            refund(tx, std::slice::from_ref(&wanted))?;
        }
        Ok(tx.context.limit_states.list()[0].left)
    });
    assert_eq!(left.unwrap(), 4);
    assert_eq!(grab(6, 8), 4);
});

both_databases!(several_uses_are_taken_together_or_not_at_all, |app| {
    let of = |uses| {
        let wanted = LimitRequest {
            uses,
            ..LimitRequest::one(Limit::MailToAddress, "somebody")
        };
        app.as_cli(|tx| {
            let taken = take(tx, &[wanted]).is_ok();
            Ok((taken, tx.context.limit_states.list()[0].left))
        })
        .unwrap()
    };
    assert_eq!(of(2), (true, 1));
    assert_eq!(of(2), (false, 1));
    assert_eq!(of(1), (true, 0));
    // More than there ever is takes all that there is.
    let wanted = LimitRequest {
        uses: 500,
        ..LimitRequest::one(Limit::MailToAddress, "somebody else")
    };
    let many = || app.as_cli(|tx| take(tx, std::slice::from_ref(&wanted)));
    assert!(many().is_ok());
    assert!(many().is_err());
    let both = |first, second| {
        let wanted = [
            LimitRequest::one(Limit::CodeAccount, first),
            LimitRequest::one(Limit::MailToAddress, second),
        ];
        app.as_cli(|tx| take(tx, &wanted)).is_ok()
    };
    // What is taken of the first goes back with the second: ten times is not too often.
    for _ in 0..20 {
        assert!(!both("ann", "somebody"));
    }
    assert!(both("ann", "ben"));
});
