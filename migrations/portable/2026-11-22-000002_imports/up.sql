-- Imports: one bulk creation of accounts, with its rows (docs/imports.md).

CREATE TABLE imports (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    -- Who made it, and is asked again for each batch: an account, by itself or by an API key of its own,
    -- or the command line.
    created_by_kind text NOT NULL,
    created_by_account_id uuid REFERENCES accounts (id) ON DELETE SET NULL,
    -- Stays when the key is revoked.
    created_by_api_key uuid,
    source text NOT NULL,
    account_type text NOT NULL,
    -- 'staging' while the file arrives; such an import is nobody's to see yet.
    status text NOT NULL,
    on_row_error text NOT NULL,
    on_seat_shortage text NOT NULL,
    generate_missing_passwords boolean NOT NULL,
    must_change_password boolean NOT NULL,
    detected jsonb NOT NULL,
    -- The file's header cells, which errors.csv repeats.
    header jsonb NOT NULL,
    rows_total bigint NOT NULL,
    -- All or nothing: rows whose hash is ready while no account exists yet.
    rows_prepared bigint NOT NULL,
    -- Seats that this import still holds in the ledger's `reserved`.
    seats_reserved bigint NOT NULL CHECK (seats_reserved >= 0),
    failure text,
    -- While its file arrives: until when it is not taken for abandoned.
    staged_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    results_expire_at timestamptz,
    results_discarded_at timestamptz
);
CREATE INDEX imports_organization ON imports (organization_id, id);
CREATE INDEX imports_unfinished ON imports (status, id)
    WHERE status IN ('staging', 'queued', 'running');
CREATE INDEX imports_sealed ON imports (results_expire_at)
    WHERE results_discarded_at IS NULL AND results_expire_at IS NOT NULL;
CREATE INDEX imports_created_by ON imports (created_by_account_id);
-- One at a time for an organization.
CREATE UNIQUE INDEX imports_one_running ON imports (organization_id) WHERE status = 'running';

CREATE TABLE import_groups (
    import_id uuid NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    group_id uuid NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    PRIMARY KEY (import_id, group_id)
);
CREATE INDEX import_groups_group ON import_groups (group_id);

CREATE TABLE import_rows (
    import_id uuid NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    row_number bigint NOT NULL,
    -- NULL where what was given is no address or no name: it may be a password in the wrong
    -- column, and is kept in `sealed` only. Also NULL until an address is generated.
    email text,
    username text,
    -- NULL: pending. Set once, in the transaction that makes it true.
    outcome text,
    error text,
    account_id uuid REFERENCES accounts (id) ON DELETE SET NULL,
    -- Of an all-or-nothing import, until its accounts are made.
    password_hash text,
    -- The password and the original cells, encrypted; NULL once the results are gone.
    sealed bytea,
    PRIMARY KEY (import_id, row_number)
);
CREATE INDEX import_rows_account ON import_rows (account_id);

-- How many rows ended how: moved in the transaction that sets the outcomes.
CREATE TABLE import_outcomes (
    import_id uuid NOT NULL REFERENCES imports (id) ON DELETE CASCADE,
    outcome text NOT NULL,
    row_count bigint NOT NULL,
    PRIMARY KEY (import_id, outcome)
);
