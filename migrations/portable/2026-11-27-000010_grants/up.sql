-- Resources of other systems that groups open (docs/grants.md).

CREATE TABLE grants (
    organization_id uuid NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    group_id uuid NOT NULL,
    -- Type and id, as the other system writes them: compared as they are.
    resource_type text NOT NULL,
    resource text NOT NULL,
    -- NULL: does not end.
    expires_at timestamptz,
    created_at timestamptz NOT NULL,
    -- A group's grants in their order; and with the groups of an account, whether one opens a resource.
    PRIMARY KEY (organization_id, group_id, resource_type, resource),
    FOREIGN KEY (organization_id, group_id) REFERENCES groups (organization_id, id) ON DELETE CASCADE
);
