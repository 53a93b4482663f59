//! A file to import of which the test knows beforehand how each row ends.

use std::fmt::Write as _;

/// The file.
#[derive(Clone, Debug, Default)]
pub struct ImportFile {
    pub lines: Vec<Line>,
}

/// A row of it.
#[derive(Clone, Debug)]
pub struct Line {
    pub email: String,
    /// Empty: it is to be generated, or is missing.
    pub password: String,
    pub username: String,
    /// The outcomes that are right, where it is chance which of them.
    pub ends: Vec<&'static str>,
}

impl ImportFile {
    /// So many rows that become accounts. `tag` keeps their addresses apart from other files'.
    pub fn of(tag: &str, rows: usize) -> Self {
        let lines = (1..=rows).map(|number| Line {
            email: format!("{tag}.{number}@pupils.example"),
            password: format!("{tag} has {number} geese"),
            username: format!("Pupil {number} of {tag}"),
            ends: vec!["created"],
        });
        Self {
            lines: lines.collect(),
        }
    }

    /// The same with a bad row behind each `every` good ones: by turns an address that is none, one
    /// that stands in an earlier row, and a password that is too short.
    pub fn with_bad_rows(self, every: usize) -> Self {
        let mut lines = Vec::new();
        for (place, line) in self.lines.into_iter().enumerate() {
            let bad = (place % every == every - 1).then(|| bad_line(&line, place / every));
            lines.push(line);
            lines.extend(bad);
        }
        Self { lines }
    }

    /// The same without any password.
    pub fn without_passwords(mut self) -> Self {
        for line in &mut self.lines {
            line.password.clear();
        }
        self
    }

    /// The same where chance decides between these ends for every row that would become an account.
    pub fn ending_in(mut self, ends: &[&'static str]) -> Self {
        for line in &mut self.lines {
            if line.ends == ["created"] {
                line.ends = ends.to_vec();
            }
        }
        self
    }

    /// With the rows of another behind its own.
    pub fn and(mut self, other: Self) -> Self {
        self.lines.extend(other.lines);
        self
    }

    /// As a file.
    pub fn csv(&self) -> String {
        let mut csv = String::from("email,password,username\n");
        for line in &self.lines {
            writeln!(csv, "{},{},{}", line.email, line.password, line.username).expect("a text");
        }
        csv
    }
}

fn bad_line(good: &Line, turn: usize) -> Line {
    let mut bad = good.clone();
    bad.ends = match turn % 3 {
        0 => {
            bad.email = good.email.replace('@', " at ");
            vec!["email_invalid"]
        }
        1 => vec!["duplicate_in_file"],
        _ => {
            bad.email = format!("short.{}", good.email);
            bad.password = "short 1".to_owned();
            vec!["password_too_short"]
        }
    };
    bad
}
