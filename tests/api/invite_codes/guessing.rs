//! A class gets in at once, a guesser does not get far.

use diesel::prelude::*;
use rollcall::config::Config;
use rollcall::crypto::token::{Token, TokenKind};
use rollcall::domain::limits::{Limit, Quota, QuotaSetting};
use rollcall::store::schema::rate_limits;
use serde_json::json;

use super::{code_of, register_with, verify};
use crate::limits::on_both;
use crate::support::people::{PASSWORD, Person, text};
use crate::support::{App, both_databases, invariants};

/// Codes that nobody has: the tests' own are drawn from 49 bits.
fn guess(number: usize) -> String {
    let alphabet = b"ABCDEFGHJK";
    let digits = format!("{number:05}");
    let letters = digits
        .bytes()
        .map(|digit| char::from(alphabet[usize::from(digit - b'0')]));
    format!("22222-{}", letters.collect::<String>())
}

both_databases!(a_class_behind_one_address_gets_in_within_a_minute, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    let class = (0..40).map(|n| {
        let code = &code;
        async move {
            let previewed = app.anonymous().preview(code).await;
            previewed.expect_status(200);
            let email = format!("pupil{n}@x.org");
            register_with(app, &email, code).await
        }
    });
    for registered in futures_util::future::join_all(class).await {
        let registered = registered.expect_status(201);
        assert_eq!(registered["joined"]["outcome"], "joined");
    }
    let seen = school.admin.get(&school.path("/invite-code")).await;
    assert_eq!(seen.expect_status(200)["uses"], 40);
});

both_databases!(
    an_account_that_guesses_is_stopped_and_others_are_not,
    |app| {
        let school = app.school().await;
        let code = code_of(&school, None).await;
        let guesser = app.register("guesser@x.org").await;
        let mut unknown = 0;
        for number in 0..30 {
            let answer = guesser.redeem(&guess(number)).await;
            if answer.status == 429 {
                answer.expect_problem(429, "rate_limited");
                break;
            }
            answer.expect_problem(404, "code_unknown");
            unknown += 1;
        }
        assert!((5..=20).contains(&unknown), "{unknown} guesses");
        // The right code does not tell itself apart any more, by either door.
        guesser
            .redeem(&code)
            .await
            .expect_problem(429, "rate_limited");
        guesser
            .preview(&code)
            .await
            .expect_problem(429, "rate_limited");
        let jane = app.register("jane@x.org").await;
        jane.redeems(&code, "joined").await;
        app.anonymous().preview(&code).await.expect_status(200);
        app.advance(std::time::Duration::from_secs(600));
        guesser.redeems(&code, "joined").await;
    }
);

/// Sets a limit to so many an hour.
fn hourly(config: &mut Config, limit: Limit, uses: u32) {
    let quota = Quota {
        uses,
        seconds: 3600,
    };
    config.limits.set(limit, QuotaSetting(Some(quota)));
}

#[test]
fn anonymous_guesses_are_limited_by_client_address() {
    on_both(
        |config| hourly(config, Limit::CodeClient, 20),
        async |app| {
            let school = app.school().await;
            let code = code_of(&school, None).await;
            let anonymous = std::iter::repeat_with(|| app.anonymous()).take(30);
            assert_eq!(previews_until_refused(anonymous).await, 20);
            for refused in [
                app.anonymous().preview(&code).await,
                register_with(app, "jane@x.org", &code).await,
            ] {
                let problem = refused.expect_problem(429, "rate_limited");
                let detail = problem["detail"].as_str().unwrap();
                assert!(
                    detail.contains("Register or sign in first, and enter the code then"),
                    "{detail}"
                );
                assert!(detail.contains("is 20 within one hour"), "{detail}");
            }
            // Who is signed in stands for themselves, and who has no code needs none.
            let jane = app.register("jane@x.org").await;
            jane.redeems(&code, "joined").await;
        },
    );
}

