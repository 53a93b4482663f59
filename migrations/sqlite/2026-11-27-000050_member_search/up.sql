-- What keeps the members' search index and the columns that memberships repeat, on SQLite
-- (docs/decisions/0077-members-search-index.md).

-- The grams of a membership's search key, each with its organization in it, under the membership's number.
CREATE VIRTUAL TABLE member_grams USING fts5 (
    grams, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);

-- What memberships repeat of an account follows it.
CREATE TRIGGER accounts_repeated
AFTER UPDATE OF search_key, created_at, last_active_at, email_verified_at, managed_by_organization_id
ON accounts
BEGIN
    UPDATE memberships
    SET search_key = NEW.search_key,
        registered_at = NEW.created_at,
        last_active_at = NEW.last_active_at,
        email_verified = NEW.email_verified_at IS NOT NULL,
        managed = NEW.managed_by_organization_id IS NOT NULL
            AND NEW.managed_by_organization_id = organization_id
    WHERE account_id = NEW.id;
END;

CREATE TRIGGER memberships_ended AFTER DELETE ON memberships
BEGIN
    DELETE FROM member_grams WHERE rowid = OLD.number;
END;
