DROP TABLE removed_group_members;
DROP TABLE removed_members;
DROP TABLE pending_joins;
DROP TABLE invite_code_uses;
DROP TABLE invite_codes;
