//! The house keeps its order: who may import whom, and which libraries are known in which room.
//!
//! The files are read as text, with comments and strings taken out, so that the test needs no
//! compiler and tells the line.

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test says what it expects in the shortest way"
)]

use std::path::{Path, PathBuf};

/// The layers from the left to the right. A file may import its own layer and those to its right.
///
/// `telemetry` to `error` are leaves: of the house they know `domain` and each other, nothing else,
/// so that every layer but `domain` may use them. `domain` is values only and uses nobody.
const LAYERS: [&str; 17] = [
    "main",
    "cli",
    "app",
    "openapi",
    "routes",
    "worker",
    "state",
    "services",
    "mail",
    "store",
    "crypto",
    "documents",
    "telemetry",
    "config",
    "clock",
    "error",
    "domain",
];

/// Libraries that belong to some layers only, by the beginning of their crates' names.
const LIBRARIES: [(&str, &[&str]); 12] = [
    ("actix", &["cli", "app", "openapi", "routes"]),
    ("utoipa_actix_web", &["app", "openapi", "routes"]),
    ("utoipa_swagger_ui", &["routes"]),
    ("diesel", &["store"]),
    ("clap", &["main", "cli"]),
    ("argon2", &["crypto"]),
    ("jsonwebtoken", &["crypto"]),
    ("ring", &["crypto"]),
    ("qrcode", &["documents"]),
    ("png", &["documents"]),
    ("lettre", &["mail"]),
    ("minijinja", &["mail"]),
];

/// A source file: its path for people, its module path, and its code without comments and strings.
struct Source {
    path: String,
    module: Vec<String>,
    code: String,
}

impl Source {
    fn read(root: &Path, path: &Path) -> Self {
        let below = path.strip_prefix(root).unwrap();
        let mut module: Vec<String> = below
            .with_extension("")
            .iter()
            .map(|part| part.to_str().unwrap().to_owned())
            .collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        Self {
            path: format!("api/{}", below.display()),
            module,
            code: without_comments_and_strings(&std::fs::read_to_string(path).unwrap()),
        }
    }

    fn layer(&self) -> &str {
        &self.module[0]
    }

    /// Every mention of another module: the line, and the module's path from the crate's root.
    fn imports(&self) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        for (keyword, place) in path_heads(&self.code) {
            let line = self.code[..place].matches('\n').count() + 1;
            let rest = &self.code[place + keyword.len()..];
            let (supers, rest) = leading_supers(keyword, rest);
            let base = match supers {
                0 => Vec::new(),
                supers => self.module[..self.module.len().saturating_sub(supers)].to_vec(),
            };
            for segment in first_segments(rest) {
                let mut path = base.clone();
                path.push(segment);
                found.push((line, path));
            }
        }
        found
    }
}

/// Where `crate::`, `rollcall::` and `super::` begin a path.
fn path_heads(code: &str) -> Vec<(&'static str, usize)> {
    let mut heads = Vec::new();
    for keyword in ["crate::", "rollcall::", "super::"] {
        for (place, _) in code.match_indices(keyword) {
            let before = code[..place].chars().next_back();
            let within_a_path = code[..place].ends_with("::");
            let within_a_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
            if !within_a_path && !within_a_word {
                heads.push((keyword, place));
            }
        }
    }
    heads
}

/// How many steps up a path goes, and what follows them.
fn leading_supers<'a>(keyword: &str, mut rest: &'a str) -> (usize, &'a str) {
    if keyword != "super::" {
        return (0, rest);
    }
    let mut supers = 1;
    while let Some(further) = rest.strip_prefix("super::") {
        supers += 1;
        rest = further;
    }
    (supers, rest)
}

