-- The outbox: mail is queued in the transaction of what it tells of, and sent by a worker
-- (docs/mail.md).

-- In which language an account is written to (ISO 639-1).
ALTER TABLE accounts ADD COLUMN language text NOT NULL DEFAULT 'en';

CREATE TABLE mails (
    id uuid PRIMARY KEY NOT NULL,
    -- NULL: it concerns a person, and no organization.
    organization_id uuid REFERENCES organizations (id) ON DELETE CASCADE,
    account_id uuid NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind text NOT NULL,
    -- What it tells of: one cause, one mail.
    cause text NOT NULL,
    recipient text NOT NULL,
    language text NOT NULL,
    -- What the template is filled with, links among it, encrypted; NULL once nothing is to be sent.
    sealed bytea,
    status text NOT NULL,
    attempts bigint NOT NULL,
    -- What the mail server, or the way to it, said last.
    last_error text,
    -- Set right before its text goes to the mail server: a worker that dies after that leaves a
    -- mail of which nobody knows whether it was taken, and which is not sent again.
    handed_over_at timestamptz,
    created_at timestamptz NOT NULL,
    sent_at timestamptz
);
CREATE UNIQUE INDEX mails_cause_key ON mails (cause);
CREATE INDEX mails_unsent ON mails (id) WHERE status IN ('queued', 'deferred');
CREATE INDEX mails_ended ON mails (created_at) WHERE status IN ('sent', 'failed');
CREATE INDEX mails_account ON mails (account_id);
CREATE INDEX mails_organization ON mails (organization_id, id);
