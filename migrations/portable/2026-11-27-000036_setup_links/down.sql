DROP INDEX diagnoses_setup_link;
ALTER TABLE diagnoses DROP COLUMN made_by_setup_link_id;
DROP TABLE setup_links;
