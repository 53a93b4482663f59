//! API keys: what one may do.

use super::string_enum::string_enum;

string_enum! {
    /// What an API key may do, if its creator may do it at that moment.
    Scope {
        MembersRead = "members:read",
        MembersWrite = "members:write",
        GroupsRead = "groups:read",
        GroupsWrite = "groups:write",
        InvitationsRead = "invitations:read",
        InvitationsWrite = "invitations:write",
        GrantsRead = "grants:read",
        GrantsWrite = "grants:write",
        AccessRead = "access:read",
        ImportsRead = "imports:read",
        ImportsWrite = "imports:write",
        CodesRead = "codes:read",
        CodesWrite = "codes:write",
        AuditRead = "audit:read",
        OrganizationRead = "organization:read",
    }
}
