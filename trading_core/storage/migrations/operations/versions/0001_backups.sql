-- The catalogue of base backups of the trading server: what was taken, what was in the database at
-- a known moment of its log, which places have it, and whether it was restored and compared. Rows
-- stay when their files go.

CREATE TABLE base_backups (
    id                 text        PRIMARY KEY,         -- site and window: 2026-01-02T0600Z
    site               text        NOT NULL,
    path               text        NOT NULL,
    system_identifier  text        NOT NULL,
    timeline           integer     NOT NULL,
    start_lsn          pg_lsn      NOT NULL,
    stop_lsn           pg_lsn      NOT NULL,
    started_at         timestamptz NOT NULL,
    finished_at        timestamptz NOT NULL,            -- the earliest moment it can be restored to
    server_version     text        NOT NULL,
    size_bytes         bigint      NOT NULL,
    unpacked_bytes     bigint      NOT NULL,
    files              jsonb       NOT NULL,            -- SHA-256 by name
    state_lsn          pg_lsn      NOT NULL,            -- the log here, while no table could change
    state_at           timestamptz NOT NULL,
    state              jsonb       NOT NULL,            -- rows and checksum of every table then
    bucket             text,                            -- the second place
    uploaded_at        timestamptz,
    verified_at        timestamptz,                     -- every file held against its checksum
    restored_at        timestamptz,                     -- restored and compared: good from then on
    restore_seconds    double precision,                -- unpack, replay and compare
    removed_at         timestamptz,
    removed_because    text,
    bucket_emptied_at  timestamptz,
    held_by            text,                            -- who restores from it: it is not removed
    held_until         timestamptz,
    recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX base_backups_by_age ON base_backups (site, finished_at);

GRANT SELECT, INSERT, UPDATE ON base_backups TO operations_app;
