DROP TABLE diagnoses;
DROP TABLE pending_links;
DROP TABLE tickets;
DROP TABLE flows;
DROP TABLE session_proofs;
DROP TABLE identities;
DROP TABLE fetched_documents;
DROP TABLE connections;
