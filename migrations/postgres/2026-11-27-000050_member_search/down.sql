DROP FUNCTION accounts_repeated CASCADE;
DROP TABLE member_grams;
