//! Many who act on invitations at the same moment.

use futures_util::future::join_all;
use rollcall::domain::ids::{AccountId, InvitationId, OrganizationId};
use rollcall::store::{account_deletion, accounts, invitations, seats, sessions};
use serde_json::json;

use super::{outcomes, sent, verify};
use crate::support::people::{Organization, text};
use crate::support::{App, TestResponse, both_databases};

both_databases!(an_invitation_ends_in_exactly_one_way, |app| {
    for round in 0..6 {
        let school = app.organization(&format!("School {round}"), "school").await;
        let email = format!("joe{round}@x.example");
        let joe = app.register(&email).await;
        verify(app, &joe);
        let path = school.invite_one(&email).await;
        let secret = app.last_mail_to(&email).await.token();
        let token = json!({ "token": secret });
        let id = json!({ "invitation_id": path.rsplit('/').next().unwrap() });
        let (revoke, resend) = (format!("{path}/revoke"), format!("{path}/resend"));
        let anonymous = app.anonymous();
        let answers = tokio::join!(
            joe.post("/v1/invitations/accept", token.clone()),
            joe.post("/v1/invitations/accept", id),
            anonymous.post("/v1/invitations/decline", token.clone()),
            school.admin.post(&revoke, json!({})),
            school.admin.post(&resend, json!({})),
        );
        let statuses = [
            answers.0.status.as_u16(),
            answers.1.status.as_u16(),
            answers.2.status.as_u16(),
            answers.3.status.as_u16(),
            answers.4.status.as_u16(),
        ];
        let shown = school.admin.get(&path).await.expect_status(200);
        let is_in = school.member_by_address(&email).await.is_some();
        let status = text(&shown["status"]);
        assert_eq!(is_in, status == "accepted", "{statuses:?} {shown:#}");
        let (used, reserved) = school.students().await;
        assert_eq!(used, i64::from(is_in), "{statuses:?}");
        assert_eq!(reserved, 0, "{statuses:?} {shown:#}");
        assert!(
            statuses.iter().all(|status| *status < 500),
            "{statuses:?} {} {} {} {} {}",
            answers.0.text,
            answers.1.text,
            answers.2.text,
            answers.3.text,
            answers.4.text
        );
    }
});

both_databases!(many_accept_the_same_at_once, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    school.invite(&["joe@x.example"]).await;
    let secret = app.last_mail_to("joe@x.example").await.token();
    let tries = (0..8).map(|_| joe.post("/v1/invitations/accept", json!({ "token": secret })));
    let answers = join_all(tries).await;
    let mut joined = 0;
    for answer in answers {
        if answer.expect_status(200)["outcome"] == "joined" {
            joined += 1;
        }
    }
    assert_eq!(joined, 1);
    assert_eq!(school.students().await, (1, 0));
});

both_databases!(the_last_seats_are_given_once, |app| {
    let school = app.school().await;
    let operator = app.operator().await;
    let limit = json!({
        "total": null, "by_account_type": { "student": 5, "teacher": null },
    });
    operator
        .put(&school.path("/seats"), limit)
        .await
        .expect_status(200);
    for number in 0..6 {
        app.register(&format!("old{number}@x.example")).await;
    }
    let calls = (0..6).map(|number| {
        let emails = vec![
            format!("old{number}@x.example"),
            format!("new{number}@x.example"),
        ];
        let body = json!({ "emails": emails, "account_type": "student" });
        school.invite_with(body)
    });
    let mut counts = std::collections::BTreeMap::new();
    for answer in join_all(calls).await {
        let answer = answer.expect_status(200);
        for outcome in outcomes(&answer) {
            *counts.entry(outcome.to_owned()).or_insert(0) += 1;
        }
    }
    let invited =
        counts.get("account_created").unwrap_or(&0) + counts.get("join_link_sent").unwrap_or(&0);
    assert_eq!(invited, 5, "{counts:?}");
    assert_eq!(counts["no_seat"], 7, "{counts:?}");
    let (used, reserved) = school.students().await;
    assert_eq!(used + reserved, 5);
});

