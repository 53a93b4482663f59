-- Invite codes of organizations and groups, who used them, and whom they do not let back in
-- (docs/invite-codes.md).

CREATE TABLE invite_codes (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    -- NULL: the organization's own.
    group_id uuid REFERENCES groups (id) ON DELETE CASCADE,
    -- Ten characters without the dash. Readable, because it is shown again: its strength is entropy
    -- and throttling.
    code text NOT NULL,
    -- When this code took the place of the one before.
    issued_at timestamptz NOT NULL,
    paused boolean NOT NULL,
    expires_at timestamptz,
    max_uses bigint CHECK (max_uses >= 1),
    uses bigint NOT NULL CHECK (uses >= 0),
    -- An array of domains; empty: any.
    allowed_email_domains jsonb NOT NULL
);
CREATE UNIQUE INDEX invite_codes_code_key ON invite_codes (code);
CREATE UNIQUE INDEX invite_codes_of_organization ON invite_codes (organization_id) WHERE group_id IS NULL;
CREATE UNIQUE INDEX invite_codes_of_group ON invite_codes (group_id);
CREATE INDEX invite_codes_organization ON invite_codes (organization_id);

CREATE TABLE invite_code_uses (
    id uuid PRIMARY KEY NOT NULL,
    invite_code_id uuid NOT NULL REFERENCES invite_codes (id) ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- The code as it was then.
    code text NOT NULL,
    outcome text NOT NULL,
    used_at timestamptz NOT NULL
);
CREATE INDEX invite_code_uses_code ON invite_code_uses (invite_code_id, id);
CREATE INDEX invite_code_uses_account ON invite_code_uses (account_id);

-- A code that is limited to email domains takes effect when the address is verified.
CREATE TABLE pending_joins (
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    invite_code_id uuid NOT NULL REFERENCES invite_codes (id) ON DELETE CASCADE,
    -- The code as it was then: after a reset it lets nobody in.
    code text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, invite_code_id)
);
CREATE INDEX pending_joins_code ON pending_joins (invite_code_id);

-- Whom an admin removed does not come back with a code that was made before: by address, as the account may be
-- deleted and the same address registered again.
CREATE TABLE removed_members (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    email text NOT NULL,
    removed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, email)
);

CREATE TABLE removed_group_members (
    group_id uuid NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    email text NOT NULL,
    removed_at timestamptz NOT NULL,
    PRIMARY KEY (group_id, email)
);
