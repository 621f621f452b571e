-- One row that is written every few seconds. Where a copy of this database has come to, the row in
-- it tells how old that copy is: the archive's recovery point, a standby's lag, a restore's newest.

CREATE TABLE heartbeat (
    id       boolean     PRIMARY KEY DEFAULT true CHECK (id),
    site     text        NOT NULL,                      -- whose archiver wrote it
    beat_at  timestamptz NOT NULL,                      -- wall time of the archiver
    beats    bigint      NOT NULL                       -- how many there have been
);

GRANT SELECT, INSERT, UPDATE ON heartbeat TO trading_app;
