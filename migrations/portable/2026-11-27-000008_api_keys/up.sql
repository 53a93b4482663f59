-- API keys (docs/api-keys.md), and in the audit log the key by which something was done.

CREATE TABLE api_keys (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    -- A key acts for this account and goes with it.
    created_by_account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name text NOT NULL,
    -- The SHA-256 of the key.
    key_hash bytea NOT NULL,
    -- The key's last four characters.
    hint text NOT NULL,
    scopes jsonb NOT NULL,
    -- NULL: does not expire.
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    -- To five minutes; NULL before the first use.
    last_used_at timestamptz
);
CREATE UNIQUE INDEX api_keys_key_hash ON api_keys (key_hash);
CREATE INDEX api_keys_organization ON api_keys (organization_id, id);
CREATE INDEX api_keys_created_by ON api_keys (created_by_account_id);

-- Not a reference: what a key did outlives it.
ALTER TABLE audit_events ADD COLUMN actor_api_key uuid;
