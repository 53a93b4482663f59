DROP TABLE copied_away;
DROP TABLE copied_tables;
