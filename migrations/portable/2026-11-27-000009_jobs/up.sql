-- The queue of all background work. A job is queued in the transaction of what it is about, and is
-- deleted in the transaction that does it.

CREATE TABLE jobs (
    id uuid PRIMARY KEY NOT NULL,
    kind text NOT NULL,
    -- 'urgent' or 'bulk': urgent jobs of a kind go first, whoever they are for.
    priority text NOT NULL,
    -- The organization that it is for; the nil UUID where there is none. Those of one kind take turns.
    tenant uuid NOT NULL,
    -- The import or the mail that it is about. A job whose subject is gone does nothing.
    subject uuid NOT NULL,
    -- The number of the first row of a batch; 0 where a job is about the whole subject.
    part bigint NOT NULL,
    due_at timestamptz NOT NULL,
    -- When due_at was written. A time ahead of now comes of a clock that was wrong, as due_at does then.
    scheduled_at timestamptz NOT NULL,
    -- How often a worker has taken it.
    attempts bigint NOT NULL,
    -- How often it failed by itself: outages, hand-overs and workers that died are not counted.
    failures bigint NOT NULL,
    -- Which worker has it, until when; any worker may take it after that.
    leased_by uuid,
    leased_until timestamptz NOT NULL
);
CREATE UNIQUE INDEX jobs_subject ON jobs (subject, kind, part);
-- The tenants that have a job, and the first job of one of them, are index ranges.
CREATE INDEX jobs_turn ON jobs (kind, priority, tenant, due_at, id);

-- When tenants had their last turn, counted in turns. One that is not here has had none of late.
CREATE TABLE job_turns (
    kind text NOT NULL,
    priority text NOT NULL,
    tenant uuid NOT NULL,
    turn bigint NOT NULL,
    PRIMARY KEY (kind, priority, tenant)
);
CREATE INDEX job_turns_turn ON job_turns (kind, priority, turn);
