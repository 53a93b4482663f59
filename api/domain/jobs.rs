//! The vocabulary of the job queue.

use super::string_enum::string_enum;

string_enum! {
    /// What a job does.
    JobKind {
        /// Turns some rows of an import into accounts.
        ImportBatch = "import_batch",
        /// Sends a mail.
        Mail = "mail",
        /// Looks whether the record of a domain is there; it comes again each day.
        DomainCheck = "domain_check",
        /// Tells the admins of an organization of requests to join it, once a day at most.
        JoinRequestDigest = "join_request_digest",
        /// Asks the identity provider of a connection what it publishes, and tells admins of warnings; it comes again each day.
        ConnectionCheck = "connection_check",
        /// Tells operators of the end of an app's secret; it comes again each day.
        AppCheck = "app_check",
        /// Deletes what has expired; there is one such job, which comes again.
        CleanUp = "clean_up",
    }
}

string_enum! {
    /// Which jobs of a kind go first, whoever they are for.
    Priority {
        /// A person waits for it.
        Urgent = "urgent",
        Bulk = "bulk",
    }
}
