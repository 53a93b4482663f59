//! The words of the audit log (PRODUCT 3.11).

use super::words::words;

words! {
    /// What was done.
    Action {
        AccountRegistered = "account.registered",
        AccountUpdated = "account.updated",
        AccountPasswordChanged = "account.password_changed",
        SessionStarted = "session.started",
        SessionEnded = "session.ended",
        /// An old refresh token came back: its whole family was ended.
        SessionRevoked = "session.revoked",
        OperatorCreated = "operator.created",
        OrganizationCreated = "organization.created",
        OrganizationUpdated = "organization.updated",
        OrganizationDeleted = "organization.deleted",
        SeatLimitsSet = "seats.limits_set",
        MemberUpdated = "member.updated",
        MemberLeft = "member.left",
        GroupCreated = "group.created",
        ImportAccepted = "import.accepted",
        ImportCancelled = "import.cancelled",
        ImportFinished = "import.finished",
        ImportResultsDownloaded = "import.results_downloaded",
        ImportResultsDiscarded = "import.results_discarded",
    }
}

words! {
    /// Who did it.
    ActorKind {
        /// A person, by their account.
        Account = "account",
        /// An operator of the installation, by their account.
        Operator = "operator",
        /// The command line, on the machine itself.
        Console = "console",
        /// Rollcall on its own: a worker, a limit, a clean-up.
        System = "system",
    }
}

words! {
    /// On what it was done.
    SubjectType {
        Account = "account",
        Session = "session",
        Organization = "organization",
        Group = "group",
        Import = "import",
    }
}
