-- Links for whoever runs an identity provider (docs/sso.md#setup-links). They end with their maker's account.

CREATE TABLE setup_links (
    id uuid PRIMARY KEY NOT NULL,
    token_hash bytea NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    created_by_account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- What the audit log calls it.
    name text NOT NULL,
    email text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- When it was first opened.
    used_at timestamptz
);
CREATE UNIQUE INDEX setup_links_token_key ON setup_links (token_hash);
CREATE INDEX setup_links_organization ON setup_links (organization_id, id);
CREATE INDEX setup_links_connection ON setup_links (connection_id);
CREATE INDEX setup_links_creator ON setup_links (created_by_account_id);
CREATE INDEX setup_links_end ON setup_links (expires_at);

-- The link that made a test. Its tests end with it.
ALTER TABLE diagnoses ADD COLUMN made_by_setup_link_id uuid REFERENCES setup_links (id) ON DELETE CASCADE;
CREATE INDEX diagnoses_setup_link ON diagnoses (made_by_setup_link_id);
