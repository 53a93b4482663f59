//! The documents hold: their commands run as written, their links lead somewhere, and no setting is
//! missing from the example.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rollcall::domain::diagnosis::StepName;
use rollcall::domain::mail::MailKind;

use crate::support::command::command;
use crate::support::process::Installation;

const README: &str = include_str!("../../README.md");
const PERMISSIONS: &str = include_str!("../../docs/permissions.md");
const ENVIRONMENT: &str = include_str!("../../.env.example");
const MAIL: &str = include_str!("../../docs/mail.md");
const LIMITS: &str = include_str!("../../docs/limits.md");
const SHELL: &str = include_str!("../../docs/sso/README.md");
const SETUP_LINK: &str = include_str!("../../docs/sso/setup-link.md");
const DIAGNOSES: &str = include_str!("../../docs/sso/diagnoses.md");

/// What a block needs that a test does not have: the only reasons to mark it `sh no-run`.
const NOT_HERE: [&str; 15] = [
    "cargo ",
    "docker ",
    "pg_dump ",
    "pg_restore ",
    "postgres://",
    "smtp://",
    "smtps://",
    ".ci/",
    // An identity provider: its metadata, and somebody who has signed in there.
    "GoogleIDPMetadata.xml",
    "idp-metadata.xml",
    "@saml.json",
    "/refresh",
    "/activate",
    // A record in the DNS.
    "/check",
    // Somebody who has followed the link of a mail.
    r#""role": "admin""#,
];

#[test]
fn the_tour_ends_with_an_imported_person_who_is_signed_in() {
    let Some(tour) = run(&shell_blocks(README)) else {
        return;
    };
    let last = tour.output.lines().last().unwrap_or_default();
    assert!(
        last.contains(r#""email":"ben.okafor@hill-road.example""#),
        "{tour:?}"
    );
    for line in [
        "email,password,username",
        "1,ana.silva@hill-road.example,four brown bears 4,Ana Silva,student,created,,",
        r#""failed":1"#,
        r#""action":"import.finished""#,
    ] {
        assert!(tour.output.contains(line), "{line} is missing:\n{tour:?}");
    }
}

/// Each page continues the shell session of the tour.
#[test]
fn the_commands_of_every_page_run_as_written() {
    let tour = shell_blocks(README);
    for (name, page) in pages() {
        let commands = shell_blocks(&page);
        if !commands.is_empty() {
            eprintln!("{name}");
            run(&format!("{tour}\n{commands}"));
        }
    }
}

/// Each guide that begins in the shell of `docs/sso/README.md` runs with nothing set but what that page sets: as
/// for an admin who did the tour on another day.
#[test]
fn the_guides_of_providers_begin_in_the_shell_of_their_first_page() {
    let opening = format!(
        "(\n{}\n) > /dev/null\n{}",
        shell_blocks(README),
        shell_blocks(SHELL)
    );
    let pages = pages().into_iter();
    let guides: Vec<_> = pages
        .filter(|(_, page)| page.contains("(README.md#the-shell)"))
        .collect();
    assert!(guides.len() >= 6, "{guides:?}");
    for (name, guide) in guides {
        eprintln!("{name}");
        run(&format!("{opening}\n{}", shell_blocks(&guide)));
    }
}

/// The half of the page for whoever has a setup link needs nothing that the admin's half has set, but the link.
#[test]
fn whoever_has_a_setup_link_needs_nothing_else() {
    let (admins, holders) = SETUP_LINK.split_once("\n## Whoever has the link").unwrap();
    let [tour, shell, admins, holders] = [README, SHELL, admins, holders].map(shell_blocks);
    run(&format!(
        "(\n{tour}\n{shell}\n{admins}\necho \"$URL\" > $TMPDIR/url\n) > /dev/null\nURL=$(cat $TMPDIR/url)\n{holders}"
    ));
}

/// `sh` is run, `sh no-run` is not; other blocks hold no commands.
#[test]
fn a_block_is_left_out_only_where_a_test_cannot_run_it() {
    for (name, page) in documents() {
        for (info, block) in blocks(&page) {
            let is_known = match info.as_str() {
                "sh no-run" => NOT_HERE.iter().any(|need| block.contains(need)),
                info => ["sh", "text", "json", "toml", "rust", "sql"].contains(&info),
            };
            assert!(is_known, "{name}: a block is marked {info:?}:\n{block}");
        }
    }
}

/// A link to a file, or to a heading in one, leads somewhere.
#[test]
fn every_link_between_documents_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, page) in documents() {
        let folder = root.join(&name);
        let folder = folder.parent().unwrap();
        for link in links(&page) {
            let (file, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => root.join(&name),
                file => folder.join(file),
            };
            assert!(
                target.exists(),
                "{name} links to {link}, which is not there"
            );
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                assert!(
                    anchors(&text).contains(&heading.to_owned()),
                    "{name} links to {link}, a heading that is not there"
                );
            }
        }
    }
}

