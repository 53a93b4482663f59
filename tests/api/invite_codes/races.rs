//! Many at once: no maximum and no limit of seats is ever passed, and nobody is in twice.

use futures_util::future::join_all;
use serde_json::json;

use super::{change, code_of, code_path, group, limit_seats, register_with, seats_used};
use crate::support::people::Person;
use crate::support::{App, both_databases};

async fn people(app: &App, count: usize) -> Vec<Person<'_>> {
    join_all((0..count).map(|n| async move { app.register(&format!("p{n}@x.org")).await })).await
}

/// How many got each answer: an outcome, or a problem's code.
async fn redeem_at_once(people: &[Person<'_>], code: &str) -> Vec<(String, usize)> {
    let answers = join_all(people.iter().map(|person| person.redeem(code))).await;
    let mut words: Vec<String> = answers
        .iter()
        .map(|answer| {
            let body = answer.json();
            let word = if answer.status == 200 {
                &body["outcome"]
            } else {
                &body["code"]
            };
            word.as_str().unwrap().to_owned()
        })
        .collect();
    words.sort();
    let mut counts: Vec<(String, usize)> = Vec::new();
    for word in words {
        match counts.last_mut() {
            Some((last, count)) if *last == word => *count += 1,
            _ => counts.push((word, 1)),
        }
    }
    counts
}

fn counts(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    expected
        .iter()
        .map(|(word, count)| ((*word).to_owned(), *count))
        .collect()
}

both_databases!(thirty_people_on_a_code_with_ten_uses_are_ten, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let code = code_of(&school, Some(&seven_a)).await;
    change(&school, Some(&seven_a), json!({ "max_uses": 10 })).await;
    let people = people(app, 30).await;
    let ended = redeem_at_once(&people, &code).await;
    assert_eq!(ended, counts(&[("code_used_up", 20), ("joined", 10)]));
    let seen = change(&school, Some(&seven_a), json!({})).await;
    assert_eq!(
        (&seen["uses"], &seen["status"]),
        (&json!(10), &json!("used_up"))
    );
    assert_eq!(seats_used(&school).await, 11);
    let path = format!("{}/uses", code_path(&school, Some(&seven_a)));
    let uses = school.admin.get(&path).await.expect_status(200);
    assert_eq!(uses["items"].as_array().unwrap().len(), 10);
});

both_databases!(the_last_seats_are_taken_once, |app| {
    let school = app.school().await;
    let seven_a = group(&school, "7A").await;
    let own = code_of(&school, None).await;
    let groups = code_of(&school, Some(&seven_a)).await;
    limit_seats(app, &school, 4).await;
    let people = people(app, 20).await;
    let (left, right) = people.split_at(10);
    let (one, other) =
        futures_util::future::join(redeem_at_once(left, &own), redeem_at_once(right, &groups))
            .await;
    let total = |word: &str| -> usize {
        let all = one.iter().chain(&other);
        all.filter(|(found, _)| found == word)
            .map(|(_, count)| count)
            .sum()
    };
    assert_eq!(
        (total("joined"), total("no_seat")),
        (3, 17),
        "{one:?} {other:?}"
    );
    assert_eq!(seats_used(&school).await, 4);
    let uses = [
        change(&school, None, json!({})).await["uses"]
            .as_i64()
            .unwrap(),
        change(&school, Some(&seven_a), json!({})).await["uses"]
            .as_i64()
            .unwrap(),
    ];
    assert_eq!(uses[0] + uses[1], 3);
});

both_databases!(twins_of_one_person_are_in_once, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    // The last use and the last seat: no twin may hear that there was none.
    change(&school, None, json!({ "max_uses": 1 })).await;
    limit_seats(app, &school, 2).await;
    let jane = app.register("jane@x.org").await;
    let twins: Vec<_> = std::iter::repeat_n(jane, 8).collect();
    let ended = redeem_at_once(&twins, &code).await;
    assert_eq!(ended, counts(&[("already_member", 7), ("joined", 1)]));
});

both_databases!(twins_with_different_codes_are_in_once, |app| {
    let school = app.school().await;
    let mut codes = vec![code_of(&school, None).await];
    for name in ["7A", "7B", "7C"] {
        let id = group(&school, name).await;
        codes.push(code_of(&school, Some(&id)).await);
    }
    let jane = app.register("jane@x.org").await;
    let answers = join_all(codes.iter().map(|code| jane.redeem(code))).await;
    let mut joined = 0;
    for answer in answers {
        let outcome = answer.expect_status(200)["outcome"].clone();
        joined += usize::from(outcome == "joined");
    }
    assert_eq!(joined, 1);
    assert_eq!(seats_used(&school).await, 2);
    let path = school.path(&format!("/members/{}", jane.id));
    let member = school.admin.get(&path).await.expect_status(200);
    assert_eq!(member["groups"].as_array().unwrap().len(), 3);
});

both_databases!(registrations_at_once_pass_no_maximum, |app| {
    let school = app.school().await;
    let code = code_of(&school, None).await;
    change(&school, None, json!({ "max_uses": 5 })).await;
    let all = (0..15).map(|n| {
        let code = &code;
        async move { register_with(app, &format!("r{n}@x.org"), code).await }
    });
    let answers = join_all(all).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 5);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        refused.expect_problem(409, "code_used_up");
    }
    assert_eq!(seats_used(&school).await, 6);
});

both_databases!(
    a_code_that_is_reset_meanwhile_lets_in_before_or_not_at_all,
    |app| {
        let school = app.school().await;
        let code = code_of(&school, None).await;
        let people = people(app, 12).await;
        let path = school.path("/invite-code/reset");
        let (ended, reset) = futures_util::future::join(
            redeem_at_once(&people, &code),
            school.admin.post(&path, json!({})),
        )
        .await;
        reset.expect_status(200);
        let joined = ended
            .iter()
            .find(|(word, _)| word == "joined")
            .map_or(0, |(_, count)| *count);
        let unknown = ended
            .iter()
            .find(|(word, _)| word == "code_unknown")
            .map_or(0, |(_, n)| *n);
        assert_eq!(joined + unknown, 12, "{ended:?}");
        assert_eq!(
            seats_used(&school).await,
            i64::try_from(joined).unwrap() + 1
        );
    }
);

both_databases!(
    verifying_and_entering_a_code_at_once_never_strands_anybody,
    |app| {
        let school = app.school().await;
        let code = code_of(&school, None).await;
        change(&school, None, json!({ "allowed_email_domains": ["x.org"] })).await;
        for person in people(app, 6).await {
            let token = app.last_mail_to(&person.email).await.token();
            let body = json!({ "token": token, "password": crate::support::people::PASSWORD });
            let anonymous = app.anonymous();
            let (entered, verified) = futures_util::future::join(
                person.redeem(&code),
                anonymous.post("/v1/auth/email/verify", body),
            )
            .await;
            entered.expect_status(200);
            verified.expect_status(200);
            person.get(&school.path("")).await.expect_status(200);
        }
    }
);
