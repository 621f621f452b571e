-- One catalogue of backups: copies of the whole server, and each day's dump of the trading database.
-- The dumps were written down in the database they are of, and lost with it; what that table has is
-- taken over when the stack comes up.

ALTER TABLE base_backups RENAME TO backups;
ALTER INDEX base_backups_by_age RENAME TO backups_by_age;
ALTER TABLE backups ADD COLUMN kind text NOT NULL DEFAULT 'base';   -- base | end_of_day
ALTER TABLE backups ALTER COLUMN kind DROP DEFAULT;

-- Of a copy of the server only.
ALTER TABLE backups ALTER COLUMN system_identifier DROP NOT NULL;
ALTER TABLE backups ALTER COLUMN timeline DROP NOT NULL;
ALTER TABLE backups ALTER COLUMN start_lsn DROP NOT NULL;
ALTER TABLE backups ALTER COLUMN stop_lsn DROP NOT NULL;
ALTER TABLE backups ALTER COLUMN server_version DROP NOT NULL;
ALTER TABLE backups ALTER COLUMN unpacked_bytes DROP NOT NULL;
ALTER TABLE backups ALTER COLUMN state_lsn DROP NOT NULL;
ALTER TABLE backups ADD CONSTRAINT a_copy_of_the_server_has_its_log CHECK (
    kind <> 'base' OR (
        system_identifier IS NOT NULL AND timeline IS NOT NULL AND start_lsn IS NOT NULL
        AND stop_lsn IS NOT NULL AND server_version IS NOT NULL AND unpacked_bytes IS NOT NULL
        AND state_lsn IS NOT NULL
    )
);
