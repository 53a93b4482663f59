//! What a setting is: its name, its meaning and how its text is read.

use crate::domain::limits::Limit;

/// A setting with the function that reads its text.
pub struct Setting<T> {
    pub info: SettingInfo,
    pub parse: fn(&str) -> Result<T, String>,
}

/// What is documented of a setting.
#[derive(Clone, Copy, Debug)]
pub struct SettingInfo {
    /// The name in the configuration file; see [`variable`] for the environment.
    pub name: &'static str,
    pub section: Section,
    pub default: DefaultValue,
    pub example: &'static str,
    /// Whether the value may hold a password: errors never show it.
    pub is_secret: bool,
    /// One paragraph of Markdown.
    pub documentation: &'static str,
}

/// What holds where a setting is not set.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// This text.
    Fixed(&'static str),
    /// The default quota of a limit.
    Quota(Limit),
    /// A value that depends on the machine or on other settings; the text describes it.
    Computed(&'static str),
    /// No value; the text describes what that means.
    Unset(&'static str),
}

impl DefaultValue {
    /// The text of the default, empty where it is computed or where there is none.
    pub fn value(self) -> String {
        match self {
            Self::Fixed(value) => value.to_owned(),
            Self::Quota(limit) => limit.default_quota().to_string(),
            Self::Computed(_) | Self::Unset(_) => String::new(),
        }
    }

    /// The description of a default without a fixed text.
    pub fn description(self) -> Option<&'static str> {
        match self {
            Self::Fixed(_) | Self::Quota(_) => None,
            Self::Computed(description) | Self::Unset(description) => Some(description),
        }
    }
}

/// A heading of the documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    Server,
    Organizations,
    Keys,
    Mail,
    Capacity,
    Limits,
    Outbound,
    Logs,
    ConfigurationFile,
}

impl Section {
    /// Every section, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Server,
        Self::Organizations,
        Self::Keys,
        Self::Mail,
        Self::Capacity,
        Self::Limits,
        Self::Outbound,
        Self::Logs,
        Self::ConfigurationFile,
    ];

    /// The text of the heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Server => "Server and data",
            Self::Organizations => "Organizations and accounts",
            Self::Keys => "Keys",
            Self::Mail => "Mail",
            Self::Capacity => "Capacity",
            Self::Limits => "Limits",
            Self::Outbound => "Calls to foreign systems",
            Self::Logs => "Logs",
            Self::ConfigurationFile => "Configuration file",
        }
    }

    /// What all settings of the section have in common.
    pub const fn introduction(self) -> Option<&'static str> {
        match self {
            Self::Keys => Some(
                "On SQLite the keys are created in the data folder at the first start. On PostgreSQL \
                 every replica needs the same keys, so the first two settings are required. The third is for \
                 single sign-on with `private_key_jwt` or SAML.",
            ),
            Self::Mail => Some(
                "`rollcall mail test --to you@example.org` sends a mail with these settings and \
                 reports the result.",
            ),
            Self::Limits => Some(
                "A quota such as `10/10m` allows 10 uses at once, which grow back evenly within 10 \
                 minutes. The units are `s`, `m`, `h` and `d`. `off` switches a limit off.",
            ),
            Self::Server
            | Self::Organizations
            | Self::Capacity
            | Self::Outbound
            | Self::Logs
            | Self::ConfigurationFile => None,
        }
    }
}

/// The environment variable of a name.
pub fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase())
}

/// The beginning of every variable that Rollcall reads.
pub const PREFIX: &str = "ROLLCALL_";
