-- How far a copy of another database into this one has come (docs/operations.md#from-sqlite-to-postgresql). It has
-- a row for each table until the copy is whole, and none otherwise.
CREATE TABLE copied_tables (
    name text PRIMARY KEY NOT NULL,
    row_count bigint NOT NULL,
    -- The key of the last row that is here, as a JSON array; NULL before the first.
    last_key text
);

-- That this database was copied into another one, which is served in its place: no server starts with it. It has one
-- row then, and none otherwise.
CREATE TABLE copied_away (
    copied_at timestamptz PRIMARY KEY NOT NULL
);