/// The names right behind a path's head: one, or those of a group.
fn first_segments(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else {
        return vec![word(rest)];
    };
    let mut depth = 0_u32;
    let mut segments = Vec::new();
    let mut begins = true;
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && !c.is_whitespace() => {
                segments.push(word(&group[place..]));
                begins = false;
            }
            _ => {}
        }
    }
    segments
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The code with every comment and the inside of every string and character turned into spaces;
/// lines stay where they are.
fn without_comments_and_strings(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = skipped_length(rest, code.chars().next_back());
        if skipped == 0 {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        }
        let (blank, after) = rest.split_at(skipped);
        code.extend(blank.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    code
}

/// How many bytes at the beginning are a comment, a string or a character; 0 where it is code.
fn skipped_length(rest: &str, before: Option<char>) -> usize {
    let after_a_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return rest.find("*/").map_or(rest.len(), |end| end + 2);
    }
    if rest.starts_with('r') && !after_a_word {
        let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
        if rest[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = 2 + hashes;
            let length = rest[body..].find(&end).map(|at| body + at + end.len());
            return length.unwrap_or(rest.len());
        }
    }
    if rest.starts_with('"') {
        return closing(rest, '"');
    }
    let mut characters = rest.chars();
    match (characters.next(), characters.next(), characters.next()) {
        (Some('\''), Some('\\'), _) => closing(rest, '\''),
        (Some('\''), Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

/// The length of a literal up to and with the quote that closes it.
fn closing(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (place, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return place + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Every source file but `lib.rs`, which only names the layers.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("api");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    paths
        .iter()
        .filter(|path| **path != root.join("lib.rs"))
        .map(|path| Source::read(&root, path))
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn place(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|known| *known == layer)
}

#[track_caller]
fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}\n{}", broken.join("\n"));
}

#[test]
fn every_file_belongs_to_a_layer() {
    let strangers: Vec<String> = sources()
        .iter()
        .filter(|source| place(source.layer()).is_none())
        .map(|source| format!("  {}", source.path))
        .collect();
    assert_none(
        &strangers,
        "These files belong to no layer: give theirs a place in LAYERS.",
    );
}

#[test]
fn nobody_imports_what_stands_to_the_left() {
    let mut broken = Vec::new();
    for source in sources() {
        for (line, target) in source.imports() {
            let (Some(from), Some(to)) = (place(source.layer()), place(&target[0])) else {
                continue;
            };
            if to < from {
                let (path, layer, target) = (&source.path, source.layer(), &target[0]);
                broken.push(format!("  {path}:{line}: {layer} imports {target}"));
            }
        }
    }
    let order = LAYERS.join(" → ");
    let rule = format!("A file imports its own layer and what stands to its right:\n  {order}");
    assert_none(&broken, &rule);
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut broken = Vec::new();
    for source in sources() {
        for (library, rooms) in LIBRARIES {
            if rooms.contains(&source.layer()) {
                continue;
            }
            for (number, line) in source.code.lines().enumerate() {
                if mentions(line, library) {
                    let (path, number) = (&source.path, number + 1);
                    let rooms = rooms.join(", ");
                    broken.push(format!("  {path}:{number}: {library} belongs to {rooms}"));
                }
            }
        }
    }
    assert_none(&broken, "A library is known in its own layers only.");
}

/// Whether a path begins with a crate of this name, or of one that begins with it and an underscore.
fn mentions(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(place, _)| {
        let before = line[..place].chars().next_back();
        let begins = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        let name = word(&line[place..]);
        let is_it = name == library || name.starts_with(&format!("{library}_"));
        begins && is_it && line[place + name.len()..].starts_with("::")
    })
}

#[test]
fn errors_know_neither_http_nor_the_database() {
    let sources = sources();
    let error = sources
        .iter()
        .find(|source| source.path == "api/error.rs")
        .unwrap();
    let mut broken = Vec::new();
    for (number, line) in error.code.lines().enumerate() {
        for word in ["actix", "http", "diesel", "StatusCode"] {
            if line.contains(word) {
                broken.push(format!("  api/error.rs:{}: {word}", number + 1));
            }
        }
    }
    assert_none(
        &broken,
        "An error tells what went wrong, not how it is answered or stored.",
    );
}

/// A code that nobody gives is a promise of the document that nobody keeps.
#[test]
fn every_error_code_is_used() {
    let sources = sources();
    let definition = sources
        .iter()
        .find(|source| source.path == "api/error.rs")
        .unwrap();
    let body = definition.code.split("pub enum Code {").nth(1).unwrap();
    let codes: Vec<&str> = body[..body.find('}').unwrap()]
        .split(',')
        .map(str::trim)
        .filter(|code| !code.is_empty())
        .collect();
    assert!(codes.len() > 20, "the codes are not found: {codes:?}");
    let constructors = [
        ("ValidationFailed", "Error::invalid"),
        ("NotFound", "Error::not_found"),
        ("Forbidden", "Error::forbidden"),
        ("NotSignedIn", "Error::not_signed_in"),
        ("MethodNotAllowed", "Problem::method_not_allowed"),
        ("Unavailable", "Error::unavailable"),
        ("Internal", "Error::internal"),
    ];
    let elsewhere = |text: &str| {
        sources
            .iter()
            .filter(|source| !["api/error.rs", "api/routes/problem.rs"].contains(&&*source.path))
            .any(|source| source.code.contains(text))
    };
    let unused: Vec<String> = codes
        .iter()
        .filter(|code| !elsewhere(&format!("Code::{code}")))
        .filter(|code| {
            let constructor = constructors.iter().find(|(of, _)| of == *code);
            !constructor.is_some_and(|(_, constructor)| elsewhere(constructor))
        })
        .map(|code| format!("  Code::{code}"))
        .collect();
    assert_none(
        &unused,
        "These error codes are given nowhere: use them or take them out.",
    );
}

mod reading {
    use super::*;

    fn imports_of(module: &str, code: &str) -> Vec<String> {
        let source = Source {
            path: String::new(),
            module: module.split("::").map(str::to_owned).collect(),
            code: without_comments_and_strings(code),
        };
        let mut found: Vec<String> = source
            .imports()
            .into_iter()
            .map(|(line, path)| format!("{line} {}", path.join("::")))
            .collect();
        found.sort();
        found
    }

    #[test]
    fn every_form_of_an_import_is_seen() {
        let code = "use crate::store::{accounts, seats};\n\
             use super::page::{Limit, Paged};\n\
             use crate::{error::{Code, Error}, domain::ids};\n\
             fn f() -> crate::state::State { super::super::app::start() }\n\
             macro_rules! m { () => { $crate::worker::drain() } }\n";
        assert_eq!(
            imports_of("routes::members", code),
            [
                "1 store",
                "2 routes::page",
                "3 domain",
                "3 error",
                "4 app",
                "4 state",
                "5 worker"
            ]
        );
    }

    #[test]
    fn comments_and_strings_import_nothing() {
        let code = "// use crate::app;\n\
             /* crate::app */ let text = \"crate::app \\\" crate::app\";\n\
             let raw = r#\"crate::app \" crate::app\"#; let quote = '\"'; crate::store::x();\n\
             fn f<'a>(a: &'a str) -> &'a str { crate::clock::x(a) }\n";
        assert_eq!(imports_of("domain::x", code), ["3 store", "4 clock"]);
    }

    #[test]
    fn a_library_is_its_crates_and_no_other() {
        assert!(mentions("use actix_web::web;", "actix"));
        assert!(mentions("    diesel::update(x)", "diesel"));
        assert!(mentions("fn f(x: &diesel_migrations::X)", "diesel"));
        assert!(!mentions("use crate::diesel::x;", "diesel"));
        assert!(!mentions("use utoipa_actix_web::X;", "actix"));
        assert!(!mentions("let actix = 1;", "actix"));
    }
}
