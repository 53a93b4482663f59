-- Email domains of organizations, and how they are proven (docs/domains.md).

CREATE TABLE domains (
    id uuid PRIMARY KEY NOT NULL,
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    -- In ASCII and lower case, as addresses have it.
    domain text NOT NULL,
    -- What the TXT record has to hold. No secret: everybody can read it there.
    challenge text NOT NULL,
    -- 'pending', 'proven' or 'lapsed'.
    status text NOT NULL,
    -- How people join who have an address in it: 'closed', 'request' or 'open'.
    joining text NOT NULL,
    -- Whether an operator vouches for it: then no record is looked for.
    vouched boolean NOT NULL,
    -- When name servers last told of it; NULL: never.
    checked_at timestamptz,
    -- Since when the record of a proven domain is gone; NULL: it is there.
    missing_since timestamptz,
    -- When it was last proven; NULL: never.
    proven_at timestamptz,
    -- Of which connection whoever has a setup link added it: there alone it counts, until an admin changes or checks it.
    -- It stays when that is deleted, so that it counts nowhere else then.
    counts_only_at uuid,
    created_at timestamptz NOT NULL
);
CREATE UNIQUE INDEX domains_of_organization ON domains (organization_id, domain);
-- One organization proves a domain at a time.
CREATE UNIQUE INDEX domains_proven ON domains (domain) WHERE status = 'proven';
