-- Accounts and their sessions, organizations with memberships, seats and groups, the audit log.
--
-- One tree of portable SQL for SQLite and PostgreSQL: SQLite keeps what it is given whatever the
-- type is called (uuid: 16 bytes; timestamptz: microseconds since 1970; jsonb: text). Times come
-- from the application's clock, ids from the application.

CREATE TABLE organizations (
    id uuid PRIMARY KEY NOT NULL,
    name text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('school', 'enterprise')),
    slug text NOT NULL,
    default_account_type text NOT NULL,
    -- At least one from the founder on: a decrease is conditional (docs/organizations.md).
    active_admins bigint NOT NULL CHECK (active_admins >= 0),
    -- Its doors open only to sessions with its own proof (docs/sso.md#required-single-sign-on).
    sso_required boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX organizations_slug_key ON organizations (slug);

CREATE TABLE accounts (
    id uuid PRIMARY KEY NOT NULL,
    -- Canonical (docs/accounts.md), so that plain equality is identity.
    email text NOT NULL,
    -- The address without its subaddress, of one that has one (name@ of name+tag@).
    subaddress_of text,
    email_verified_at timestamptz,
    username text NOT NULL,
    -- Name and address folded for search and order.
    search_key text NOT NULL,
    -- A PHC string; none yet: no password opens the account.
    password_hash text,
    must_change_password boolean NOT NULL,
    -- Who chose the password: its owner, somebody else (an import, an admin's reset), or whoever knew that one.
    password_origin text NOT NULL,
    -- When its owner last signed in by the password that is set.
    password_used_at timestamptz,
    generated_address boolean NOT NULL,
    -- The organization that created the account and may manage it; none once its owner has joined or
    -- founded another one (docs/members.md#managed-accounts).
    managed_by_organization_id uuid REFERENCES organizations (id) ON DELETE SET NULL,
    operator boolean NOT NULL,
    -- Registered by whoever typed the address: nothing but a verified address shows that it is theirs
    -- (docs/accounts.md#addresses-that-nobody-verified).
    self_registered boolean NOT NULL,
    deactivated_at timestamptz,
    created_at timestamptz NOT NULL,
    -- 1970 means never; never NULL, so that pages can be sought by it.
    last_active_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX accounts_email_key ON accounts (email);
-- The oldest of a mailbox first (docs/mail.md).
CREATE INDEX accounts_subaddresses ON accounts (subaddress_of, id)
    WHERE subaddress_of IS NOT NULL AND email_verified_at IS NULL;
CREATE INDEX accounts_managed_by ON accounts (managed_by_organization_id);
-- Nobody can sign in to these and nobody manages them: they are deleted once nothing leads to them.
CREATE INDEX accounts_unclaimed ON accounts (id)
    WHERE password_hash IS NULL AND managed_by_organization_id IS NULL;

CREATE TABLE sessions (
    id uuid PRIMARY KEY NOT NULL,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    user_agent text,
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- Signed in by a connection and not by a password: it lives as long as its proofs (docs/sso.md#sessions).
    by_connection boolean NOT NULL,
    -- NULL: opens what the account may do everywhere.
    confined_to_organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE
);
CREATE INDEX sessions_confined ON sessions (confined_to_organization_id);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- The tokens of a session are a family: a second use of an old one ends them all.
CREATE TABLE refresh_tokens (
    token_hash bytea PRIMARY KEY NOT NULL,
    session_id uuid NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    used_at timestamptz
);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_used ON refresh_tokens (used_at) WHERE used_at IS NOT NULL;

-- search_key, managed, email_verified, registered_at and last_active_at repeat the account's: a page of
-- one organization's members, in any of the three orders and by any filter, is then one stretch of one index.
CREATE TABLE memberships (
    -- By it the search index knows the membership; the database gives it.
    number integer PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    account_type text NOT NULL,
    role text NOT NULL,
    status text NOT NULL,
    joined_via text NOT NULL,
    joined_at timestamptz NOT NULL,
    search_key text NOT NULL,
    -- Whether the organization manages the account.
    managed boolean NOT NULL,
    email_verified boolean NOT NULL,
    registered_at timestamptz NOT NULL,
    last_active_at timestamptz NOT NULL,
    -- Marks of the pairs of letters of the search key (api/domain/member_marks.rs).
    word_marks bigint NOT NULL,
    -- What lists filter by, a bit each, above the marks of groups in the lower 48 bits. Triggers keep it.
    traits bigint NOT NULL,
    UNIQUE (organization_id, account_id)
);
CREATE INDEX memberships_account ON memberships (account_id);
-- The three orders. What follows the account is what lists filter by: the index alone tells who is on a page.
-- What has a fixed width comes first, so that PostgreSQL finds it at once.
CREATE INDEX memberships_by_name ON memberships (
    organization_id, search_key, account_id, traits, word_marks, registered_at, last_active_at
);
CREATE INDEX memberships_by_registration ON memberships (
    organization_id, registered_at, account_id, traits, word_marks, last_active_at, number, search_key
);
CREATE INDEX memberships_by_activity ON memberships (
    organization_id, last_active_at, account_id, traits, word_marks, registered_at, number, search_key
);
-- Those of a type, and those who are few in most organizations. With the number, no table is read to see that they are many.
CREATE INDEX memberships_types ON memberships (organization_id, account_type, number);
CREATE INDEX memberships_admins ON memberships (organization_id, number) WHERE role = 'admin';
CREATE INDEX memberships_deactivated ON memberships (organization_id, number) WHERE status = 'deactivated';
CREATE INDEX memberships_unmanaged ON memberships (organization_id, number) WHERE NOT managed;
CREATE INDEX memberships_verified ON memberships (organization_id, number) WHERE email_verified;

-- The ledger: one row for the total and one for each account type (`docs/organizations.md#seats`).
CREATE TABLE seats (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    pool text NOT NULL,
    seat_limit bigint CHECK (seat_limit >= 0),
    used bigint NOT NULL CHECK (used >= 0),
    reserved bigint NOT NULL CHECK (reserved >= 0),
    PRIMARY KEY (organization_id, pool)
);

CREATE TABLE groups (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name text NOT NULL,
    -- Unique whatever the case.
    name_key text NOT NULL,
    -- Folded for search.
    search_key text NOT NULL,
    description text,
    created_at timestamptz NOT NULL,
    -- Two bits that its members have among their marks: one of the lower 24, one of the 24 above.
    marks bigint NOT NULL,
    UNIQUE (organization_id, id)
);
CREATE UNIQUE INDEX groups_name_key ON groups (organization_id, name_key);

CREATE TABLE group_memberships (
    group_id uuid NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    role text NOT NULL,
    -- What gave it, and may take it back: the connection whose rules did. NULL: people.
    source uuid,
    -- The membership's number and search key, which triggers repeat here.
    number bigint NOT NULL DEFAULT 0,
    search_key text NOT NULL DEFAULT '',
    PRIMARY KEY (group_id, account_id),
    FOREIGN KEY (organization_id, account_id)
        REFERENCES memberships (organization_id, account_id) ON DELETE CASCADE
);
CREATE INDEX group_memberships_member ON group_memberships (organization_id, account_id);
CREATE INDEX group_memberships_account ON group_memberships (account_id);
-- The index alone tells which members a group has, and which of them have a word.
CREATE INDEX group_memberships_listed ON group_memberships (group_id, role, number, search_key);

CREATE TABLE audit_events (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid REFERENCES organizations (id) ON DELETE SET NULL,
    action text NOT NULL,
    -- The name stays readable when the account is gone.
    actor_kind text NOT NULL,
    actor_account_id uuid REFERENCES accounts (id) ON DELETE SET NULL,
    actor_name text NOT NULL,
    -- Not a reference: what happened to something outlives it.
    subject_type text NOT NULL,
    subject text NOT NULL,
    details jsonb NOT NULL,
    -- None for the command line and for work in the background.
    request text,
    created_at timestamptz NOT NULL
);
CREATE INDEX audit_events_organization ON audit_events (organization_id, id);
CREATE INDEX audit_events_actor ON audit_events (actor_account_id);
