//! Clients that go away in the middle of an upload, and processes that do.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rollcall::domain::ids::OrganizationId;
use rollcall::domain::spreadsheet::ReadOptions;
use rollcall::services::authorization::ManageImports;
use rollcall::services::context::RequestContext;
use rollcall::services::imports::from_csv::{self, FileSource};

use super::{STUDENTS, assert_counts, file, long_file};
use crate::support::people::Organization;
use crate::support::{App, both_databases};

/// How the length of a body is told.
#[derive(Clone, Copy)]
pub enum Framing {
    Sized,
    Chunked,
}

/// A connection on which the first half of an upload has been sent.
pub fn half_an_upload(school: &Organization<'_>, framing: Framing) -> TcpStream {
    first_rows(school, framing, 3_000)
}

/// A connection on which so many rows of an upload have been sent.
pub fn first_rows(school: &Organization<'_>, framing: Framing, rows: usize) -> TcpStream {
    let app = school.app();
    let length = match framing {
        Framing::Sized => "content-length: 10000000",
        Framing::Chunked => "transfer-encoding: chunked",
    };
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=frontier\r\n{length}\r\n\r\n",
        school.path("/imports"),
        app.address,
        school.admin.access_token.as_deref().unwrap(),
    );
    let body = format!(
        "--frontier\r\ncontent-disposition: form-data; name=\"account_type\"\r\n\r\nstudent\r\n\
         --frontier\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n{}",
        long_file(rows)
    );
    let body = match framing {
        Framing::Sized => body,
        Framing::Chunked => format!("{:x}\r\n{body}\r\n", body.len()),
    };
    let mut connection = TcpStream::connect(app.address).unwrap();
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(body.as_bytes()).unwrap();
    connection
}

both_databases!(a_client_that_hangs_up_leaves_nothing, |app| {
    let school = app.school().await;
    for framing in [Framing::Sized, Framing::Chunked] {
        let connection = half_an_upload(&school, framing);
        school.wait_for_traces(|(_, rows)| rows >= 1_000).await;
        // While the file arrives, the import is nobody's to see.
        assert!(school.all("/imports").await.is_empty());
        drop(connection);
        school.wait_for_traces(|traces| traces == (0, 0)).await;
        school.assert_untouched().await;
    }
    let import = school.imported(file(64), STUDENTS).await;
    assert_counts(&import, serde_json::json!({ "created": 64 }));
});

both_databases!(a_client_that_stops_sending_is_told, |app| {
    let school = app.school().await;
    let mut connection = half_an_upload(&school, Framing::Chunked);
    // The body ends, as chunks do, before the form has.
    connection.write_all(b"0\r\n\r\n").unwrap();
    connection.shutdown(Shutdown::Write).unwrap();
    let answer = tokio::task::spawn_blocking(move || {
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("\"malformed_request\""), "{answer}");
    assert!(answer.contains("Nothing was imported"), "{answer}");
    school.assert_untouched().await;
});

/// A file whose reader dies after the first rows have been staged, as its process would.
struct Deadly {
    text: std::io::Cursor<String>,
}

impl std::io::Read for Deadly {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.text.read(buffer)? {
            0 => panic!("the process dies"),
            count => Ok(count),
        }
    }
}

impl FileSource for Deadly {
    fn options(&self) -> ReadOptions {
        ReadOptions::default()
    }
}

fn stage_and_die(app: &App, organization: &str) {
    let organization: OrganizationId = organization.parse().unwrap();
    let permit = app.cli_permit::<ManageImports>(organization);
    let services = &app.state.services;
    let context = RequestContext::command_line(services.clock.now());
    let text = std::io::Cursor::new(long_file(5_000));
    let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        from_csv::stage(services, &context, &permit, Deadly { text }).map(|_| ())
    }));
    died.expect_err("it lives");
}

both_databases!(what_a_dead_process_has_staged_is_cleaned_up, |app| {
    let mut school = app.school().await;
    stage_and_die(app, &school.id);
    let (found, rows) = school.traces();
    assert!(found == 1 && rows >= 500, "{found} imports, {rows} rows");
    assert!(school.all("/imports").await.is_empty());
    app.advance(Duration::from_secs(15 * 60));
    app.drain().await;
    assert_eq!(school.traces(), (found, rows));
    app.advance(Duration::from_secs(1));
    app.drain().await;
    school.admin = app
        .sign_in(&school.admin.email, crate::support::people::PASSWORD)
        .await;
    school.assert_untouched().await;
});