both_databases!(the_same_addresses_from_many_sides_at_once, |app| {
    let school = app.school().await;
    let valley = app.organization("Valley School", "school").await;
    let mut emails: Vec<String> = (0..10)
        .map(|number| format!("new{number}@x.example"))
        .collect();
    for number in 0..5 {
        let email = format!("old{number}@x.example");
        app.register(&email).await;
        emails.push(email);
    }
    let mut turned = emails.clone();
    turned.reverse();
    let body = |emails: &Vec<String>| json!({ "emails": emails, "account_type": "student" });
    let answers = join_all([
        school.invite_with(body(&emails)),
        school.invite_with(body(&turned)),
        valley.invite_with(body(&emails)),
        valley.invite_with(body(&turned)),
    ])
    .await;
    let mut links = 0;
    let mut made = 0;
    for answer in answers {
        for outcome in outcomes(&answer.expect_status(200)) {
            match outcome {
                "account_created" => made += 1,
                "join_link_sent" => links += 1,
                "already_invited" => {}
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!((made, links), (10, 20));
    assert_eq!(sent(app).await.len(), 30);
    let (here, there) = (school.students().await, valley.students().await);
    assert_eq!(here.0 + there.0, 10);
    assert_eq!(here.1 + there.1, 20);
});

both_databases!(overlapping_invitations_never_wait_for_each_other, |app| {
    let mut schools = Vec::new();
    for number in 0..4 {
        schools.push(
            app.organization(&format!("School {number}"), "school")
                .await,
        );
    }
    for round in 0..4 {
        // Some are registered, and not verified: their accounts are locked. The others are created.
        for number in (0..60).step_by(6) {
            app.register_unverified(&format!("r{round}p{number}@x.example"))
                .await;
        }
        let calls = schools.iter().enumerate().map(|(place, school)| {
            let numbers = (0..60).map(|number| (number * 7 + place * 15) % 60);
            let others = numbers.filter(|number| number % 4 != place);
            let emails: Vec<_> = others
                .map(|number| format!("r{round}p{number}@x.example"))
                .collect();
            school.invite_with(json!({ "emails": emails, "account_type": "student" }))
        });
        for answer in join_all(calls).await {
            answer.expect_status(200);
        }
    }
    let metrics = app.anonymous().get("/metrics").await;
    let deadlocks = "\nrollcall_database_deadlocks_total 0\n";
    assert!(metrics.text.contains(deadlocks), "{}", metrics.text);
});

/// The invitation at this path, and the account that it was sent to.
fn ids(app: &App, path: &str) -> (InvitationId, AccountId) {
    let id: InvitationId = path.rsplit('/').next().unwrap().parse().unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    let found = invitations::find(&mut connection, id).unwrap().unwrap();
    (id, found.account_id.unwrap())
}

/// Sends a request while a transaction holds the account as its deletion does, and then needs the
/// invitation.
async fn during_deletion(
    app: &App,
    path: &str,
    request: impl Future<Output = TestResponse>,
) -> TestResponse {
    let (invitation, account) = ids(app, path);
    app.during(
        move |tx| account_deletion::lock_for_deletion(tx.connection, account).map(|_| ()),
        request,
        move |tx| invitations::lock(tx.connection, invitation).map(|_| ()),
    )
    .await
}

both_databases!(who_changes_an_invitation_locks_its_account_first, |app| {
    let school = app.school().await;
    let joe = app.register("joe@x.example").await;
    verify(app, &joe);
    let path = school.invite_one("joe@x.example").await;
    let (resend, invite) = (format!("{path}/resend"), school.path("/invitations"));
    let resend = school.admin.post(&resend, json!({}));
    during_deletion(app, &path, resend).await.expect_status(200);
    let emails = json!({ "emails": ["joe@x.example"], "account_type": "student" });
    let invite = school.admin.post(&invite, emails);
    let invited = during_deletion(app, &path, invite).await.expect_status(200);
    assert_eq!(outcomes(&invited), ["already_invited"]);
    let secret = app.last_mail_to("joe@x.example").await.token();
    let anonymous = app.anonymous();
    let renew = anonymous.post("/v1/invitations/renew", json!({ "token": secret }));
    during_deletion(app, &path, renew).await.expect_status(202);
    let decline = anonymous.post("/v1/invitations/decline", json!({ "token": secret }));
    during_deletion(app, &path, decline)
        .await
        .expect_status(204);
    let path = school.invite_one("joe@x.example").await;
    let id = json!({ "invitation_id": path.rsplit('/').next().unwrap() });
    let decline = joe.post("/v1/invitations/decline", id);
    during_deletion(app, &path, decline)
        .await
        .expect_status(204);
});

both_databases!(
    a_deleted_organization_locks_accounts_before_invitations,
    |app| {
        let school = app.school().await;
        let path = school.invite_one("new@x.example").await;
        let (invitation, account) = ids(app, &path);
        let admin = &school.admin;
        let deleted = app
            .during(
                move |tx| accounts::lock(tx.connection, account).map(|_| ()),
                admin.delete(&school.path("")),
                move |tx| invitations::lock(tx.connection, invitation).map(|_| ()),
            )
            .await;
        deleted.expect_status(204);
    }
);

/// Sends a request that changes seats of both organizations while a transaction locks them in their order.
async fn during_seats(
    app: &App,
    (first, second): (&Organization<'_>, &Organization<'_>),
    request: impl Future<Output = TestResponse>,
) -> TestResponse {
    let first: OrganizationId = first.id.parse().unwrap();
    let second: OrganizationId = second.id.parse().unwrap();
    app.during(
        move |tx| seats::lock_all(tx.connection, first),
        request,
        move |tx| seats::lock_all(tx.connection, second),
    )
    .await
}

both_databases!(seats_of_two_organizations_have_one_order, |app| {
    let first = app.school().await;
    let second = app.organization("Valley School", "school").await;
    // A code of the first that is younger than the second's, for addresses that are verified.
    let group = first.class("7A").await;
    let domains = json!({ "allowed_email_domains": ["x.example"] });
    let mut codes = Vec::new();
    for (school, path) in [
        (&first, format!("/groups/{group}/invite-code")),
        (&second, "/invite-code".to_owned()),
    ] {
        let code = school
            .admin
            .patch(&school.path(&path), domains.clone())
            .await;
        codes.push(text(&code.expect_status(200)["code"]));
    }
    // A member of the second, invited by the first, deletes the account.
    let joe = app.register("joe@x.example").await;
    verify(app, &joe);
    let joined = joe
        .post("/v1/invite-codes/redeem", json!({ "code": codes[1] }))
        .await;
    joined.expect_status(200);
    first.invite(&["joe@x.example"]).await;
    let deleted = during_seats(app, (&first, &second), joe.delete("/v1/me")).await;
    deleted.expect_status(204);
    // Joins of both wait for the address.
    let ann = app.register("ann@x.example").await;
    let token = app.last_mail_to("ann@x.example").await.token();
    for code in &codes {
        let entered = ann
            .post("/v1/invite-codes/redeem", json!({ "code": code }))
            .await;
        entered.expect_status(200);
    }
    let verified = ann.post("/v1/auth/email/verify", json!({ "token": token }));
    let verified = during_seats(app, (&first, &second), verified).await;
    let joins = verified.expect_status(200)["joins"].clone();
    assert!(
        joins
            .as_array()
            .unwrap()
            .iter()
            .all(|join| join["outcome"] == "joined")
    );
    // The link of the second's invitation verifies the address, for which a join of the first waits.
    let bob = app.register("bob@x.example").await;
    let entered = bob
        .post("/v1/invite-codes/redeem", json!({ "code": codes[0] }))
        .await;
    entered.expect_status(200);
    second.invite(&["bob@x.example"]).await;
    let secret = app.last_mail_to("bob@x.example").await.token();
    let accept = bob.post("/v1/invitations/accept", json!({ "token": secret }));
    let accepted = during_seats(app, (&first, &second), accept).await;
    assert_eq!(accepted.expect_status(200)["outcome"], "joined");
    assert_eq!(
        (first.students().await, second.students().await),
        ((2, 0), (2, 0))
    );
});

both_databases!(
    who_is_signed_out_while_the_invitation_is_held_does_not_join,
    |app| {
        let school = app.school().await;
        let joe = app.register("joe@x.example").await;
        let path = school.invite_one("joe@x.example").await;
        let invitation: InvitationId = path.rsplit('/').next().unwrap().parse().unwrap();
        let token = json!({ "token": app.last_mail_to("joe@x.example").await.token() });
        let account: AccountId = joe.id.parse().unwrap();
        let answer = app
            .during(
                move |tx| invitations::lock(tx.connection, invitation).map(drop),
                joe.post("/v1/invitations/accept", token),
                move |tx| sessions::delete_all(tx.connection, account, None).map(drop),
            )
            .await;
        answer.expect_problem(401, "not_signed_in");
        assert_eq!(school.students().await, (0, 1));
    }
);
