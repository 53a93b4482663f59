//! How people who are added to a group, or taken out of it, end.

use super::string_enum::string_enum;

string_enum! {
    /// How somebody who was to be added to a group ended.
    AddOutcome {
        Added = "added",
        /// In the group before; their role there stays.
        AlreadyInGroup = "already_in_group",
        /// No active member of the organization, or none that the caller sees.
        NotAMember = "not_a_member",
        /// Groups are managed by staff and admins.
        ManagerNeedsStaffType = "manager_needs_staff_type",
        /// Named before in the same request.
        DuplicateInRequest = "duplicate_in_request",
    }
}

string_enum! {
    /// How somebody who was to be taken out of a group ended.
    RemoveOutcome {
        Removed = "removed",
        NotInGroup = "not_in_group",
        /// Named before in the same request.
        DuplicateInRequest = "duplicate_in_request",
    }
}
