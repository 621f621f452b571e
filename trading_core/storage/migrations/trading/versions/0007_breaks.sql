-- Differences between our books and the broker's: what was found, once, and what became of it, event
-- by event. Both are only ever added to; where a break stands is a view.

CREATE TABLE breaks (
    id            text        PRIMARY KEY,              -- of the difference: found again, the same
    account       text        NOT NULL,
    trading_date  date        NOT NULL,                 -- it belongs to, or on which it was seen first
    type          text        NOT NULL,
    about         text        NOT NULL,                 -- fill | order | action | position | cash | equity
    name          text        NOT NULL,                 -- an execution, an order, a symbol; empty: the account
    symbol        text        NOT NULL,
    ours          json,                                 -- what our books say; null: nothing
    theirs        json,                                 -- what the broker says; null: nothing
    shares        numeric     NOT NULL,                 -- how many more the broker has because of it
    cash_usd      numeric     NOT NULL,                 -- the same in dollars
    repair        text        NOT NULL,
    opened_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX breaks_by_account ON breaks (account, trading_date);

CREATE TABLE break_events (
    seq           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    break_id      text        NOT NULL REFERENCES breaks,
    event         text        NOT NULL CHECK (event IN
                    ('opened', 'assigned', 'explained', 'repaired', 'reversed', 'carried', 'reopened', 'resolved')),
    trading_date  date        NOT NULL,                 -- the day whose close it was in the way of
    owner         text,                                 -- of an assignment
    actor         text        NOT NULL,
    reason        text        NOT NULL DEFAULT '',
    facts         jsonb       NOT NULL DEFAULT '{}',    -- of a repair: what was, and what is
    at            timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX break_events_by_break ON break_events (break_id, seq);

CREATE TRIGGER breaks_append_only BEFORE UPDATE OR DELETE ON breaks
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER break_events_append_only BEFORE UPDATE OR DELETE ON break_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE VIEW current_breaks AS
SELECT b.*, last.standing, last.reason, last.actor, last.at AS stands_since,
       coalesce(given.owner, '') AS owner, seen.last_date
FROM breaks AS b
CROSS JOIN LATERAL (
    SELECT CASE event WHEN 'explained' THEN 'explained' WHEN 'repaired' THEN 'repaired'
                      WHEN 'resolved' THEN 'resolved' ELSE 'open' END AS standing, reason, actor, at
    FROM break_events WHERE break_id = b.id AND event NOT IN ('assigned', 'carried')
    ORDER BY seq DESC LIMIT 1
) AS last
LEFT JOIN LATERAL (
    SELECT owner FROM break_events WHERE break_id = b.id AND event = 'assigned' ORDER BY seq DESC LIMIT 1
) AS given ON true
CROSS JOIN LATERAL (
    SELECT max(trading_date) AS last_date FROM break_events WHERE break_id = b.id
) AS seen;

-- The broker's cash at the comparison, not rounded: the next day's cash goes on from a closed day's.
ALTER TABLE reconciliations ADD COLUMN cash_usd numeric;

-- A fill also comes from a file of the broker's, or by a repair; one that never was is taken out, and
-- what is taken out is kept.
ALTER TABLE fills DROP CONSTRAINT fills_source_check;
ALTER TABLE fills ADD CONSTRAINT fills_source_check
    CHECK (source IN ('stream', 'catch_up', 'import', 'repair'));
CREATE TABLE removed_fills (
    seq           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    execution_id  text        NOT NULL,
    fill          jsonb       NOT NULL,                 -- the whole row
    reason        text        NOT NULL,                 -- the break's id
    removed_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER removed_fills_append_only BEFORE UPDATE OR DELETE ON removed_fills
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The application may not delete fills; it may ask for this, which leaves a trace.
CREATE FUNCTION remove_fill(wanted text, why text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
    INSERT INTO removed_fills (execution_id, fill, reason)
        SELECT execution_id, to_jsonb(fills), why FROM fills WHERE execution_id = wanted;
    DELETE FROM fills WHERE execution_id = wanted;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION remove_fill(text, text) FROM PUBLIC;

GRANT SELECT, INSERT ON breaks, break_events TO trading_app;
GRANT SELECT ON current_breaks, removed_fills TO trading_app;
GRANT EXECUTE ON FUNCTION remove_fill(text, text) TO trading_app;
