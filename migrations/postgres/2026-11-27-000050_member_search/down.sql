DROP FUNCTION group_members_marked CASCADE;
DROP FUNCTION memberships_renamed CASCADE;
DROP FUNCTION group_members_listed CASCADE;
DROP FUNCTION memberships_traits CASCADE;
DROP FUNCTION accounts_repeated CASCADE;
DROP TABLE member_grams;
