-- Admins who may come with a password although their organization requires single sign-on
-- (docs/sso.md#required-single-sign-on). Whoever is no active admin any more is none of them.

CREATE TABLE emergency_admins (
    organization_id uuid NOT NULL,
    account_id uuid NOT NULL,
    PRIMARY KEY (organization_id, account_id),
    FOREIGN KEY (organization_id, account_id)
        REFERENCES memberships (organization_id, account_id) ON DELETE CASCADE
);
CREATE INDEX emergency_admins_account ON emergency_admins (account_id);
