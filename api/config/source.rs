//! Where values come from: the environment, the configuration file, and files that either names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::{ConfigError, UnknownVariable};
use super::names::{FILE_SUFFIX, is_known, nearest};
use super::setting::{SettingInfo, variable};

/// The places that set values. The environment goes before the configuration file.
pub struct Sources {
    environment: BTreeMap<String, String>,
    file: BTreeMap<String, String>,
}

/// A value and the place that set it.
pub struct Found {
    pub value: String,
    pub origin: Origin,
}

/// The place that set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    File,
    Environment,
    /// A file, named by this variable or key.
    ValueFile(String),
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File => f.write_str("file"),
            Self::Environment => f.write_str("environment"),
            Self::ValueFile(name) => write!(f, "file of {name}"),
        }
    }
}

impl Sources {
    /// Takes both by the names of the settings. An empty value counts as unset, because compose files
    /// pass unset variables on as empty ones.
    pub fn new(
        environment: impl IntoIterator<Item = (String, String)>,
        file: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let is_set = |(_, value): &(String, String)| !value.is_empty();
        Self {
            environment: environment.into_iter().filter(is_set).collect(),
            file: file.into_iter().filter(is_set).collect(),
        }
    }

    /// Finds the value of a setting.
    ///
    /// # Errors
    /// A value that is set twice in one place, or a file of a value that cannot be read.
    pub fn find(&self, setting: &SettingInfo) -> Result<Option<Found>, ConfigError> {
        let in_environment = find_in(&self.environment, setting.name, Origin::Environment)?;
        match in_environment {
            Some(found) => Ok(Some(found)),
            None => find_in(&self.file, setting.name, Origin::File),
        }
    }

    /// The variables that are no setting.
    pub fn unknown_variables(&self) -> Vec<UnknownVariable> {
        let names = self.environment.keys().filter(|name| !is_known(name));
        names
            .map(|name| UnknownVariable {
                name: name.clone(),
                nearest: nearest(name),
            })
            .collect()
    }
}

fn find_in(
    values: &BTreeMap<String, String>,
    name: &str,
    origin: Origin,
) -> Result<Option<Found>, ConfigError> {
    let file_name = format!("{name}{FILE_SUFFIX}");
    let written = |name: &str| match origin {
        Origin::Environment => variable(name),
        Origin::Default | Origin::File | Origin::ValueFile(_) => name.to_owned(),
    };
    match (values.get(name), values.get(&file_name)) {
        (Some(_), Some(_)) => Err(ConfigError::SetTwice {
            name: written(name),
            file_name: written(&file_name),
        }),
        (Some(value), None) => Ok(Some(Found {
            value: value.clone(),
            origin,
        })),
        (None, Some(path)) => read_value(written(&file_name), Path::new(path)).map(Some),
        (None, None) => Ok(None),
    }
}

/// Reads the file that `name` names. Editors and `echo` end a file with a newline, which is no part of
/// the value.
fn read_value(name: String, path: &Path) -> Result<Found, ConfigError> {
    let refused = |problem: String| ConfigError::ValueFile {
        name: name.clone(),
        path: PathBuf::from(path),
        problem,
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| refused(format!("cannot be read ({error})")))?;
    let value = text.trim_end_matches(['\r', '\n']);
    if value.is_empty() {
        return Err(refused("is empty".to_owned()));
    }
    Ok(Found {
        value: value.to_owned(),
        origin: Origin::ValueFile(name),
    })
}

#[cfg(test)]
mod tests {
    use super::super::settings::{LISTEN, SIGNING_KEY_FILE};
    use super::*;

    fn pairs(values: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        values.iter().map(owned).collect()
    }

    fn found(sources: &Sources, setting: &SettingInfo) -> (String, String) {
        let found = sources.find(setting).unwrap().unwrap();
        (found.value, found.origin.to_string())
    }

    #[test]
    fn the_environment_goes_before_the_file_and_empty_is_unset() {
        let environment = pairs(&[("listen", "e"), ("log", "")]);
        let file = pairs(&[("listen", "f"), ("listen_file", ""), ("log", "f")]);
        let sources = Sources::new(environment, file);
        let listen = found(&sources, &LISTEN.info);
        assert_eq!(listen, ("e".to_owned(), "environment".to_owned()));
        let log = found(&sources, &super::super::settings::LOG.info);
        assert_eq!(log, ("f".to_owned(), "file".to_owned()));
    }

    #[test]
    fn a_file_holds_the_value_without_its_last_newline() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content, value) in [("plain", "a b", "a b"), ("lines", "a\r\n\n", "a")] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let path = path.to_str().unwrap();
            let sources = Sources::new(pairs(&[("listen_file", path)]), pairs(&[("listen", "f")]));
            let expected = (value.to_owned(), "file of ROLLCALL_LISTEN_FILE".to_owned());
            assert_eq!(found(&sources, &LISTEN.info), expected);
            let sources = Sources::new([], pairs(&[("signing_key_file_file", path)]));
            let expected = (value.to_owned(), "file of signing_key_file_file".to_owned());
            assert_eq!(found(&sources, &SIGNING_KEY_FILE.info), expected);
        }
    }

    #[test]
    fn a_file_that_holds_no_value_is_refused_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        std::fs::write(&empty, "\n").unwrap();
        for (path, problem) in [
            (empty.to_str().unwrap(), "is empty"),
            ("/nowhere/at/all", "cannot be read (No such file"),
        ] {
            let sources = Sources::new(pairs(&[("listen_file", path)]), []);
            let error = sources.find(&LISTEN.info).err().unwrap().to_string();
            let expected = format!("ROLLCALL_LISTEN_FILE names the file {path}, which {problem}");
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn a_value_and_its_file_are_refused_together() {
        let both = pairs(&[("listen", "e"), ("listen_file", "/nowhere")]);
        let told = |sources: Sources| sources.find(&LISTEN.info).err().unwrap().to_string();
        assert_eq!(
            told(Sources::new(both.clone(), [])),
            "ROLLCALL_LISTEN and ROLLCALL_LISTEN_FILE are both set: keep one of them"
        );
        assert_eq!(
            told(Sources::new([], both)),
            "listen and listen_file are both set: keep one of them"
        );
    }

    #[test]
    fn variables_that_are_no_setting_are_told() {
        let environment = pairs(&[("port", "tcp://10.0.0.1:80"), ("lissten", "x"), ("lo", "")]);
        let told: Vec<String> = Sources::new(environment, [])
            .unknown_variables()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(told.len(), 2);
        assert_eq!(
            told[0],
            "ROLLCALL_LISSTEN is no setting and is ignored, the nearest setting is ROLLCALL_LISTEN"
        );
        assert!(
            told[1].starts_with("ROLLCALL_PORT is no setting"),
            "{told:?}"
        );
    }
}
