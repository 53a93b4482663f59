//! Source files read as text: what they import, without a compiler.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A source file: its path for people, its module path, and its code without comments and strings.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) module: Vec<String>,
    pub(super) code: String,
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
            code: without_tests(without_comments_and_strings(
                &std::fs::read_to_string(path).unwrap(),
            )),
        }
    }

    pub(super) fn layer(&self) -> &str {
        &self.module[0]
    }

    /// Every path into the crate that the file mentions: the line, and the path from the crate's
    /// root.
    pub(super) fn imports(&self) -> Vec<(usize, Vec<String>)> {
        let mut found = Vec::new();
        for (keyword, place) in path_heads(&self.code) {
            let line = self.code[..place].matches('\n').count() + 1;
            let rest = &self.code[place + keyword.len()..];
            let (supers, rest) = leading_supers(keyword, rest);
            let base = match supers {
                0 => Vec::new(),
                supers => self.module[..self.module.len().saturating_sub(supers)].to_vec(),
            };
            for path in paths(rest) {
                found.push((line, [base.clone(), path].concat()));
            }
        }
        found
    }

    /// The names that a `mod.rs` passes on from its children, and where each is defined.
    pub(super) fn reexports(&self) -> BTreeMap<String, Vec<String>> {
        let mut names = BTreeMap::new();
        for (place, keyword) in self.code.match_indices(" use ") {
            let begin = self.code[..place].rfind('\n').map_or(0, |line| line + 1);
            if !self.code[begin..place].starts_with("pub") {
                continue;
            }
            let rest = &self.code[place + keyword.len()..];
            let alias = rest[..rest.find(';').unwrap_or(0)].rsplit_once(" as ");
            for path in paths(rest.strip_prefix("self::").unwrap_or(rest)) {
                let name = alias.map_or_else(|| path.last().cloned(), |(_, name)| Some(word(name)));
                let target = [self.module.clone(), path].concat();
                names.extend(name.map(|name| (name, target)));
            }
        }
        names
    }

    /// What the file takes from the modules that it declares: `child::item`.
    pub(super) fn paths_into_children(&self) -> Vec<Vec<String>> {
        let declared = self.code.match_indices("mod ").map(|(place, keyword)| {
            let rest = &self.code[place + keyword.len()..];
            (word(rest), rest[word(rest).len()..].starts_with(';'))
        });
        declared
            .filter(|(child, is_file)| *is_file && mentions(&self.code, child))
            .map(|(child, _)| [self.module.clone(), vec![child]].concat())
            .collect()
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

/// The paths that a path's head opens: one, or those of a group, to their ends.
fn paths(rest: &str) -> Vec<Vec<String>> {
    let rest = rest.trim_start();
    if let Some(group) = rest.strip_prefix('{') {
        return items(group).into_iter().flat_map(paths).collect();
    }
    let first = word(rest);
    if first.is_empty() || first == "self" {
        return vec![Vec::new()];
    }
    match rest[first.len()..].strip_prefix("::") {
        Some(deeper) if !deeper.starts_with('<') => paths(deeper)
            .into_iter()
            .map(|path| [vec![first.clone()], path].concat())
            .collect(),
        _ => vec![vec![first]],
    }
}

/// The items of a group behind its opening brace.
fn items(group: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut items) = (0_u32, 0, Vec::new());
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&group[begin..place]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&group[begin..place]);
                begin = place + 1;
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
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

/// The code before its unit tests, which stand at the end of a file.
fn without_tests(mut code: String) -> String {
    if let Some(place) = code.find("#[cfg(test)]\nmod tests {") {
        code.truncate(place);
    }
    code
}

/// Every source file but `lib.rs`, which only names the layers, and files of unit tests.
pub(super) fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("api");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    paths
        .iter()
        .filter(|path| **path != root.join("lib.rs"))
        .filter(|path| {
            !path
                .iter()
                .any(|part| part == "tests" || part == "tests.rs")
        })
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

/// Whether a path begins with a crate of this name, or of one that begins with it and an
/// underscore.
pub(super) fn mentions(line: &str, library: &str) -> bool {
    line.match_indices(library).any(|(place, _)| {
        let before = line[..place].chars().next_back();
        let begins = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
        let name = word(&line[place..]);
        let is_it = name == library || name.starts_with(&format!("{library}_"));
        begins && is_it && line[place + name.len()..].starts_with("::")
    })
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
                "1 store::accounts",
                "1 store::seats",
                "2 routes::page::Limit",
                "2 routes::page::Paged",
                "3 domain::ids",
                "3 error::Code",
                "3 error::Error",
                "4 app::start",
                "4 state::State",
                "5 worker::drain"
            ]
        );
    }

    #[test]
    fn comments_and_strings_import_nothing() {
        let code = "// use crate::app;\n\
             /* crate::app */ let text = \"crate::app \\\" crate::app\";\n\
             let raw = r#\"crate::app \" crate::app\"#; let quote = '\"'; crate::store::x();\n\
             fn f<'a>(a: &'a str) -> &'a str { crate::clock::x(a) }\n";
        assert_eq!(imports_of("domain::x", code), ["3 store::x", "4 clock::x"]);
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
