DROP TABLE pending_groups;
DROP TABLE mailed_tokens;
DROP TABLE invitation_groups;
DROP TABLE invitations;