#[test]
fn accounts_that_are_made_to_guess_are_limited_together() {
    on_both(
        |config| hourly(config, Limit::CodeUnverified, 25),
        async |app| {
            let school = app.school().await;
            school
                .import_students("email,password,username\nben@x.example,seven green ducks 7,Ben\n")
                .await;
            let code = code_of(&school, None).await;
            let mut accounts = Vec::new();
            for number in 0..4 {
                accounts.push(app.register(&format!("guesser{number}@x.org")).await);
            }
            let in_turn = accounts.iter().cycle().take(40).cloned();
            // The first two of each count for it alone.
            assert_eq!(previews_until_refused(in_turn).await, 4 * 2 + 25);
            // So a class gets in beside them, typing errors and all.
            let ann = app.register("ann@x.org").await;
            let unknown = ann.redeem(&guess(40)).await;
            unknown.expect_problem(404, "code_unknown");
            ann.redeems(&code, "joined").await;
            let jane = app.register("jane@x.org").await;
            for number in 41..43 {
                let unknown = jane.redeem(&guess(number)).await;
                unknown.expect_problem(404, "code_unknown");
            }
            // They do not grow back with the others of the account.
            app.advance(std::time::Duration::from_secs(30));
            let refused = jane.redeem(&code).await;
            let problem = refused.expect_problem(429, "rate_limited");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("Once your address is verified"), "{detail}");
            // Those whom a school or a mailbox stands behind are not among them.
            let ben = app.sign_in("ben@x.example", PASSWORD).await;
            ben.redeems(&code, "already_member").await;
            verify(app, "jane@x.org").await;
            jane.redeems(&code, "joined").await;
        },
    );
}

/// How many unknown codes these bearers preview, one after the other, until they are refused.
async fn previews_until_refused(bearers: impl Iterator<Item = Person<'_>>) -> usize {
    let mut unknown = 0;
    for (number, bearer) in bearers.enumerate() {
        let response = bearer.preview(&guess(number)).await;
        if response.status == 429 {
            return unknown;
        }
        response.expect_problem(404, "code_unknown");
        unknown += 1;
    }
    panic!("{unknown} guesses and no end");
}

fn bearer_of(app: &App, credential: String) -> Person<'_> {
    Person {
        access_token: Some(credential),
        ..Person::anonymous(app)
    }
}

/// How many subjects of limits there are.
fn counted(app: &App) -> i64 {
    let mut connection = invariants::connect(&app.state.services.pool);
    let subjects = rate_limits::table.count();
    subjects.get_result(&mut **connection).unwrap()
}

#[test]
fn made_up_credentials_are_one_client() {
    let few = |config: &mut Config| {
        let quota = Quota {
            uses: 20,
            seconds: 3600,
        };
        let quota = QuotaSetting(Some(quota));
        config.limits.set(Limit::CodeClient, quota);
    };
    on_both(few, async |app| {
        let before = counted(app);
        let made_up = (0..100).map(|number| {
            let credential = match number % 4 {
                0 => Token::generate(TokenKind::ApiKey)
                    .unwrap()
                    .reveal()
                    .to_owned(),
                1 => format!("rck_{number}"),
                2 => format!("eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiI{number}In0.c2lnbmF0dXJl"),
                _ => format!("garbage{number}"),
            };
            bearer_of(app, credential)
        });
        assert_eq!(previews_until_refused(made_up).await, 20);
        let refused = app.anonymous().preview(&guess(0)).await;
        refused.expect_problem(429, "rate_limited");
        assert_eq!(counted(app), before + 1);
    });
}

both_databases!(the_api_keys_of_an_account_share_its_guesses, |app| {
    let school = app.school().await;
    let mut keys = Vec::new();
    for number in 0..3 {
        let body = json!({ "name": format!("Key {number}"), "scopes": ["groups:read"] });
        let created = school.admin.post(&school.path("/api-keys"), body).await;
        keys.push(bearer_of(app, text(&created.expect_status(201)["key"])));
    }
    let in_turn = keys.iter().cycle().take(30).cloned();
    assert_eq!(previews_until_refused(in_turn).await, 10);
    let refused = school.admin.preview(&guess(0)).await;
    refused.expect_problem(429, "rate_limited");
    let other = app.anonymous().preview(&guess(0)).await;
    other.expect_problem(404, "code_unknown");
});

both_databases!(slips_of_the_keyboard_and_right_codes_cost_nothing, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    let jane = app.register("jane@x.org").await;
    for _ in 0..30 {
        jane.redeem(&code[..7])
            .await
            .expect_problem(404, "code_unknown");
    }
    for _ in 0..30 {
        jane.preview(&code).await.expect_status(200);
    }
    let changes = json!({ "paused": true });
    school
        .admin
        .patch(&school.path("/invite-code"), changes)
        .await
        .expect_status(200);
    for _ in 0..30 {
        jane.redeem(&code).await.expect_problem(409, "code_paused");
    }
});