/// The pages below `docs/`, by their names.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = Vec::new();
    for folder in ["docs", "docs/decisions", "docs/sso"] {
        for file in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".md") {
                let name = format!("{folder}/{name}");
                let text = std::fs::read_to_string(root.join(&name)).unwrap();
                pages.push((name, text));
            }
        }
    }
    pages.sort();
    pages
}

/// Every document, by its path.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let above = [
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ];
    let above = above.iter().map(|name| {
        let text = std::fs::read_to_string(root.join(name)).unwrap();
        ((*name).to_owned(), text)
    });
    above.chain(pages()).collect()
}

/// The fenced blocks of a page, each with what stands behind its fence.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(_) if is_open => is_open = false,
            Some(info) => {
                is_open = true;
                blocks.push((info.to_owned(), String::new()));
            }
            None if is_open => {
                let (_, block) = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    assert!(!is_open, "a block without an end");
    blocks
}

/// The commands of a page, one block after the other.
fn shell_blocks(page: &str) -> String {
    let commands = blocks(page).into_iter().filter(|(info, _)| info == "sh");
    commands.map(|(_, block)| block).collect()
}

/// The targets of a page's links to files and headings.
fn links(page: &str) -> Vec<String> {
    let targets = page.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .filter(|target| !target.contains("://") && !target.contains(' '))
        .collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(page: &str) -> Vec<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.replace(|c: char| !c.is_alphanumeric() && !" -_".contains(c), "");
            kept.replace(' ', "-")
        })
        .collect()
}

/// What a script has written.
#[derive(Debug)]
struct Session {
    output: String,
}

/// Runs commands beside a new server; `None` where this machine lacks what they call.
fn run(script: &str) -> Option<Session> {
    for program in ["curl", "openssl"] {
        if Command::new(program).arg("--version").output().is_err()
            && Command::new(program).arg("version").output().is_err()
        {
            assert!(std::env::var_os("CI").is_none(), "{program} is missing");
            eprintln!("Skipped: there is no {program}.");
            return None;
        }
    }
    let installation = Installation::on_sqlite();
    let server = installation.start();
    let ended = shell(script, installation.folder(), server.address());
    let (output, errors) = (text(&ended.stdout), text(&ended.stderr));
    // curl tells of an answer of 400 and above by its error 22.
    let is_refused = errors.contains("curl: (22)");
    assert!(
        ended.status.success() && !is_refused,
        "{}\n{output}\n{errors}",
        ended.status
    );
    Some(Session { output })
}

/// Runs a script with the server's address and the binary at hand; one that hangs is stopped.
fn shell(script: &str, folder: &Path, address: SocketAddr) -> Output {
    let timeout = Duration::from_secs(60);
    std::fs::write(folder.join(".curlrc"), "fail-with-body\n").unwrap();
    let mut shell = Command::new("sh");
    shell.env_clear();
    for (name, value) in command(folder, &[]).get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let mut shell = shell
        .args(["-eu", "-c", script])
        .current_dir(folder)
        .env("PATH", path_with_binary())
        .env("API", format!("http://{address}"))
        .env("TMPDIR", folder)
        .env("CURL_HOME", folder)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(folder.join("said")).unwrap())
        .stderr(std::fs::File::create(folder.join("complained")).unwrap())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + timeout;
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

