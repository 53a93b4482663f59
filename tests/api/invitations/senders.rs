//! What becomes of an admin's invitations when they are no admin any more (`docs/invitations.md#who-sent-them`).

use serde_json::{Value, json};

use super::{DAY, again, choose_password, sent, token};
use crate::support::people::{Organization, PASSWORD, Person, outcomes, text};
use crate::support::{App, both_databases};

/// Somebody who joined, and is an admin now.
async fn admin<'a>(app: &'a App, school: &Organization<'_>, email: &str) -> Person<'a> {
    let person = app.register(email).await;
    app.join(school, &person, "teacher").await;
    promote(app, school, &person).await;
    app.sign_in(email, PASSWORD).await
}

async fn promote(app: &App, school: &Organization<'_>, person: &Person<'_>) {
    app.verify_email_by_reset(&person.id);
    let lead = json!({ "role": "admin" });
    let promoted = school.admin.patch(&school.path_of(&person.id), lead).await;
    promoted.expect_status(200);
}

/// Invites an address, and gives the path of the invitation and the token of its mail.
async fn invite(
    sender: &Person<'_>,
    school: &Organization<'_>,
    (email, account_type): (&str, &str),
) -> (String, String) {
    let body = json!({ "emails": [email], "account_type": account_type });
    let invited = sender.post(&school.path("/invitations"), body).await;
    let id = text(&invited.expect_status(200)["results"][0]["invitation_id"]);
    let mail = sent(sender.app).await.pop().expect("no mail");
    assert_eq!(mail.to, email);
    (school.path(&format!("/invitations/{id}")), mail.token())
}

async fn shown(school: &Organization<'_>, invitation: &str) -> Value {
    let shown = school.admin.get(invitation).await;
    shown.expect_status(200)
}

/// Takes the role of an admin away, in one of the ways in which others do it.
async fn take(school: &Organization<'_>, person: &Person<'_>, way: &str) {
    let member = school.path_of(&person.id);
    match way {
        "removed" => {
            school.admin.delete(&member).await.expect_status(204);
        }
        "deactivated" => {
            school.deactivate(&member).await;
        }
        _ => {
            let plain = json!({ "role": "member" });
            school.admin.patch(&member, plain).await.expect_status(200);
        }
    }
}

both_databases!(nobody_becomes_staff_by_a_former_admin, |app| {
    let school = app.school().await;
    for way in ["removed", "deactivated", "demoted"] {
        let bob = admin(app, &school, &format!("bob-{way}@x.example")).await;
        let (new, known) = (
            format!("new-{way}@x.example"),
            format!("jane-{way}@x.example"),
        );
        let jane = app.register(&known).await;
        let (made, set_password) = invite(&bob, &school, (&new, "teacher")).await;
        let (offered, join) = invite(&bob, &school, (&known, "teacher")).await;
        let pupil = format!("pupil-{way}@x.example");
        let (of_pupil, of_their_own) = invite(&bob, &school, (&pupil, "student")).await;
        take(&school, &bob, way).await;
        for invitation in [&made, &offered] {
            assert_eq!(
                shown(&school, invitation).await["status"],
                "revoked",
                "{way}"
            );
        }
        // Neither the link nor a forgotten password opens the account that was made.
        let refused = choose_password(app, &set_password, PASSWORD).await;
        refused.expect_problem(410, "token_invalid");
        assert!(school.member_by_address(&new).await.is_none(), "{way}");
        let accepted = jane.post("/v1/invitations/accept", token(&join)).await;
        accepted.expect_problem(409, "invitation_ended");
        school.students().await;
        let id = offered.rsplit('/').next().unwrap();
        let log = school.events_on(id).await;
        assert_eq!(log[0]["action"], "invitation.revoked", "{way}");
        assert_eq!(log[0]["actor"]["account_id"], school.admin.id.as_str());
        // Pupils come in by it all the same, and an admin sees who has invited them.
        let pending = shown(&school, &of_pupil).await;
        assert_eq!(pending["status"], "pending", "{way}");
        assert_eq!(pending["invited_by"]["account_id"], bob.id.as_str());
        let chosen = choose_password(app, &of_their_own, PASSWORD).await;
        chosen.expect_status(204);
        // Another admin may invite them again.
        let again = json!({ "emails": [new, known], "account_type": "teacher" });
        let again = school.invite_with(again).await.expect_status(200);
        assert_eq!(outcomes(&again), ["account_created", "join_link_sent"]);
    }
});

