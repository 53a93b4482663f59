//! Encrypted lines: STARTTLS, TLS from the start, and never a password in the clear. The binary itself
//! sends, since the certificates that a process trusts are the system's, or those that a variable
//! names.

use std::process::Output;

use crate::support::process::Installation;
use crate::support::smtp::{Kind, SmtpMail, SmtpServer, certificate};

/// `rollcall mail test` to this server; with the server's certificate trusted or not.
fn send(server: &SmtpServer, url: &str, trusted: Option<&str>) -> Output {
    let mut installation = Installation::on_sqlite();
    installation.set("SMTP_URL", url.replace("HOST", &server.address.to_string()));
    installation.set("MAIL_FROM", "School <no-reply@hill.example>");
    let mut command = installation.command(&["mail", "test", "--to", "ada@hill.example"]);
    let nobody = installation.path("nobody.pem");
    let certificates = installation.path("trusted.pem");
    std::fs::write(&certificates, trusted.unwrap_or_default()).unwrap();
    // Where nobody is trusted, a certificate is named that has signed nothing here.
    std::fs::write(&nobody, certificate().0).unwrap();
    command.env(
        "SSL_CERT_FILE",
        if trusted.is_some() {
            certificates
        } else {
            nobody
        },
    );
    command.output().unwrap()
}

#[track_caller]
fn arrives(server: &SmtpServer, url: &str, trusted: Option<&str>) -> SmtpMail {
    let sent = send(server, url, trusted);
    let words = String::from_utf8_lossy(&sent.stderr);
    assert!(sent.status.success(), "{words}");
    server.taken().pop().expect("nothing came")
}

#[track_caller]
fn is_refused(server: &SmtpServer, url: &str, trusted: Option<&str>, because: &str) {
    let before = server.taken().len();
    let sent = send(server, url, trusted);
    let words = String::from_utf8_lossy(&sent.stderr);
    assert!(!sent.status.success());
    assert!(words.contains(because), "{words}");
    assert!(!words.contains("hunter2"), "{words}");
    assert_eq!(server.taken().len(), before);
}

fn signed_in() -> Option<(String, String)> {
    Some(("me".to_owned(), "hunter2".to_owned()))
}

#[test]
fn starttls_is_taken_and_the_certificate_is_checked() {
    let (certificate, key) = certificate();
    let server = SmtpServer::start(Kind {
        tls: Some((&certificate, &key)),
        auth: true,
        ..Kind::default()
    });
    let taken = arrives(&server, "smtp://me:hunter2@HOST", Some(&certificate));
    assert_eq!(
        (taken.encrypted, taken.signed_in.clone()),
        (true, signed_in())
    );
    let commands = server.commands().join("\n");
    let order = [
        "EHLO",
        "STARTTLS",
        "EHLO",
        "AUTH PLAIN",
        "MAIL",
        "RCPT",
        "DATA",
        "QUIT",
    ];
    let came: Vec<&str> = commands.lines().collect();
    assert_eq!(came.len(), order.len(), "{commands}");
    assert!(
        came.iter()
            .zip(order)
            .all(|(came, verb)| came.starts_with(verb)),
        "{commands}"
    );
    assert_eq!(taken.parsed().subject, "Test mail from School");

    is_refused(&server, "smtp://me:hunter2@HOST", None, "certificate");
    let optional = arrives(&server, "smtp://HOST?starttls=optional", Some(&certificate));
    assert!(optional.encrypted);
    let never = arrives(&server, "smtp://HOST?starttls=never", None);
    assert!(!never.encrypted);
}

#[test]
fn tls_from_the_start_is_spoken_and_the_certificate_is_checked() {
    let (certificate, key) = certificate();
    let server = SmtpServer::start(Kind {
        tls: Some((&certificate, &key)),
        implicit_tls: true,
        auth: true,
        ..Kind::default()
    });
    let taken = arrives(&server, "smtps://me:hunter2@HOST", Some(&certificate));
    assert_eq!((taken.encrypted, taken.signed_in), (true, signed_in()));
    is_refused(&server, "smtps://me:hunter2@HOST", None, "certificate");
}

#[test]
fn without_starttls_no_password_is_sent() {
    let server = SmtpServer::start(Kind {
        auth: true,
        ..Kind::default()
    });
    is_refused(
        &server,
        "smtp://me:hunter2@HOST",
        None,
        "offers no STARTTLS",
    );
    is_refused(
        &server,
        "smtp://HOST?starttls=required",
        None,
        "offers no STARTTLS",
    );
    let auth = server
        .commands()
        .into_iter()
        .filter(|command| command.starts_with("AUTH"));
    assert_eq!(auth.count(), 0);
    assert_eq!(server.quits(), server.connections());
    let plain = arrives(&server, "smtp://HOST", None);
    assert_eq!((plain.encrypted, plain.signed_in), (false, None));
}
