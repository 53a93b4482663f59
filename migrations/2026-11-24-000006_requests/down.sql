DROP TABLE idempotent_answers;
DROP TABLE rate_limits;
