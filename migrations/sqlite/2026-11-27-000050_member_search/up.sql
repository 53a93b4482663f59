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

-- The upper bits of a membership's traits follow what they tell of. (A generated column would keep an index from
-- being all that a query reads.)
CREATE TRIGGER memberships_traits
AFTER UPDATE OF account_type, role, status, managed, email_verified ON memberships
WHEN (OLD.account_type <> NEW.account_type OR OLD.role <> NEW.role OR OLD.status <> NEW.status
    OR OLD.managed <> NEW.managed OR OLD.email_verified <> NEW.email_verified)
BEGIN
    UPDATE memberships
    SET traits = (traits & 281474976710655) | ((
        CASE NEW.account_type
            WHEN 'student' THEN 1 WHEN 'teacher' THEN 2 WHEN 'learner' THEN 4 WHEN 'creator' THEN 8 END
        + CASE NEW.role WHEN 'admin' THEN 16 ELSE 0 END
        + CASE NEW.status WHEN 'deactivated' THEN 32 ELSE 0 END
        + CASE WHEN NEW.managed THEN 64 ELSE 0 END
        + CASE WHEN NEW.email_verified THEN 128 ELSE 0 END
    ) << 48)
    WHERE number = NEW.number;
END;

-- Whoever comes into a group is listed in it with the number and the search key of the membership.
CREATE TRIGGER group_members_listed AFTER INSERT ON group_memberships
BEGIN
    UPDATE group_memberships SET number = m.number, search_key = m.search_key
    FROM memberships m
    WHERE m.organization_id = NEW.organization_id AND m.account_id = NEW.account_id
    AND group_id = NEW.group_id AND group_memberships.account_id = NEW.account_id;
END;

-- Places in groups follow a new name of the member.
CREATE TRIGGER memberships_renamed AFTER UPDATE OF search_key ON memberships
WHEN OLD.search_key <> NEW.search_key
BEGIN
    UPDATE group_memberships SET search_key = NEW.search_key
    WHERE organization_id = NEW.organization_id AND account_id = NEW.account_id;
END;

-- Whoever comes into a group gets its marks, where they were not written with the membership. Whoever leaves one
-- keeps them until the next: a mark too many costs a look at the groups, one too few would hide a member.
CREATE TRIGGER group_members_marked AFTER INSERT ON group_memberships
BEGIN
    UPDATE memberships
    SET traits = (traits & ~281474976710655) | (
        SELECT sum(DISTINCT g.marks & 16777215) + sum(DISTINCT g.marks & ~16777215)
        FROM group_memberships m JOIN groups g ON g.id = m.group_id
        WHERE m.organization_id = NEW.organization_id AND m.account_id = NEW.account_id
    )
    WHERE organization_id = NEW.organization_id AND account_id = NEW.account_id
    AND traits & (SELECT marks FROM groups WHERE id = NEW.group_id)
        <> (SELECT marks FROM groups WHERE id = NEW.group_id);
END;
