//! The words of the outbox (PRODUCT 3.10).

use super::words::words;

words! {
    /// What a mail is about: its template.
    MailKind {
        VerifyEmail = "verify_email",
        /// To a new account: the login address and a link to choose a password.
        SignInInstructions = "sign_in_instructions",
        /// To an account that is there already: a link to join an organization.
        JoinLink = "join_link",
        PasswordReset = "password_reset",
        PasswordChanged = "password_changed",
        ImportFinished = "import_finished",
    }
}

words! {
    /// How far a mail is.
    MailStatus {
        /// Waits for its turn.
        Queued = "queued",
        /// The mail server has it.
        Sent = "sent",
        /// It could not be sent for now and is tried again.
        Deferred = "deferred",
        /// It is given up.
        Failed = "failed",
    }
}
