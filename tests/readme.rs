//! README.md holds: its tour is run as it is written, and no setting is missing from it.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it expects in the shortest way"
)]

#[path = "support/server.rs"]
mod server;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const README: &str = include_str!("../README.md");
const ENVIRONMENT: &str = include_str!("../.env.example");

#[test]
fn the_tour_ends_with_an_imported_person_who_is_signed_in() {
    if Command::new("curl").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "the tour needs curl");
        eprintln!("The tour was skipped: there is no curl.");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = server::Server::start(folder.path());
    let tour = run(&shell_blocks("## Tour"), folder.path(), &server.address);
    let (said, complained) = (text(&tour.stdout), text(&tour.stderr));
    assert!(
        tour.status.success(),
        "{}\n{said}\n{complained}",
        tour.status
    );
    let last = said.lines().last().unwrap_or_default();
    assert!(
        last.contains(r#""email":"ben.okafor@hill-road.example""#),
        "{said}\n{complained}"
    );
    for line in [
        "email,password,username",
        "1,ana.silva@hill-road.example,four brown bears 4,Ana Silva,student,created,,",
        r#""failed":1"#,
        r#""action":"import.finished""#,
    ] {
        assert!(
            said.contains(line),
            "{line} is missing:\n{said}\n{complained}"
        );
    }
}

/// The `sh` blocks of a section, one after the other.
fn shell_blocks(heading: &str) -> String {
    let section = README
        .split(&format!("\n{heading}\n"))
        .nth(1)
        .expect("no such section");
    let section = section.split("\n## ").next().unwrap();
    section
        .split("\n```sh\n")
        .skip(1)
        .map(|block| block.split_once("\n```").expect("a block without an end").0)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Runs a script with the server's address; one that hangs is stopped.
fn run(script: &str, folder: &Path, address: &str) -> Output {
    let patience = Duration::from_secs(60);
    let mut shell = Command::new("sh")
        .args(["-eu", "-c", script])
        .current_dir(folder)
        .env("API", format!("http://{address}"))
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(folder.join("said")).unwrap())
        .stderr(std::fs::File::create(folder.join("complained")).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + patience;
    let status = loop {
        match shell.try_wait().unwrap() {
            Some(status) => break status,
            None if Instant::now() > deadline => {
                shell.kill().unwrap();
                break shell.wait().unwrap();
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    Output {
        status,
        stdout: std::fs::read(folder.join("said")).unwrap(),
        stderr: std::fs::read(folder.join("complained")).unwrap(),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Every setting and its default; empty where that depends on the machine or on another setting.
fn settings() -> BTreeMap<String, String> {
    let defaults = rollcall::config::Config::from_environment(HashMap::new()).unwrap();
    let mut settings: BTreeMap<String, String> = defaults
        .to_string()
        .lines()
        .map(|line| {
            let (name, rest) = line.split_once(" = \"").unwrap();
            (
                name.to_owned(),
                rest.split_once("\"  # ").unwrap().0.to_owned(),
            )
        })
        .collect();
    for depends in [
        "config_file",
        "cors_origins",
        "database_connections",
        "database_url",
        "hash_threads",
        "organization_creation",
    ] {
        settings.insert(depends.to_owned(), String::new());
    }
    settings
}

#[test]
fn every_setting_stands_in_the_example_with_its_default() {
    let written: BTreeMap<String, String> = ENVIRONMENT
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.strip_prefix("ROLLCALL_")?.split_once('='))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    assert_eq!(written, settings());
}

#[test]
fn every_setting_stands_in_the_table_with_its_default() {
    let section = |heading: &str| {
        let section = README.split(&format!("\n## {heading}\n")).nth(1);
        section.and_then(|it| it.split("\n## ").next()).unwrap()
    };
    let rows: Vec<&str> = section("Configuration")
        .lines()
        .chain(section("Limits").lines())
        .filter(|line| line.starts_with("| `ROLLCALL_"))
        .collect();
    let settings = settings();
    assert_eq!(rows.len(), settings.len());
    for (name, default) in settings {
        let name = name.to_uppercase();
        let row = rows
            .iter()
            .find(|row| row.starts_with(&format!("| `ROLLCALL_{name}` |")))
            .unwrap_or_else(|| panic!("ROLLCALL_{name} is missing in the table of README.md"));
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert!(
            default.is_empty() || last.contains(&format!("`{default}`")),
            "{row}"
        );
    }
}

/// An empty value counts as unset, so the example as it is changes nothing.
#[test]
fn the_example_can_be_used_as_it_is() {
    let settings = ENVIRONMENT
        .lines()
        .filter_map(|line| line.strip_prefix("ROLLCALL_")?.split_once('='))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    rollcall::config::Config::from_environment(settings).unwrap();
}