both_databases!(an_expired_offer_of_a_former_admin_is_not_renewed, |app| {
    let mut school = app.school().await;
    let bob = admin(app, &school, "bob@x.example").await;
    let jane = app.register("jane@x.example").await;
    let (made, set_password) = invite(&bob, &school, ("new@x.example", "teacher")).await;
    let (offered, join) = invite(&bob, &school, ("jane@x.example", "teacher")).await;
    app.advance(8 * DAY);
    app.drain().await;
    school.admin = again(&school.admin).await;
    assert_eq!(shown(&school, &offered).await["status"], "expired");
    take(&school, &bob, "removed").await;
    let before = sent(app).await.len();
    for link in [&set_password, &join] {
        let anonymous = app.anonymous();
        let renewed = anonymous.post("/v1/invitations/renew", token(link)).await;
        assert!([202, 404].contains(&renewed.status.as_u16()), "{renewed:?}");
    }
    assert_eq!(sent(app).await.len(), before);
    for invitation in [&made, &offered] {
        assert_eq!(shown(&school, invitation).await["status"], "revoked");
    }
    assert!(school.member_by_address("new@x.example").await.is_none());
    let jane = again(&jane).await;
    let own = jane.get("/v1/me/invitations").await.expect_status(200);
    assert_eq!(own["items"], json!([]));
    school.students().await;
});

both_databases!(what_a_former_admin_has_not_lost_stays, |app| {
    let school = app.school().await;
    let bob = admin(app, &school, "bob@x.example").await;
    // Whoever uses the account already is a member like any other.
    let (used, set_password) = invite(&bob, &school, ("new@x.example", "teacher")).await;
    let chosen = choose_password(app, &set_password, PASSWORD).await;
    chosen.expect_status(204);
    let jane = app.register("jane@x.example").await;
    let (offered, join) = invite(&bob, &school, ("jane@x.example", "teacher")).await;
    // An admin of another account type is an admin.
    let student = json!({ "account_type": "student" });
    let changed = school.admin.patch(&school.path_of(&bob.id), student).await;
    changed.expect_status(200);
    // Who goes of their own accord takes nothing back.
    let leave = format!("/v1/me/memberships/{}", school.id);
    let bob = app.sign_in(&bob.email, PASSWORD).await;
    bob.delete(&leave).await.expect_status(204);
    assert_eq!(shown(&school, &used).await["status"], "accepted");
    assert_eq!(shown(&school, &offered).await["status"], "pending");
    let accepted = jane.post("/v1/invitations/accept", token(&join)).await;
    assert_eq!(accepted.expect_status(200)["outcome"], "joined");
    assert!(school.member_by_address("new@x.example").await.is_some());
});

both_databases!(nobody_becomes_staff_by_a_former_operator, |app| {
    use rollcall::domain::email_address::EmailAddress;
    use rollcall::services::operators;
    let school = app.school().await;
    let own = app.organization("Own School", "school").await;
    let operator = app.operator().await;
    app.join(&own, &operator, "teacher").await;
    promote(app, &own, &operator).await;
    let operator = app.sign_in(&operator.email, PASSWORD).await;
    let (made, _) = invite(&operator, &school, ("new@x.example", "teacher")).await;
    let (of_own, _) = invite(&operator, &own, ("other@x.example", "teacher")).await;
    let email = EmailAddress::parse(&operator.email).unwrap();
    app.as_cli(|tx| operators::revoke(tx, email)).unwrap();
    assert_eq!(shown(&school, &made).await["status"], "revoked");
    assert!(school.member_by_address("new@x.example").await.is_none());
    // There they are an admin still.
    assert_eq!(shown(&own, &of_own).await["status"], "pending");
});

both_databases!(
    accepting_while_the_sender_is_removed_is_one_or_the_other,
    |app| {
        let school = app.school().await;
        for number in 0..4 {
            let bob = admin(app, &school, &format!("bob{number}@x.example")).await;
            let known = format!("jane{number}@x.example");
            let jane = app.register(&known).await;
            let (offered, join) = invite(&bob, &school, (&known, "teacher")).await;
            let (of_bob, token) = (school.path_of(&bob.id), token(&join));
            let (removed, accepted) = tokio::join!(
                school.admin.delete(&of_bob),
                jane.post("/v1/invitations/accept", token)
            );
            removed.expect_status(204);
            let status = shown(&school, &offered).await["status"].clone();
            if accepted.status == 200 {
                assert_eq!(status, "accepted");
            } else {
                accepted.expect_problem(409, "invitation_ended");
                assert_eq!(status, "revoked");
            }
            school.students().await;
        }
    }
);
