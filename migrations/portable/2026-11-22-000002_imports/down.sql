DROP TABLE import_outcomes;
DROP TABLE import_rows;
DROP TABLE import_groups;
DROP TABLE imports;
