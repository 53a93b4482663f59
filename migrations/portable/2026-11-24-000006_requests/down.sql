DROP TABLE idempotency_keys;
DROP TABLE known_networks;
DROP TABLE rate_limits;
