//! The application that Rollcall is at a provider: by what it proves itself, and who can change it.

/// An application at a provider, to say what is wrong with it.
#[derive(Clone, Copy, Debug)]
pub struct Registration<'a> {
    /// Where Rollcall's public keys are, if it proves itself by these; else by a secret.
    pub jwks_uri: Option<&'a str>,
    /// Whether it is an operator's app: an admin of an organization cannot change it.
    pub is_app: bool,
}

impl Registration<'_> {
    /// What is to be changed at the application, said to an admin.
    pub fn to_its_owner(&self, advice: &str) -> String {
        if !self.is_app {
            return advice.to_owned();
        }
        format!(
            "This connection uses an app of this installation's operators: they alone change it, so tell them what it \
             needs. {advice}"
        )
    }
}
