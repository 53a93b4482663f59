DROP TABLE mails;
ALTER TABLE accounts DROP COLUMN language;
