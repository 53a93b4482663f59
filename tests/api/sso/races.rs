//! Flows that end at the same moment: one gets what there is once, the others their own refusal, and nothing half done.

use futures_util::future::join_all;
use futures_util::join;

use super::*;
use crate::support::ReceivedMail;

/// The tickets of people whom the provider calls so, each with more in the flow.
async fn tickets(
    app: &App,
    (connection, provider): (&Value, &IdentityProvider),
    people: &[Value],
    more: &Value,
) -> Vec<String> {
    let mut tickets = Vec::new();
    for claims in people {
        let by = (provider, claims.clone());
        let end = go_round(&app.anonymous(), connection, by, more.clone()).await;
        tickets.push(ticket_of(&end));
    }
    tickets
}

/// Exchanges tickets all at once, and gives those that went well; the others got this code.
async fn all_at_once(app: &App, tickets: &[String], code: &str) -> Vec<Value> {
    let ends = join_all(tickets.iter().map(|ticket| exchange(app, ticket))).await;
    let mut well = Vec::new();
    for end in ends {
        if end.status == 200 {
            well.push(end.expect_status(200));
        } else {
            assert_eq!(end.json()["code"], code, "{}", end.text);
        }
    }
    well
}

fn pupils(name: &str) -> Vec<Value> {
    let of = |number| {
        let sub = format!("{name}-{number}");
        json!({ "sub": sub, "email": format!("{sub}@hill.example") })
    };
    (0..4).map(of).collect()
}

/// How many members there are, and how many seats they have.
async fn people(school: &Organization<'_>) -> (usize, Value) {
    let members = school.admin.get(&school.path("/members")).await;
    let members = members.expect_status(200)["items"]
        .as_array()
        .unwrap()
        .len();
    let seats = school.admin.get(&school.path("/seats")).await;
    (members, seats.expect_status(200)["total"]["used"].clone())
}

both_databases!(one_gets_the_last_seat_and_the_last_use_of_a_code, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let by = (&connection, &provider);
    let once = school
        .admin
        .patch(&school.path("/invite-code"), json!({ "max_uses": 1 }))
        .await;
    let code = json!({ "invite_code": once.expect_status(200)["code"] });
    let used_up = tickets(app, by, &pupils("code"), &code).await;
    let well = all_at_once(app, &used_up, "code_used_up").await;
    assert_eq!(well.len(), 1);
    assert_eq!(well[0]["code_outcome"], "joined");
    assert_eq!(people(&school).await, (2, json!(2)));
    limit_seats(&school, 3).await;
    let last = tickets(app, by, &pupils("seat"), &json!({})).await;
    let well = all_at_once(app, &last, "no_seat").await;
    assert_eq!(well.len(), 1);
    assert_eq!(people(&school).await, (3, json!(3)));
    // Whoever was refused has no account: with a seat they are new.
    limit_seats(&school, 9).await;
    let again = tickets(app, by, &pupils("seat"), &json!({})).await;
    let well = all_at_once(app, &again, "").await;
    let made = well
        .iter()
        .filter(|came| came["outcome"] == "account_created");
    assert_eq!((well.len(), made.count()), (4, 3));
});

both_databases!(one_gets_an_invitation, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let body = json!({ "emails": ["jane@else.example"], "account_type": "teacher" });
    school.invite_with(body).await.expect_status(200);
    let token = app.last_mail_to("jane@else.example").await.token();
    let more = json!({ "invitation_token": token });
    let tickets = tickets(app, (&connection, &provider), &pupils("jane"), &more).await;
    let well = all_at_once(app, &tickets, "invitation_unknown").await;
    assert_eq!(well.len(), 1);
    assert_eq!(well[0]["outcome"], "linked");
    assert_eq!(people(&school).await, (2, json!(2)));
    let linked = school.events("identity.linked").await;
    assert_eq!(linked.as_array().unwrap().len(), 1);
});

both_databases!(one_person_who_comes_twice_is_one, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    let mira = vec![json!({ "sub": "mira", "email": "mira@hill.example" }); 4];
    let by = (&connection, &provider);
    let several = tickets(app, by, &mira, &json!({})).await;
    let well = all_at_once(app, &several, "").await;
    let made = well
        .iter()
        .filter(|came| came["outcome"] == "account_created");
    assert_eq!((well.len(), made.count()), (4, 1));
    assert_eq!(people(&school).await, (2, json!(2)));
    // A ticket is good once, and so is a way back.
    let ticket = tickets(app, by, &mira[..1], &json!({})).await.remove(0);
    let same = vec![ticket; 4];
    assert_eq!(all_at_once(app, &same, "ticket_invalid").await.len(), 1);
    let started = start(&app.anonymous(), &connection, json!({})).await;
    let url = text(&started.expect_status(200)["authorization_url"]);
    let back = provider.sign_in(&url, (app.now(), mira[0].clone()));
    let ends = join_all((0..4).map(|_| follow(app, &back))).await;
    let with_ticket = ends.iter().filter(|end| end.path() == "/sign-in/ticket");
    assert_eq!(with_ticket.count(), 1, "{ends:?}");
});

both_databases!(a_link_and_the_link_of_an_invitation_let_in_once, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    let connection = active(&school, &provider).await;
    for number in 0..4 {
        let joe = app.register(&format!("joe-{number}@else.example")).await;
        app.verify_email(&joe.id);
        limit_seats(&school, 9).await;
        let body = json!({ "emails": [joe.email], "account_type": "student" });
        school.invite_with(body).await.expect_status(200);
        let mails = app.mails().await;
        let is_invitation =
            |mail: &&ReceivedMail| mail.to == joe.email && mail.text.contains("/invitation?");
        let mail = mails.iter().find(is_invitation).expect("no invitation");
        let token = mail.token_of("invitation");
        // No seat but the one that is reserved for him.
        limit_seats(&school, number + 2).await;
        let claims = json!({ "sub": joe.id, "email": joe.email });
        let came = come(&school, &connection, &provider, claims).await;
        let link_token = came.expect_status(200)["link_token"].clone();
        let body = json!({ "link_token": link_token });
        let mailed = app.anonymous().post("/v1/sign-in/link-mail", body).await;
        mailed.expect_status(202);
        let code = link_code(app, &joe.email).await;
        let (anonymous, by_code) = (
            app.anonymous(),
            json!({ "link_token": link_token, "code": code }),
        );
        let (linked, accepted) = join!(
            anonymous.post("/v1/sign-in/link", by_code),
            joe.post("/v1/invitations/accept", json!({ "token": token })),
        );
        assert_eq!(linked.expect_status(200)["outcome"], "linked");
        accepted.expect_status(200);
        let all = usize::try_from(number).unwrap() + 2;
        assert_eq!(people(&school).await, (all, json!(all)));
    }
});
