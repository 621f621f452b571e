-- Who told a bar: a feed while the market was open, or whoever filled a gap afterwards.
ALTER TABLE bars ADD COLUMN provider text NOT NULL DEFAULT '';
CREATE INDEX bars_by_time ON bars (source, started_at);

-- Each change of the feed; the newest row is in force.
CREATE TABLE feed_choices (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chosen_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    active           text        NOT NULL CHECK (active IN ('primary', 'backup')),
    fallback_enabled boolean     NOT NULL,
    reason           text        NOT NULL,
    actor            text        NOT NULL
);

-- Each list of symbols to follow; the newest row is in force, and without one all are followed.
CREATE TABLE symbol_lists (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chosen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    symbols   text[]      NOT NULL CHECK (cardinality(symbols) > 0),
    reason    text        NOT NULL,
    actor     text        NOT NULL
);

-- Spans in which a symbol rightly has no bars: a provider told that it did not trade, or a halt.
CREATE TABLE bar_absences (
    source      text        NOT NULL,
    symbol      text        NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz NOT NULL,
    reason      text        NOT NULL CHECK (reason IN ('no trades', 'halt')),
    told_by     text        NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, symbol, starts_at, reason),
    CHECK (starts_at < ends_at)
);

GRANT SELECT, INSERT ON feed_choices, symbol_lists TO trading_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON bar_absences TO trading_app;
