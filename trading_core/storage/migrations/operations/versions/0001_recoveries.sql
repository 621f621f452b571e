-- What was recovered, how long it took by parts, and what was lost: measured, beside the target.

CREATE TABLE recoveries (
    seq                 bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind                text        NOT NULL,           -- restore | restore_test | failover | failback | drill
    subject             text        NOT NULL,           -- what it was about, in the run's words
    started_at          timestamptz NOT NULL,           -- from here the recovery time is counted
    parts               jsonb       NOT NULL,           -- seconds by part
    rto_seconds         double precision NOT NULL CHECK (rto_seconds >= 0),
    rpo_seconds         double precision CHECK (rpo_seconds >= 0),  -- null: could not be measured
    rto_target_seconds  double precision NOT NULL,
    rpo_target_seconds  double precision NOT NULL,
    outcome             text        NOT NULL,
    recorded_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (kind, subject, started_at)
);
CREATE TRIGGER recoveries_append_only BEFORE UPDATE OR DELETE ON recoveries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT ON recoveries TO operations_app;
