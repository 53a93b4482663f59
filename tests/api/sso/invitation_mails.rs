//! What invitations say and where their links lead where single sign-on is required.

use super::*;
use crate::support::ReceivedMail;

/// Requires single sign-on, with the first admin for emergencies, or no more.
async fn require(school: &Organization<'_>, required: bool) {
    let policy = json!({ "required": required, "emergency_admins": [school.admin.id] });
    let path = school.path("/sign-in-policy");
    school.admin.put(&path, policy).await.expect_status(200);
}

async fn invited(school: &Organization<'_>, email: &str) -> ReceivedMail {
    let body = json!({ "emails": [email], "account_type": "teacher" });
    school.invite_with(body).await.expect_status(200);
    school.admin.app.last_mail_to(email).await
}

/// What the first link of a mail brings the app.
fn parameters(mail: &ReceivedMail) -> HashMap<String, String> {
    let link: Url = mail.link().parse().unwrap();
    assert_eq!(link.path(), "/sign-in");
    link.query_pairs().into_owned().collect()
}

both_databases!(
    a_new_account_is_opened_by_the_connection_that_its_mail_names,
    |app| {
        let school = app.school().await;
        let other = app.organization("Other School", "school").await;
        let provider = IdentityProvider::start();
        let connection = active(&school, &provider).await;
        require(&school, true).await;
        let mail = invited(&school, "jane@else.example").await;
        assert!(mail.text.contains("(School accounts)"), "{}", mail.text);
        assert!(!mail.text.contains("Choose a password"), "{}", mail.text);
        let brings = parameters(&mail);
        assert_eq!(brings["connection"], text(&connection["id"]));
        assert_eq!(brings["login_hint"], "jane@else.example");
        let token = json!({ "invitation_token": brings["invitation_token"] });
        let by = (&provider, json!({ "sub": "jane", "name": "Jane" }));
        let came = carry(&app.anonymous(), &connection, by, token).await;
        let came = came.expect_status(200);
        assert_eq!(came["outcome"], "linked", "{came:#}");
        let jane = holder(app, &came);
        let me = jane.get("/v1/me").await.expect_status(200);
        assert_eq!(me["email"], "jane@else.example");
        jane.get(&school.path("")).await.expect_status(200);
        let memberships = jane.get("/v1/me/memberships").await.expect_status(200);
        assert_eq!(memberships["items"][0]["organization"]["id"], school.id);
        // Elsewhere a password is chosen.
        let mail = invited(&other, "joe@else.example").await;
        assert!(mail.link().contains("/set-password?token="));
    }
);

both_databases!(
    an_invitation_to_an_account_says_what_opens_the_school,
    |app| {
        let school = app.school().await;
        let provider = IdentityProvider::start();
        active(&school, &provider).await;
        app.register("kay@else.example").await;
        require(&school, true).await;
        let mail = invited(&school, "kay@else.example").await;
        assert!(mail.link().contains("/invitation?token="));
        assert!(mail.text.contains("(School accounts)"), "{}", mail.text);
    }
);

both_databases!(of_several_connections_the_app_asks_for_one, |app| {
    let school = app.school().await;
    let provider = IdentityProvider::start();
    active(&school, &provider).await;
    active(&school, &provider).await;
    require(&school, true).await;
    let mail = invited(&school, "jane@else.example").await;
    let brings = parameters(&mail);
    assert_eq!(brings["email"], "jane@else.example");
    assert!(brings["invitation_token"].starts_with("rcp_"));
    // Once no single sign-on is required any more, a new link leads to a password.
    require(&school, false).await;
    let list = school.admin.get(&school.path("/invitations")).await;
    let id = text(&list.expect_status(200)["items"][0]["id"]);
    let path = school.path(&format!("/invitations/{id}/resend"));
    school.admin.post(&path, json!({})).await.expect_status(200);
    let mail = app.last_mail_to("jane@else.example").await;
    assert!(mail.link().contains("/set-password?token="));
});
