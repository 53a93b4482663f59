//! What an organization is and what a membership of one can be.

use super::string_enum::string_enum;

string_enum! {
    /// What kind of organization it is; fixed at its creation.
    OrganizationKind {
        School = "school",
        Enterprise = "enterprise",
    }
}

string_enum! {
    /// What a membership is licensed as. Schools have students and teachers, enterprises learners
    /// and creators.
    AccountType {
        Student = "student",
        Teacher = "teacher",
        Learner = "learner",
        Creator = "creator",
    }
}

string_enum! {
    /// What a member may do beyond their account type.
    Role {
        Member = "member",
        Admin = "admin",
    }
}

string_enum! {
    /// Whether a membership counts: a deactivated one takes no seat and opens nothing.
    MembershipStatus {
        Active = "active",
        Deactivated = "deactivated",
    }
}

string_enum! {
    /// Which door a member came in by.
    JoinedVia {
        /// Created the organization.
        Founder = "founder",
        CsvImport = "csv_import",
        /// Manual creation, without a real address.
        Manual = "manual",
        OrganizationCode = "organization_code",
        GroupCode = "group_code",
        Invitation = "invitation",
        /// By an address in a domain of the organization.
        Domain = "domain",
        /// A central system signed them in.
        Sso = "sso",
    }
}

string_enum! {
    /// What a person does in a group.
    GroupRole {
        Member = "member",
        Manager = "manager",
    }
}

impl OrganizationKind {
    /// The account types of this kind: the least privileged first, then the staff's.
    pub const fn account_types(self) -> [AccountType; 2] {
        match self {
            Self::School => [AccountType::Student, AccountType::Teacher],
            Self::Enterprise => [AccountType::Learner, AccountType::Creator],
        }
    }

    /// What joiners become unless the organization says otherwise.
    pub const fn default_account_type(self) -> AccountType {
        let [least_privileged, _] = self.account_types();
        least_privileged
    }

    /// What staff, and so the founder, are.
    pub const fn staff_account_type(self) -> AccountType {
        let [_, staff] = self.account_types();
        staff
    }

    /// The other account type of this kind.
    pub fn other_than(self, account_type: AccountType) -> Option<AccountType> {
        let mut others = self.account_types().into_iter();
        others.find(|other| *other != account_type)
    }

    /// Whether an organization of this kind has such members.
    pub fn has(self, account_type: AccountType) -> bool {
        self.account_types().contains(&account_type)
    }
}

impl AccountType {
    /// Whom staff let in and look after.
    pub const LEARNERS: [Self; 2] = [Self::Student, Self::Learner];

    /// Whom only admins let in.
    pub const STAFF: [Self; 2] = [Self::Teacher, Self::Creator];

    /// Teachers and creators: they may create groups and manage them.
    pub const fn is_staff(self) -> bool {
        match self {
            Self::Teacher | Self::Creator => true,
            Self::Student | Self::Learner => false,
        }
    }
}
