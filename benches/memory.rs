//! How much memory an import of 100,000 rows takes beyond the idle server:
//! `cargo bench --bench memory`.
//!
//! The server is the real binary. It reads the file, works on it for `ROLLCALL_BENCH_SECONDS` (a
//! minute unless given; 0: to the end, a quarter of an hour on two cores), and sends the results.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a benchmark that meets the unexpected has to fail"
)]

mod support;

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

const ROWS: usize = 100_000;
/// A column that nobody needs brings the file near its limit of 32 MiB.
const PADDING: usize = 230;
/// Two threads for imports and two for sign-ins, 7 MiB each.
const HASH_MEMORY_MIB: f64 = 28.0;

fn main() {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(measure());
}

struct Server {
    child: Child,
    base: String,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_rollcall"))
            .env_clear()
            .env("ROLLCALL_LISTEN", "127.0.0.1:0")
            .env("ROLLCALL_DATA_DIR", folder.path())
            .env("ROLLCALL_LOG", "warn")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let file = folder.path().join("listening");
        let started = Instant::now();
        let address = loop {
            if let Ok(address) = std::fs::read_to_string(&file) {
                break address;
            }
            assert!(
                started.elapsed() < Duration::from_secs(30),
                "the server does not start"
            );
            std::thread::sleep(Duration::from_millis(50));
        };
        Self {
            child,
            base: format!("http://{}", address.trim()),
            _folder: folder,
        }
    }

    /// A line of `/proc/<pid>/status`, in MiB.
    fn status(&self, name: &str) -> f64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn measure() {
    let seconds: u64 =
        std::env::var("ROLLCALL_BENCH_SECONDS").map_or(60, |seconds| seconds.parse().unwrap());
    let server = Server::start();
    let client = reqwest::Client::new();
    let ann = json!({ "email": "ann@x.org", "password": "seven green ducks 7", "username": "Ann" });
    let register = client
        .post(format!("{}/v1/auth/register", server.base))
        .json(&ann);
    let registered: Value = register.send().await.unwrap().json().await.unwrap();
    let token = registered["access_token"].as_str().unwrap().to_owned();
    let school = json!({ "name": "Large", "kind": "school" });
    let school: Value = client
        .post(format!("{}/v1/organizations", server.base))
        .bearer_auth(&token)
        .json(&school)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let imports = format!(
        "{}/v1/organizations/{}/imports",
        server.base,
        school["id"].as_str().unwrap()
    );
    let idle = server.status("VmRSS");
    let file = file();
    println!(
        "idle: {idle:.1} MiB; uploading {ROWS} rows, {:.1} MiB",
        file.len() as f64 / 1048576.0
    );

    let form = Form::new()
        .text("account_type", "student")
        .part("file", Part::text(file));
    let started = Instant::now();
    let answer = client
        .post(&imports)
        .bearer_auth(&token)
        .multipart(form)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    let import: Value = answer.json().await.unwrap();
    report(
        &server,
        idle,
        &format!(
            "after the upload ({:.1} s)",
            started.elapsed().as_secs_f64()
        ),
    );
    let path = format!("{imports}/{}", import["id"].as_str().unwrap());
    // A session lasts fifteen minutes without a refresh; the work to the end may take longer.
    let limit = if seconds == 0 {
        Duration::from_secs(13 * 60)
    } else {
        Duration::from_secs(seconds)
    };
    let started = Instant::now();
    let get = async |path: String| client.get(path).bearer_auth(&token).send().await.unwrap();
    while started.elapsed() < limit {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let import: Value = get(path.clone()).await.json().await.unwrap();
        if import["status"] == "completed" {
            break;
        }
    }
    let cancel = client.post(format!("{path}/cancel")).bearer_auth(&token);
    // Refused where it is complete: then there is nothing to cancel.
    let _ = cancel.send().await.unwrap();
    let import: Value = get(path.clone()).await.json().await.unwrap();
    report(
        &server,
        idle,
        &format!("after the work: {}", import["counts"]),
    );
    let list = get(format!("{path}/userlist.csv"))
        .await
        .bytes()
        .await
        .unwrap();
    report(
        &server,
        idle,
        &format!(
            "after a download of {:.1} MiB",
            list.len() as f64 / 1048576.0
        ),
    );
}

fn report(server: &Server, idle: f64, when: &str) {
    let peak = server.status("VmHWM");
    println!(
        "{when}: peak {peak:.1} MiB, {:.1} MiB above idle; {:.1} MiB without the hash memory \
         (wanted: at most 64)",
        peak - idle,
        (peak - idle - HASH_MEMORY_MIB).max(0.0)
    );
}

fn file() -> String {
    let padding = "x".repeat(PADDING);
    let mut file = String::from("email,password,username,notes\n");
    for row in 0..ROWS {
        file.push_str(&format!(
            "person{row}@school.example,{},Person {row},{padding}\n",
            support::password(row)
        ));
    }
    file
}
