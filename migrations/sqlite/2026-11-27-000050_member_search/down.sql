DROP TRIGGER group_members_marked;
DROP TRIGGER memberships_renamed;
DROP TRIGGER group_members_listed;
DROP TRIGGER memberships_traits;
DROP TRIGGER memberships_ended;
DROP TRIGGER accounts_repeated;
DROP TABLE member_grams;
