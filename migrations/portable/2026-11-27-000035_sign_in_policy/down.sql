DROP TABLE emergency_admins;
