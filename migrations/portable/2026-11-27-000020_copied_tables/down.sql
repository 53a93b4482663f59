DROP TABLE copied_tables;
