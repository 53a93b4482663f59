-- Single sign-on (docs/sso.md): connections to identity providers, who signs in by them, and what is under way.

-- Registrations of an operator with an identity provider, which connections of many organizations share.
CREATE TABLE apps (
    id uuid PRIMARY KEY NOT NULL,
    name text NOT NULL,
    preset text NOT NULL,
    -- What the identity provider calls it.
    client text NOT NULL,
    client_authentication text NOT NULL,
    -- The client secret, sealed for the app's id.
    sealed bytea,
    secret_expires_at timestamptz,
    created_at timestamptz NOT NULL
);

CREATE TABLE connections (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name text NOT NULL,
    kind text NOT NULL,
    preset text NOT NULL,
    status text NOT NULL CHECK (status IN ('draft', 'active', 'paused')),
    -- How the identity provider is reached, and as whom.
    settings jsonb NOT NULL,
    -- The SHA-256 of who names the people of it: identities of another one open nothing. NULL while that is not known.
    subject_issuer bytea,
    -- The app of the settings, where their client is one's.
    app_id uuid REFERENCES apps (id),
    -- The client secret, sealed for the connection's id.
    sealed bytea,
    secret_expires_at timestamptz,
    -- Whom it lets in who never came by it before.
    arrivals text NOT NULL CHECK (arrivals IN ('everyone', 'proven_domains', 'expected')),
    session_hours bigint NOT NULL CHECK (session_hours BETWEEN 1 AND 720),
    -- What makes an account type and groups of claims: the first that matches counts.
    rules jsonb NOT NULL,
    apply text NOT NULL CHECK (apply IN ('first', 'always')),
    -- Of the settings as they are: a change of these takes it back.
    tested_at timestamptz,
    -- Since when its metadata, or its document of discovery and keys, cannot be read, and why.
    metadata_missing_since timestamptz,
    metadata_problem text,
    -- Since when the clock of its identity provider differs from ours, and by how many seconds it did last.
    clock_off_since timestamptz,
    clock_off_seconds bigint,
    -- Since when nobody comes by it any more, where people used to.
    silent_since timestamptz,
    -- Whether whoever has a setup link named its issuer or tenant last, and no admin since.
    issuer_named_by_link boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX connections_organization ON connections (organization_id, id);
CREATE INDEX connections_app ON connections (app_id);
-- By an app, the people of a tenant sign in to one organization.
CREATE UNIQUE INDEX connections_app_tenant_key ON connections (app_id, lower(settings ->> 'tenant'))
    WHERE status = 'active';

-- Documents of identity providers, shared by replicas: discovery and keys.
CREATE TABLE fetched_documents (
    -- The SHA-256 of what it is read as, and of its address.
    url_hash bytea PRIMARY KEY NOT NULL,
    -- The last that could be read; nothing where there was none yet.
    body text,
    fetched_at timestamptz NOT NULL,
    good_until timestamptz NOT NULL,
    -- When it was asked for last, and the step that failed then.
    tried_at timestamptz NOT NULL,
    failure jsonb,
    -- When it was asked for last because of a key that is not in it, and whether the answer has not come yet.
    asked_for_key_at timestamptz,
    is_key_awaited boolean NOT NULL
);
CREATE INDEX fetched_documents_end ON fetched_documents (good_until);

-- A subject at a connection opens one account.
CREATE TABLE identities (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- Of its connection when it was made.
    subject_issuer bytea NOT NULL,
    -- The same as an admin would have named it: who is removed is remembered by it.
    named_issuer bytea NOT NULL,
    -- As the identity provider writes it: compared as it is.
    subject text NOT NULL,
    -- The Google Workspace domain (`hd`) by which they came last.
    workspace text,
    last_used_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX identities_subject_key ON identities (connection_id, organization_id, subject_issuer, subject);
CREATE INDEX identities_account ON identities (account_id, id);
CREATE INDEX identities_organization ON identities (organization_id, account_id);

-- What an identity provider said of somebody last, for 30 days: previews of rules try them on it.
CREATE TABLE identity_claims (
    identity_id uuid PRIMARY KEY NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    -- Sealed for the identity.
    sealed bytea NOT NULL,
    seen_at timestamptz NOT NULL
);
CREATE INDEX identity_claims_connection ON identity_claims (connection_id, identity_id);
CREATE INDEX identity_claims_organization ON identity_claims (organization_id);
CREATE INDEX identity_claims_seen ON identity_claims (seen_at);

-- Subjects of people whom an admin removed: their accounts may be gone.
CREATE TABLE removed_subjects (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    -- Whoever has named the issuer, an admin or a setup link.
    named_issuer bytea NOT NULL,
    subject text NOT NULL,
    removed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, named_issuer, subject)
);

-- That the owner of a session has signed in by a connection.
CREATE TABLE session_proofs (
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    proved_at timestamptz NOT NULL,
    valid_until timestamptz NOT NULL,
    -- The session at the identity provider, by which it ends ours.
    provider_session text,
    PRIMARY KEY (session_id, connection_id)
);
CREATE INDEX session_proofs_connection ON session_proofs (connection_id, provider_session);
CREATE INDEX session_proofs_organization ON session_proofs (organization_id);

-- Flows to identity providers that are under way.
CREATE TABLE flows (
    -- The SHA-256 of the state parameter, which the browser carries.
    state_hash bytea PRIMARY KEY NOT NULL,
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    purpose text NOT NULL CHECK (purpose IN ('sign_in', 'link', 'step_up', 'test')),
    -- The session that began it: of a link or a step-up.
    session_id uuid REFERENCES sessions (id) ON DELETE CASCADE,
    -- What only we are to know of it, sealed for its state.
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX flows_connection ON flows (connection_id);
CREATE INDEX flows_session ON flows (session_id);
CREATE INDEX flows_end ON flows (expires_at);

-- What comes back from a flow: good once, together with the verifier of the browser that began it.
CREATE TABLE tickets (
    ticket_hash bytea PRIMARY KEY NOT NULL,
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    purpose text NOT NULL,
    session_id uuid REFERENCES sessions (id) ON DELETE CASCADE,
    -- Base64url of the verifier's SHA-256.
    challenge text NOT NULL,
    -- Who came, as the identity provider said it.
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX tickets_connection ON tickets (connection_id);
CREATE INDEX tickets_session ON tickets (session_id);
CREATE INDEX tickets_end ON tickets (expires_at);

-- Who came and has to show first that an account is theirs.
CREATE TABLE pending_links (
    token_hash bytea PRIMARY KEY NOT NULL,
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- Who came, as the identity provider said it.
    sealed bytea NOT NULL,
    -- The SHA-256 of the code that was mailed last.
    code_hash bytea,
    code_expires_at timestamptz,
    -- Wrong codes that were tried.
    tries bigint NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX pending_links_connection ON pending_links (connection_id);
CREATE INDEX pending_links_account ON pending_links (account_id);
CREATE INDEX pending_links_end ON pending_links (expires_at);

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

-- What was checked when somebody came, and in the tests of a connection.
CREATE TABLE diagnoses (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    connection_id uuid NOT NULL REFERENCES connections (id) ON DELETE CASCADE,
    -- What a person who was refused reads out.
    reference text NOT NULL,
    purpose text NOT NULL,
    status text NOT NULL CHECK (status IN ('waiting', 'passed', 'failed')),
    -- The code of the refusal.
    code text,
    steps jsonb NOT NULL,
    -- The names of the claims that came; of a test, which shows them for an hour, with their values, sealed.
    claim_names jsonb NOT NULL,
    sealed bytea,
    -- What a test would have done.
    would jsonb,
    -- Who got in.
    account_id uuid REFERENCES accounts (id) ON DELETE SET NULL,
    -- Who made a test, where that was an admin.
    made_by_account_id uuid REFERENCES accounts (id) ON DELETE SET NULL,
    -- The link that made it: its tests end with it.
    made_by_setup_link_id uuid REFERENCES setup_links (id) ON DELETE CASCADE,
    at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX diagnoses_reference_key ON diagnoses (reference);
CREATE INDEX diagnoses_organization ON diagnoses (organization_id, id);
CREATE INDEX diagnoses_connection ON diagnoses (connection_id, id);
CREATE INDEX diagnoses_account ON diagnoses (account_id);
CREATE INDEX diagnoses_maker ON diagnoses (made_by_account_id);
CREATE INDEX diagnoses_setup_link ON diagnoses (made_by_setup_link_id);
CREATE INDEX diagnoses_end ON diagnoses (expires_at);
