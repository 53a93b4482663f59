//! Places among the uploads: nobody holds them all by sending next to nothing.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use serde_json::json;

use super::hang_up::{Framing, first_rows, half_an_upload};
use super::{STUDENTS, assert_counts, file};
use crate::support::app::block_on;
use crate::support::people::{Organization, text};
use crate::support::{App, both_databases};

/// Uploads that one process takes at a time.
const PLACES: i64 = 16;

/// All places, held by two organizations.
async fn all_places(schools: &[Organization<'_>; 2]) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for school in schools {
        for _ in 0..PLACES / 2 {
            held.push(first_rows(school, Framing::Chunked, 1_500));
        }
    }
    for school in schools {
        let half = |(imports, _)| imports == PLACES / 2;
        school.wait_for_traces(half).await;
    }
    held
}

/// Sends a byte a second on each connection until `stop`, and gives what came back on them.
fn trickle(
    connections: Vec<TcpStream>,
    stop: std::sync::mpsc::Receiver<()>,
) -> std::thread::JoinHandle<Vec<String>> {
    send_steadily(connections, b"x", stop)
}

/// Sends these bytes every second on each connection until `stop`, and gives what came back on them.
fn send_steadily(
    mut connections: Vec<TcpStream>,
    bytes: &[u8],
    stop: std::sync::mpsc::Receiver<()>,
) -> std::thread::JoinHandle<Vec<String>> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    std::thread::spawn(move || {
        let a_second = Duration::from_secs(1);
        while stop.recv_timeout(a_second) == Err(RecvTimeoutError::Timeout) {
            for connection in &mut connections {
                // One whose place was taken back is closed.
                let _ = connection.write_all(&chunk);
            }
        }
        connections.into_iter().map(answer_so_far).collect()
    })
}

fn answer_so_far(mut connection: TcpStream) -> String {
    connection
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match connection.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// Imports a file. Only time in which the process waits for others' files counts against them: where it is busy with
/// their rows, it takes longer to tell who is slow, and whoever waits is asked to come back.
async fn import_as_soon_as_possible(school: &Organization<'_>) {
    let accepted = loop {
        let answer = school.import(file(3), STUDENTS).await;
        if answer.status != 429 {
            break answer.expect_status(202);
        }
    };
    school.app().drain().await;
    let import = school.import_with(&accepted["id"]).await;
    assert_counts(&import, json!({ "created": 3 }));
}

/// Whether the place of the upload was taken back. Others may have ended for being slow.
fn gave_way(answer: &str) -> bool {
    answer.contains("Others wait to upload")
}

both_databases!(
    a_place_is_taken_back_from_the_slowest_where_others_wait,
    |app| {
        let school = app.school().await;
        let holders = [
            app.organization("Valley School", "school").await,
            app.organization("Lake Side School", "school").await,
        ];
        let held = all_places(&holders).await;
        let (stop, stopped) = std::sync::mpsc::channel();
        let trickling = trickle(held, stopped);
        import_as_soon_as_possible(&school).await;
        stop.send(()).unwrap();
        let answers = trickling.join().unwrap();
        let answer = answers.iter().find(|answer| gave_way(answer));
        let answer = answer.unwrap_or_else(|| panic!("{answers:?}"));
        assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
        let answer = answer.to_lowercase();
        assert!(answer.contains("retry-after: 60\r\n"), "{answer}");
        school.wait_for_traces(|(imports, _)| imports == 1).await;
    }
);

/// Places are the process's, whatever the database.
#[test]
fn a_place_is_taken_back_where_others_wait_and_it_was_held_for_long() {
    let app = App::on_sqlite();
    block_on(async {
        let school = app.school().await;
        // Nobody has more than one, and nobody is slow.
        let mut held = Vec::new();
        for number in 0..PLACES {
            let name = format!("Holder {number}");
            let holder = app.organization(&name, "school").await;
            held.push(first_rows(&holder, Framing::Chunked, 1_500));
            holder.wait_for_traces(|(imports, _)| imports == 1).await;
        }
        let (stop, stopped) = std::sync::mpsc::channel();
        let note = "x".repeat(80 * 1024);
        let row = format!("jane@x.example,quiet rivers 11,{note}\r\n");
        let sending = send_steadily(held, row.as_bytes(), stopped);
        import_as_soon_as_possible(&school).await;
        stop.send(()).unwrap();
        let answers = sending.join().unwrap();
        assert!(answers.iter().any(|answer| gave_way(answer)), "{answers:?}");
    });
}

both_databases!(an_upload_that_sends_next_to_nothing_ends, |app| {
    let school = app.school().await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=frontier\r\n\
         transfer-encoding: chunked\r\n\r\n",
        school.path("/imports"),
        app.address,
        school.admin.access_token.as_deref().unwrap(),
    );
    let body =
        "--frontier\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n";
    let connection = || {
        let mut connection = TcpStream::connect(app.address).unwrap();
        connection.write_all(head.as_bytes()).unwrap();
        let chunk = format!("{:x}\r\n{body}\r\n", body.len());
        connection.write_all(chunk.as_bytes()).unwrap();
        connection
    };
    let silent = connection();
    let (stop, stopped) = std::sync::mpsc::channel();
    let trickling = trickle(vec![connection()], stopped);
    tokio::time::sleep(Duration::from_secs(18)).await;
    stop.send(()).unwrap();
    let mut answers = trickling.join().unwrap();
    answers.push(answer_so_far(silent));
    for answer in answers {
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer:?}");
        for words in ["too slowly", "\"request_timeout\""] {
            assert!(answer.contains(words), "{answer:?}");
        }
    }
    school.assert_untouched().await;
});

both_databases!(
    an_account_has_no_more_places_with_many_organizations,
    |app| {
        let first = app.school().await;
        let mut schools = vec![first];
        for number in 0..3 {
            let admin = schools[0].admin.clone();
            let body = json!({ "name": format!("School {number}"), "kind": "school" });
            let founded = admin.post("/v1/organizations", body).await;
            let founded = founded.expect_status(201);
            schools.push(Organization {
                id: text(&founded["id"]),
                slug: text(&founded["slug"]),
                admin,
            });
        }
        let mut held = Vec::new();
        for school in [0, 1].iter().cycle().take(8) {
            held.push(half_an_upload(&schools[*school], Framing::Chunked));
        }
        for school in &schools[..2] {
            let their_half = |(imports, _)| imports == PLACES / 4;
            school.wait_for_traces(their_half).await;
        }
        let began = Instant::now();
        let refused = schools[2].import(file(1), STUDENTS).await;
        let problem = refused.expect_problem(429, "rate_limited");
        assert!(began.elapsed() < Duration::from_secs(10));
        let detail = text(&problem["detail"]);
        assert!(detail.contains("has eight uploads running"), "{detail}");
        let other = app.organization("Valley School", "school").await;
        let import = other.imported(file(3), STUDENTS).await;
        assert_counts(&import, json!({ "created": 3 }));
    }
);
