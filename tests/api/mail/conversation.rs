//! What a mail server hears, and what it gets.

use std::time::Duration;

use rollcall::domain::language::Language;
use rollcall::domain::mail::MailStatus;
use rollcall::mail::MailContent;
use rollcall::worker::{MAILS, Step, Worker};

use super::{delivery, queue, queue_in, reset_letter, sent};
use crate::support::App;
use crate::support::smtp::{Phase, Reaction, SmtpServer};

const ADA: &str = "ada@hill.example";

sent!(a_mail_is_handed_in_step_by_step, |app, server| {
    app.register(ADA).await;
    app.drain().await;
    let before = server.commands().len();
    let mail = queue(app, ADA, "reset 1", reset_letter(app, "rcp_secret")).unwrap();
    app.drain().await;
    assert_eq!(
        server.commands()[before..],
        [
            "EHLO hill.example",
            "MAIL FROM:<no-reply@hill.example>",
            "RCPT TO:<ada@hill.example>",
            "DATA",
            "QUIT"
        ]
    );
    let ended = delivery(app, mail);
    assert_eq!((ended.status, ended.attempts), (MailStatus::Sent, 1));

    let taken = server.taken().pop().unwrap();
    assert_eq!((&*taken.from, &*taken.to), ("no-reply@hill.example", ADA));
    for header in [
        "From: \"Hill Road School\" <no-reply@hill.example>\r\n",
        "To: ada <ada@hill.example>\r\n",
        "Subject: Choose a new password for Hill Road School\r\n",
        "Date: Tue, 01 Sep 2026 07:30:00 +0000\r\n",
        &format!("Message-ID: <{mail}@hill.example>\r\n"),
        "Auto-Submitted: auto-generated\r\n",
        "Content-Language: en\r\n",
        "MIME-Version: 1.0\r\n",
        "Content-Type: multipart/alternative;",
    ] {
        assert!(taken.text.contains(header), "{header}\n{}", taken.text);
    }
    assert!(taken.text.is_ascii(), "{}", taken.text);
    let longest = taken.text.lines().map(str::len).max().unwrap();
    assert!(longest <= 998, "{longest}");
    assert_eq!(taken.parsed().token(), "rcp_secret");
});

sent!(names_of_any_script_arrive_as_they_are, |app, server| {
    let body = serde_json::json!({
        "email": ADA, "password": crate::support::people::PASSWORD, "username": "Äijä \"Ö\" Ωμέγα, 7A",
    });
    let anonymous = app.anonymous();
    anonymous
        .post("/v1/auth/register", body)
        .await
        .expect_status(201);
    // No name goes to an address that nobody has verified.
    app.verify_emails_by_reset();
    let content = reset_letter(app, "rcp_secret");
    queue_in(app, Some(Language::Finnish), (ADA, "reset 1"), content).unwrap();
    app.drain().await;
    let taken = server.taken().pop().unwrap();
    assert!(taken.text.is_ascii(), "{}", taken.text);
    assert!(
        taken.text.contains("Content-Language: fi\r\n"),
        "{}",
        taken.text
    );
    let message = mail_parser::MessageParser::default()
        .parse(taken.text.as_bytes())
        .unwrap();
    let to = message.to().unwrap().first().unwrap();
    assert_eq!(to.name(), Some("Äijä \"Ö\" Ωμέγα, 7A"));
    assert_eq!(to.address(), Some(ADA));
});

/// A content whose every text wants to be a header, markup or a link.
fn hostile_letter(app: &App) -> MailContent {
    MailContent::SignInInstructions {
        organization: "Hill\r\nBcc: all@evil.example\r\n\r\n<b>Road</b>".to_owned(),
        invited_by: Some("Eve\r\nReply-To: eve@evil.example <img src=x>".to_owned()),
        note: Some(
            "<script>alert(1)</script>\nChoose a password: https://evil.example/set-password?token=rcp_1\n\
             {{ link }} {% raw %}\r\n.\r\nMAIL FROM:<eve@evil.example>"
                .to_owned(),
        ),
        login: ADA.to_owned(),
        connections: String::new(),
        link: "http://localhost:3000/set-password?token=rcp_secret".to_owned(),
        expires_at: app.now().plus(Duration::from_secs(3600)),
    }
}

sent!(
    what_people_wrote_is_never_a_header_markup_or_a_link,
    |app, server| {
        app.register(ADA).await;
        queue(app, ADA, "invitation 1", hostile_letter(app)).unwrap();
        app.drain().await;
        let commands = server.commands();
        let senders = commands.iter().filter(|command| command.contains("evil"));
        assert_eq!(senders.count(), 0, "{commands:?}");

        let taken = server.taken().pop().unwrap();
        let (head, _) = taken.text.split_once("\r\n\r\n").unwrap();
        for line in head.lines().filter(|line| !line.starts_with(' ')) {
            let name = line.split(':').next().unwrap();
            assert!(!["Bcc", "Reply-To"].contains(&name), "{head}");
        }
        let mail = taken.parsed();
        assert_eq!(mail.token(), "rcp_secret", "the first link is ours");
        for part in [&mail.text, &mail.html] {
            assert!(!part.contains("https://evil.example"), "{part}");
            assert!(part.contains("{{ link }} {% raw %}"), "{part}");
        }
        for markup in ["<script", "<b>", "<img"] {
            assert!(!mail.html.contains(markup), "{}", mail.html);
        }
        assert!(mail.html.contains("&lt;script&gt;"), "{}", mail.html);
        let quoted = mail
            .text
            .lines()
            .filter(|line| line.contains("evil.\u{2060}example/"));
        assert!(
            quoted.into_iter().all(|line| line.starts_with("> ")),
            "{}",
            mail.text
        );
    }
);

sent!(a_run_of_mails_takes_one_connection, |app, server| {
    app.register(ADA).await;
    app.drain().await;
    let before = server.connections();
    for number in 0..5 {
        queue(
            app,
            ADA,
            &format!("reset {number}"),
            reset_letter(app, "rcp_1"),
        )
        .unwrap();
    }
    app.drain().await;
    assert_eq!(server.connections(), before + 1);

    // A server may end a connection between two mails.
    for number in 5..8 {
        queue(
            app,
            ADA,
            &format!("reset {number}"),
            reset_letter(app, "rcp_1"),
        )
        .unwrap();
    }
    let taken = server.taken().len();
    let mut worker = Worker::new(&app.state, &MAILS).without_send_rate();
    let mut send_one = || assert_eq!(worker.next(&|| false).unwrap(), Step::Done);
    send_one();
    server.once(Phase::Mail, Reaction::HangUp);
    send_one();
    server.once(Phase::Mail, Reaction::Say("421 4.4.2 idle too long"));
    send_one();
    worker.rest();
    assert_eq!(server.taken().len(), taken + 3);
    assert_eq!(server.connections(), before + 4);
});
