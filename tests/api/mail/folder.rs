//! The folder of `.eml` files: the default of the embedded mode.

use rollcall::domain::mail::MailStatus;
use rollcall::store::mails;

use serde_json::json;

use super::{delivery, queue, reset_letter};
use crate::support::both_databases;
use crate::support::people::PASSWORD;

both_databases!(a_mail_is_written_into_the_folder_once, |app| {
    app.register("ada@hill.example").await;
    let mail = queue(
        app,
        "ada@hill.example",
        "reset 1",
        reset_letter(app, "rcp_secret"),
    )
    .unwrap();
    assert_eq!(delivery(app, mail).status, MailStatus::Queued);

    let received = app.last_mail_to("ada@hill.example").await;
    assert_eq!(received.from, "no-reply@rollcall.invalid");
    assert_eq!(received.subject, "Choose a new password for Rollcall");
    assert_eq!(received.token(), "rcp_secret");
    assert!(
        received.html.contains(&received.link()),
        "{}",
        received.html
    );
    let ended = delivery(app, mail);
    assert_eq!(
        (ended.status, ended.attempts, ended.last_error),
        (MailStatus::Sent, 1, None)
    );

    let before = app.mails().await.len();
    let again = queue(
        app,
        "ada@hill.example",
        "reset 1",
        reset_letter(app, "rcp_other"),
    );
    assert!(again.is_none(), "one cause, one mail");
    assert_eq!(app.mails().await.len(), before);
});

both_databases!(what_was_withdrawn_is_not_sent, |app| {
    app.register("ada@hill.example").await;
    app.drain().await;
    let before = app.mails().await.len();
    let mail = queue(
        app,
        "ada@hill.example",
        "reset 1",
        reset_letter(app, "rcp_secret"),
    )
    .unwrap();
    let mut connection = app.state.services.pool.get().unwrap();
    assert_eq!(mails::withdraw(&mut connection, &[mail]).unwrap().len(), 1);
    drop(connection);
    assert_eq!(app.mails().await.len(), before);
});

both_databases!(
    strangers_are_not_greeted_by_a_name_that_others_chose,
    |app| {
        let email = "ada@hill.example";
        let name = "You won 1000 EUR call Bob";
        let body = json!({ "email": email, "password": PASSWORD, "username": name });
        let registered = app.anonymous().post("/v1/auth/register", body).await;
        registered.expect_status(201);
        let token = app.last_mail_to(email).await.token();
        let folder = app.state.services.config.data_dir.join("mail");
        let as_sent = || {
            let files = std::fs::read_dir(&folder).unwrap();
            let text = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
            text.collect::<String>()
        };
        assert!(!as_sent().contains("1000 EUR"), "{}", as_sent());
        let ada = app.sign_in(email, PASSWORD).await;
        let verified = ada.post("/v1/auth/email/verify", json!({ "token": token }));
        verified.await.expect_status(200);
        let body = json!({ "current_password": PASSWORD, "new_password": "eight brown geese 8" });
        let changed = ada.post("/v1/auth/password/change", body).await;
        changed.expect_status(204);
        app.drain().await;
        assert!(as_sent().contains("1000 EUR"));
    }
);
