-- The double-entry ledger. Amounts are signed dollars, debit positive: cash and shares grow with a
-- debit, profit with a credit. An entry is one execution, and its postings add up to nothing.

CREATE TABLE postings (
    entry_id      text           NOT NULL,              -- the execution's id
    account       text           NOT NULL,
    trading_date  date           NOT NULL,
    book          text           NOT NULL CHECK (book IN ('cash', 'shares', 'realized')),
    symbol        text           NOT NULL,              -- empty for cash
    amount_usd    numeric(24, 6) NOT NULL CHECK (amount_usd <> 0),
    recorded_at   timestamptz    NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (entry_id, book, symbol)
);
CREATE INDEX postings_by_book ON postings (account, book, symbol);

-- What was filled before there were postings: a fill that closed shares says what they earned.
INSERT INTO postings (entry_id, account, trading_date, book, symbol, amount_usd)
SELECT execution_id, account, trading_date, book, CASE book WHEN 'cash' THEN '' ELSE symbol END, amount_usd
FROM fills,
     LATERAL (SELECT CASE side WHEN 'buy' THEN -quantity ELSE quantity END * price_usd AS cash_usd,
                     coalesce(closed_pnl_usd, 0) AS earned_usd) AS moved,
     LATERAL (VALUES ('cash', cash_usd), ('shares', earned_usd - cash_usd), ('realized', -earned_usd))
         AS line (book, amount_usd)
WHERE amount_usd <> 0;

CREATE FUNCTION refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    left_usd numeric;
BEGIN
    SELECT sum(amount_usd) INTO left_usd FROM postings WHERE entry_id = NEW.entry_id;
    IF left_usd <> 0 THEN
        RAISE EXCEPTION 'entry %: debits do not equal credits, % dollars are left', NEW.entry_id, left_usd
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER postings_balance AFTER INSERT ON postings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_unbalanced();
CREATE TRIGGER postings_append_only BEFORE UPDATE OR DELETE ON postings
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT ON postings TO trading_app;
