DROP TRIGGER memberships_ended;
DROP TRIGGER accounts_repeated;
DROP TABLE member_grams;
