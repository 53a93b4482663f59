-- Requests to join an organization by an address in a domain that it has proven (docs/domains.md).

CREATE TABLE join_requests (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- What they tell the admins.
    note text,
    -- 'open', 'approved', 'declined' or 'withdrawn'.
    status text NOT NULL,
    -- Whether admins have been told of it.
    told boolean NOT NULL,
    created_at timestamptz NOT NULL,
    -- When it ended, and by whom; NULL while it is open.
    decided_at timestamptz,
    decided_by_account_id uuid REFERENCES accounts (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX join_requests_open ON join_requests (organization_id, account_id) WHERE status = 'open';
CREATE INDEX join_requests_organization ON join_requests (organization_id, id);
CREATE INDEX join_requests_status ON join_requests (organization_id, status, id);
CREATE INDEX join_requests_account ON join_requests (account_id, id);
CREATE INDEX join_requests_decided_by ON join_requests (decided_by_account_id);
-- For the clean-up.
CREATE INDEX join_requests_decided_at ON join_requests (decided_at);
