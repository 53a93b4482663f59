//! What a column may hold.

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Meaning {
    /// The address of a person.
    Email,
    /// The password of a person.
    Password,
    /// The name under which a person signs in, or is called.
    Username,
    /// The name that a person is shown under.
    Display,
    /// The whole name of a person.
    Full,
    /// The given and the family name of a person in one cell, in whichever order.
    Joined,
    /// A name; next to one half of a name, its other half.
    Name,
    /// The first half of a name.
    First,
    /// The second half of a name.
    Last,
    /// What stands between both halves.
    Infix,
}

impl Meaning {
    pub(super) fn of(word: &str) -> Option<Self> {
        Some(match word {
            "email" => Self::Email,
            "password" => Self::Password,
            "username" => Self::Username,
            "display" => Self::Display,
            "full" => Self::Full,
            "name" => Self::Name,
            "first" => Self::First,
            "last" => Self::Last,
            "infix" => Self::Infix,
            _ => return None,
        })
    }

    /// What people call it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Password => "password",
            Self::Username => "username",
            Self::Display => "display name",
            Self::Full => "full name",
            Self::Joined => "first and last name",
            Self::Name => "name",
            Self::First => "first name",
            Self::Last => "last name",
            Self::Infix => "name infix",
        }
    }

    /// Whether somebody's account has it, and not only a person.
    pub(super) const fn is_of_accounts(self) -> bool {
        match self {
            Self::Email | Self::Password => true,
            Self::Username
            | Self::Display
            | Self::Full
            | Self::Joined
            | Self::Name
            | Self::First
            | Self::Last
            | Self::Infix => false,
        }
    }
}
