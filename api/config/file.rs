//! The configuration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ConfigError;
use super::names::{is_known, nearest};
use super::settings::CONFIG_FILE;

/// Path of the configuration file where `ROLLCALL_CONFIG_FILE` names none.
pub const DEFAULT_PATH: &str = "rollcall.toml";

/// Reads the configuration file.
///
/// # Errors
/// A file that cannot be read, is not TOML, or has a key that is no setting.
pub fn read(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused(path, format!("cannot be read ({error})")))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error| refused(path, without_excerpt(&text, &error)))?;
    table
        .into_iter()
        .map(|(key, value)| Ok((known(path, &key)?, text_of(path, &key, value)?)))
        .collect()
}

/// The line and the problem. The error's own text quotes the line, which may hold a password.
fn without_excerpt(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.bytes().take(start);
    let line = before.filter(|byte| *byte == b'\n').count() + 1;
    format!("line {line}: {}", error.message())
}

fn known(path: &Path, key: &str) -> Result<String, ConfigError> {
    if !is_known(key) {
        return Err(ConfigError::UnknownKey {
            path: path.to_owned(),
            key: key.to_owned(),
            nearest: nearest(key),
        });
    }
    if key.starts_with(CONFIG_FILE.info.name) {
        let problem = format!("{key} can be set in the environment only");
        return Err(refused(path, problem));
    }
    Ok(key.to_owned())
}

fn text_of(path: &Path, key: &str, value: toml::Value) -> Result<String, ConfigError> {
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(truth) => Ok(truth.to_string()),
        toml::Value::Float(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => Err(refused(
            path,
            format!("{key} has to be a text, a whole number, true or false"),
        )),
    }
}

fn refused(path: &Path, problem: String) -> ConfigError {
    ConfigError::File {
        path: PathBuf::from(path),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<BTreeMap<String, String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.toml");
        std::fs::write(&path, text).unwrap();
        read(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_and_whole_numbers_are_taken() {
        let read = read_text("listen = '127.0.0.1:1'\nhash_threads = 3\nlog_file = 'x'\n").unwrap();
        assert_eq!(read["listen"], "127.0.0.1:1");
        assert_eq!(read["hash_threads"], "3");
        assert_eq!(read["log_file"], "x");
        let error = read_text("hash_threads = [3]").unwrap_err();
        assert!(error.contains("hash_threads has to be a text"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_name() {
        for (text, words) in [
            (
                "lissten = 'x'",
                "lissten is no setting, the nearest is listen",
            ),
            ("lissten = ''", "lissten is no setting"),
            ("[server]\nlisten = 'x'", "server is no setting"),
            (
                "config_file = 'x'",
                "config_file can be set in the environment only",
            ),
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_syntax_error_does_not_quote_the_line() {
        let error = read_text("log = 'info'\nsmtp_url = 'smtp://u:hunter2@h\n").unwrap_err();
        assert!(error.contains("line 2: "), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
