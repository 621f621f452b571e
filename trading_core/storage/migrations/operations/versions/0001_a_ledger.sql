-- The record of every change and the order of those who make them. Kept apart from the trading
-- database: a restore or a failover of that one must turn back neither.

CREATE SEQUENCE fences START 1000000;                   -- above every token given before this database

CREATE TABLE effect_ledger (
    seq        bigint      PRIMARY KEY,
    at         timestamptz NOT NULL,
    run_id     text        NOT NULL,
    runbook    text        NOT NULL,
    subject    text        NOT NULL,                    -- the window: a trading day, an incident
    key        text        NOT NULL,                    -- idempotency key of the change
    kind       text        NOT NULL CHECK (kind IN
                 ('intent', 'effect', 'proof', 'unproven', 'failed', 'note')),
    sentence   text        NOT NULL,
    facts      jsonb       NOT NULL,
    actor      text        NOT NULL,
    fence      bigint      NOT NULL,
    prev_hash  text        NOT NULL,
    hash       text        NOT NULL UNIQUE
);
CREATE INDEX effect_ledger_by_key ON effect_ledger (key, seq);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP;
END $$;
CREATE TRIGGER effect_ledger_append_only BEFORE UPDATE OR DELETE ON effect_ledger
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

GRANT USAGE ON SCHEMA public TO operations_app;
GRANT SELECT ON alembic_version TO operations_app;
GRANT USAGE, SELECT ON SEQUENCE fences TO operations_app;
GRANT SELECT, INSERT ON effect_ledger TO operations_app;
