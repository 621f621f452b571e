-- How large things were, once a day: what capacity is told from. Bytes; of no use beyond its trend.
CREATE TABLE sizes (
    site         text        NOT NULL,
    measured_on  date        NOT NULL,                  -- of this machine's clock, at the exchange
    what         text        NOT NULL,                  -- "table trading.bars", "folder backups"
    bytes        bigint      NOT NULL CHECK (bytes >= 0),
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (site, measured_on, what)
);

GRANT SELECT, INSERT ON sizes TO operations_app;
