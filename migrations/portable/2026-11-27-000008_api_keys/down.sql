ALTER TABLE audit_events DROP COLUMN actor_api_key;
DROP TABLE api_keys;
