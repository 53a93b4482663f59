-- What all replicas have to know of requests: how often, and which got a response before
-- (docs/api-design.md).

-- A limit for a subject, as the generic cell rate algorithm keeps it: one time.
CREATE TABLE rate_limits (
    -- SHA-256 of the limit's name and the subject: neither addresses nor names stand here.
    key_hash bytea PRIMARY KEY NOT NULL,
    -- When the subject will have its whole allowance again, in microseconds since 1970. An integer, because the
    -- databases do date arithmetic differently.
    full_at bigint NOT NULL
);
CREATE INDEX rate_limits_full ON rate_limits (full_at);

-- The networks that people have signed in from (docs/limits.md).
CREATE TABLE known_networks (
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    -- Keyed hash of the network and the account: where people are cannot be read here.
    network bytea NOT NULL,
    last_used_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, network)
);
CREATE INDEX known_networks_last_use ON known_networks (last_used_at);

-- Stored responses to requests with an Idempotency-Key, written in the transaction of the work itself.
CREATE TABLE idempotency_keys (
    -- SHA-256 of who sent the request and the key.
    key_hash bytea PRIMARY KEY NOT NULL,
    -- Keyed hash of method, path and body: bodies hold passwords.
    fingerprint bytea NOT NULL,
    -- Status, location and body, encrypted: responses hold tokens and passwords.
    sealed bytea NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
