-- From here on the ledger and the fences are kept in the operations database. A ledger that was
-- begun here keeps its lines, to be read and no longer written; an empty one goes.

DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM effect_ledger) THEN
        REVOKE INSERT ON effect_ledger FROM trading_app;
        COMMENT ON TABLE effect_ledger IS 'closed: goes on in the operations database';
    ELSE
        DROP TABLE effect_ledger;
    END IF;
END $$;
DROP SEQUENCE fences;