/// Where `rollcall` is found, before all else.
fn path_with_binary() -> std::ffi::OsString {
    let binary = Path::new(env!("CARGO_BIN_EXE_rollcall"));
    let others = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&others);
    let folders = std::iter::once(binary.parent().unwrap().to_owned()).chain(folders);
    std::env::join_paths(folders).unwrap()
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
fn every_limit_stands_in_the_table_with_its_default() {
    let rows: Vec<&str> = LIMITS
        .lines()
        .filter(|line| line.starts_with("| `ROLLCALL_LIMIT_"))
        .collect();
    let mut limits = settings();
    limits.retain(|name, _| name.starts_with("limit_"));
    assert_eq!(rows.len(), limits.len());
    for (name, default) in limits {
        let name = name.to_uppercase();
        let row = rows
            .iter()
            .find(|row| row.starts_with(&format!("| `ROLLCALL_{name}` |")))
            .unwrap_or_else(|| panic!("docs/limits.md has no ROLLCALL_{name}"));
        let last = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        assert_eq!(last, format!("`{default}`"), "{row}");
    }
}

#[test]
fn every_mail_stands_in_the_table() {
    let rows = MAIL.lines().filter(|line| line.starts_with("| `"));
    let names: String = rows.filter_map(|row| row.split(" | ").next()).collect();
    for kind in MailKind::ALL {
        assert!(
            names.contains(&format!("`{kind}`")),
            "docs/mail.md has no {kind}"
        );
    }
}

/// Steps that fail nowhere: what they say needs nobody's help.
const FAIL_NOWHERE: [StepName; 4] = [
    StepName::Identity,
    StepName::Deployment,
    StepName::Roles,
    StepName::Context,
];

#[test]
fn every_step_that_can_fail_stands_in_the_tables_of_diagnoses() {
    let rows = DIAGNOSES.lines().filter(|line| line.starts_with("| `"));
    let names: String = rows.filter_map(|row| row.split(" | ").next()).collect();
    for step in StepName::ALL {
        let stands = names.contains(&format!("`{step}`"));
        assert_ne!(stands, FAIL_NOWHERE.contains(step), "{step}");
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

#[test]
fn the_table_of_permissions_is_the_one_that_decides() {
    let source = include_str!("../../api/services/authorization.rs");
    let (_, table) = source.split_once("\npermissions! {").unwrap();
    let (table, _) = table.split_once("\n}").unwrap();
    let levels = [
        ("All", "all"),
        ("ManagedGroups", "managed groups"),
        ("Own", "own"),
        ("Nothing", "–"),
    ];
    let word_for = |level: &str| levels.iter().find(|(name, _)| *name == level).unwrap().1;
    let rows = table.lines().filter_map(|line| {
        let (permission, rest) = line.trim().trim_end_matches(';').split_once(':')?;
        let (scope, by_role) = rest.split_once(';')?;
        let scope = scope.trim().trim_start_matches("Some(Scope::");
        let cells: Vec<&str> = by_role
            .split(',')
            // What setup links do stands below the table.
            .filter(|level| level.trim() != "setup_link")
            .map(|level| word_for(level.trim()))
            .collect();
        Some((permission, scope.trim_end_matches(')'), cells.join(" | ")))
    });
    let rows: Vec<_> = rows.collect();
    assert!(rows.len() >= 20, "the table was not understood: {rows:?}");
    for (permission, scope, cells) in rows {
        let scope = match scope.strip_suffix("Read").or(scope.strip_suffix("Write")) {
            Some(resource) => {
                let access = &scope[resource.len()..];
                format!("`{}:{}`", resource.to_lowercase(), access.to_lowercase())
            }
            None => "–".to_owned(),
        };
        let row = format!("(`{permission}`) | {scope} | {cells} |");
        assert!(
            PERMISSIONS.contains(&row),
            "docs/permissions.md has no {row}"
        );
    }
}
