//! The words of the audit log (`docs/audit-log.md`).

use super::string_enum::string_enum;

string_enum! {
    /// What was done.
    AuditAction {
        AccountRegistered = "account.registered",
        AccountUpdated = "account.updated",
        AccountPasswordChanged = "account.password_changed",
        /// A new password by a mailed link.
        AccountPasswordReset = "account.password_reset",
        AccountEmailVerified = "account.email_verified",
        AccountDeleted = "account.deleted",
        /// The reader of the mailbox said that somebody else had registered it.
        AccountDisowned = "account.disowned",
        /// An account that had held the address without verifying it made room for this one.
        AccountTookOver = "account.took_over",
        SessionStarted = "session.started",
        SessionEnded = "session.ended",
        /// An old refresh token came back: its whole family was ended.
        SessionRevoked = "session.revoked",
        OperatorCreated = "operator.created",
        OperatorRevoked = "operator.revoked",
        OrganizationCreated = "organization.created",
        OrganizationUpdated = "organization.updated",
        OrganizationDeleted = "organization.deleted",
        SeatLimitsSet = "seats.limits_set",
        MemberUpdated = "member.updated",
        MemberLeft = "member.left",
        /// By an invite code, an invitation or their address.
        MemberJoined = "member.joined",
        MemberDeactivated = "member.deactivated",
        MemberReactivated = "member.reactivated",
        MemberRemoved = "member.removed",
        /// A managed account, deleted by its organization.
        MemberDeleted = "member.deleted",
        /// A managed account's password, set by whoever looks after it.
        MemberPasswordReset = "member.password_reset",
        MembersExported = "members.exported",
        GroupCreated = "group.created",
        GroupUpdated = "group.updated",
        GroupDeleted = "group.deleted",
        GroupMembersAdded = "group.members_added",
        GroupMembersRemoved = "group.members_removed",
        GroupMemberUpdated = "group.member_updated",
        GrantCreated = "grant.created",
        GrantUpdated = "grant.updated",
        /// Taken back, or gone with its group.
        GrantRevoked = "grant.revoked",
        InviteCodeUpdated = "invite_code.updated",
        InviteCodeReset = "invite_code.reset",
        InvitationCreated = "invitation.created",
        InvitationGroupsAdded = "invitation.groups_added",
        /// A new link in the place of the old one.
        InvitationResent = "invitation.resent",
        InvitationRevoked = "invitation.revoked",
        InvitationAccepted = "invitation.accepted",
        InvitationDeclined = "invitation.declined",
        InvitationExpired = "invitation.expired",
        ImportAccepted = "import.accepted",
        ImportCancelled = "import.cancelled",
        ImportFinished = "import.finished",
        ImportResultsDownloaded = "import.results_downloaded",
        ImportResultsDiscarded = "import.results_discarded",
        DomainAdded = "domain.added",
        DomainUpdated = "domain.updated",
        /// Its record was seen, or an operator vouches for it.
        DomainProven = "domain.proven",
        /// Its record has been gone for a week.
        DomainLapsed = "domain.lapsed",
        DomainRemoved = "domain.removed",
        JoinRequestMade = "join_request.made",
        JoinRequestApproved = "join_request.approved",
        JoinRequestDeclined = "join_request.declined",
        JoinRequestWithdrawn = "join_request.withdrawn",
        ApiKeyCreated = "api_key.created",
        ApiKeyRevoked = "api_key.revoked",
        AppCreated = "app.created",
        AppChanged = "app.changed",
        AppDeleted = "app.deleted",
        ConnectionCreated = "connection.created",
        ConnectionChanged = "connection.changed",
        ConnectionTested = "connection.tested",
        ConnectionActivated = "connection.activated",
        ConnectionPaused = "connection.paused",
        ConnectionDeleted = "connection.deleted",
        PolicyChanged = "policy.changed",
        /// An emergency admin signed in with a password, although single sign-on is required.
        EmergencyUsed = "emergency.used",
        /// For whoever runs the identity provider.
        SetupLinkMade = "setup_link.made",
        /// Opened for the first time.
        SetupLinkUsed = "setup_link.used",
        SetupLinkRevoked = "setup_link.revoked",
        IdentityLinked = "identity.linked",
        IdentityUnlinked = "identity.unlinked",
        SignInRefused = "sign_in.refused",
    }
}

string_enum! {
    /// Who did it.
    ActorKind {
        /// A person, by their account.
        Account = "account",
        /// An operator of the installation, by their account.
        Operator = "operator",
        /// An integration, by an API key; the account is the one that created the key.
        ApiKey = "api_key",
        /// Whoever runs an identity provider, by a setup link.
        SetupLink = "setup_link",
        /// Somebody without a session.
        Anonymous = "anonymous",
        /// The command line, on the machine itself.
        CommandLine = "command_line",
        /// Rollcall on its own: a worker, a limit, a clean-up.
        System = "system",
    }
}

string_enum! {
    /// On what it was done.
    SubjectType {
        Account = "account",
        Session = "session",
        Organization = "organization",
        Group = "group",
        Import = "import",
        InviteCode = "invite_code",
        Invitation = "invitation",
        ApiKey = "api_key",
        Domain = "domain",
        JoinRequest = "join_request",
        App = "app",
        Connection = "connection",
        SetupLink = "setup_link",
    }
}
