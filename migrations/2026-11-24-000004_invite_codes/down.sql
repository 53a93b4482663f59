DROP TABLE group_removals;
DROP TABLE removals;
DROP TABLE awaited_joins;
DROP TABLE invite_code_uses;
DROP TABLE invite_codes;
