//! Reads settings one by one and records what each came to.

use std::fmt;

use super::error::ConfigError;
use super::redaction::without_secrets;
use super::setting::{Setting, SettingInfo, variable};
use super::source::{Found, Origin, Sources};

/// Reads settings from their sources.
pub struct SettingsReader {
    sources: Sources,
    effective: Vec<EffectiveSetting>,
}

/// A setting as `rollcall config` prints it: a line of a configuration file.
#[derive(Clone, Debug)]
pub struct EffectiveSetting {
    info: SettingInfo,
    value: String,
    origin: Origin,
}

impl fmt::Display for EffectiveSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} = {:?}  # {}",
            self.info.name, self.value, self.origin
        )
    }
}

impl SettingsReader {
    /// A reader that has read nothing yet.
    pub fn new(sources: Sources) -> Self {
        Self {
            sources,
            effective: Vec::new(),
        }
    }

    /// Reads a setting, or the default of the table.
    ///
    /// # Errors
    /// A value that cannot be found or used.
    pub fn read<T>(&mut self, setting: &Setting<T>) -> Result<T, ConfigError> {
        self.read_or(setting, setting.info.default.value())
    }

    /// Reads a setting, or a default that depends on other settings or on the machine.
    ///
    /// # Errors
    /// A value that cannot be found or used.
    pub fn read_or<T>(
        &mut self,
        setting: &Setting<T>,
        default: impl ToString,
    ) -> Result<T, ConfigError> {
        let found = self.sources.find(&setting.info)?.unwrap_or_else(|| Found {
            value: default.to_string(),
            origin: Origin::Default,
        });
        let value = (setting.parse)(&found.value)
            .map_err(|problem| refusal(&setting.info, &found.value, problem))?;
        self.effective.push(EffectiveSetting {
            info: setting.info,
            value: without_secrets(&found.value),
            origin: found.origin,
        });
        Ok(value)
    }

    /// Reads a number that is no higher than `max`, which is also the default.
    ///
    /// # Errors
    /// A value that cannot be found or used.
    pub fn read_at_most(
        &mut self,
        setting: &Setting<usize>,
        max: usize,
    ) -> Result<usize, ConfigError> {
        let number = self.read_or(setting, max)?;
        if number <= max {
            return Ok(number);
        }
        if let Some(read) = self.effective.last_mut() {
            read.value = max.to_string();
        }
        Ok(max)
    }

    /// Whether a setting is set anywhere.
    ///
    /// # Errors
    /// A value that cannot be found.
    pub fn is_set<T>(&self, setting: &Setting<T>) -> Result<bool, ConfigError> {
        Ok(self.sources.find(&setting.info)?.is_some())
    }

    /// What was read, section by section.
    pub fn into_effective(mut self) -> Vec<EffectiveSetting> {
        self.effective.sort_by_key(|setting| setting.info.section);
        self.effective
    }
}

/// The error of a value that its setting does not take.
pub fn refusal(info: &SettingInfo, value: &str, problem: String) -> ConfigError {
    let assigned = if info.is_secret || value.is_empty() {
        String::new()
    } else {
        format!(" = {value:?}")
    };
    ConfigError::Value {
        variable: variable(info.name),
        assigned,
        problem,
        example: info.example,
    }
}
