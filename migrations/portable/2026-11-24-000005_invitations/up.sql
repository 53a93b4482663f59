-- Email invitations (docs/invitations.md), and the secrets that are mailed to an address.

CREATE TABLE invitations (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    -- The account with this address: made by the invitation, or there before. NULL once it is gone.
    account_id uuid REFERENCES accounts (id) ON DELETE SET NULL,
    invited_by_account_id uuid REFERENCES accounts (id) ON DELETE SET NULL,
    email text NOT NULL,
    -- The address folded for search.
    search_key text NOT NULL,
    -- Whether the account was made by it ('new_account') or has to accept it ('join').
    kind text NOT NULL,
    account_type text NOT NULL,
    language text NOT NULL,
    note text,
    -- 'expired' is written when the seat is given back; `expires_at` tells before that.
    status text NOT NULL,
    valid_days bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    -- How many links were made for it; only the latest opens it.
    links bigint NOT NULL CHECK (links >= 1),
    -- The latest mail about it.
    mail_id uuid REFERENCES mails (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE INDEX invitations_organization ON invitations (organization_id, id);
CREATE INDEX invitations_account ON invitations (account_id);
CREATE INDEX invitations_invited_by ON invitations (invited_by_account_id);
CREATE INDEX invitations_mail ON invitations (mail_id);
CREATE INDEX invitations_email ON invitations (organization_id, email);
-- One at a time for an address.
CREATE UNIQUE INDEX invitations_one_pending ON invitations (organization_id, email) WHERE status = 'pending';
CREATE INDEX invitations_due ON invitations (expires_at) WHERE status = 'pending';

CREATE TABLE invitation_groups (
    invitation_id uuid NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    group_id uuid NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (invitation_id, group_id)
);
CREATE INDEX invitation_groups_group ON invitation_groups (group_id);

-- Secrets in links. Whoever presents one has read the mailbox.
CREATE TABLE mailed_tokens (
    token_hash bytea PRIMARY KEY NOT NULL,
    kind text NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    invitation_id uuid REFERENCES invitations (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- Of a link that verifies an address, which stays until it expires.
    used_at timestamptz
);
CREATE INDEX mailed_tokens_account ON mailed_tokens (account_id, kind);
CREATE INDEX mailed_tokens_invitation ON mailed_tokens (invitation_id);
CREATE INDEX mailed_tokens_expiry ON mailed_tokens (expires_at);

-- Groups that a member whose address was never verified was invited to: they come with the proof.
CREATE TABLE pending_groups (
    organization_id uuid NOT NULL,
    account_id uuid NOT NULL,
    group_id uuid NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (organization_id, account_id, group_id),
    FOREIGN KEY (organization_id, account_id)
        REFERENCES memberships (organization_id, account_id) ON DELETE CASCADE
);
CREATE INDEX pending_groups_account ON pending_groups (account_id);
CREATE INDEX pending_groups_group ON pending_groups (group_id);
