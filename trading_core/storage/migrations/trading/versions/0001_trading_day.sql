-- The tables of one trading day. Owned by tradeops_owner; the application role trading_app may
-- read and write rows, and may only append to the ledger, the states and the risk events.
-- Money: numeric dollars. Times: timestamptz. Trading days: exchange dates.

CREATE TABLE config_versions (
    kind         text        NOT NULL,              -- risk_limits | strategy
    name         text        NOT NULL,              -- desk | sma_crossover | ...
    version      integer     NOT NULL CHECK (version > 0),
    sha256       text        NOT NULL,
    body         jsonb       NOT NULL,
    approved_by  text        NOT NULL,
    reason       text        NOT NULL,
    approved_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, name, version)
);

CREATE TABLE orders (
    client_order_id    text        PRIMARY KEY,
    account            text        NOT NULL,
    trading_date       date        NOT NULL,
    strategy           text        NOT NULL,
    symbol             text        NOT NULL,
    side               text        NOT NULL CHECK (side IN ('buy', 'sell')),
    type               text        NOT NULL CHECK (type IN ('market', 'limit')),
    time_in_force      text        NOT NULL,
    quantity           bigint      NOT NULL CHECK (quantity > 0),
    limit_price_usd    numeric(18, 4),
    status             text        NOT NULL,
    reason             text        NOT NULL DEFAULT '',
    exchange_order_id  text        UNIQUE,
    filled_quantity    bigint      NOT NULL DEFAULT 0 CHECK (filled_quantity BETWEEN 0 AND quantity),
    signal_at          timestamptz NOT NULL,           -- market time of the signal
    recorded_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at            timestamptz,                    -- wall time the order left
    acknowledged_at    timestamptz,                    -- wall time the exchange's answer came
    risk_check_ns      bigint,
    acknowledge_us     bigint                          -- round trip to the exchange
);
CREATE INDEX orders_by_day ON orders (account, trading_date, symbol);
CREATE INDEX orders_open ON orders (account) WHERE status IN ('intended', 'new', 'partially_filled');

CREATE TABLE fills (
    execution_id     text        PRIMARY KEY,
    client_order_id  text        NOT NULL REFERENCES orders,
    account          text        NOT NULL,
    trading_date     date        NOT NULL,
    symbol           text        NOT NULL,
    side             text        NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity         bigint      NOT NULL CHECK (quantity > 0),
    price_usd        numeric(18, 4) NOT NULL CHECK (price_usd > 0),
    executed_at      timestamptz NOT NULL,             -- market time
    closed_pnl_usd   numeric(24, 6),                   -- profit of the shares it closed; null: closed none
    recorded_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    source           text        NOT NULL CHECK (source IN ('stream', 'catch_up'))
);
CREATE INDEX fills_by_day ON fills (account, trading_date, symbol, executed_at);

CREATE TABLE positions (
    account            text        NOT NULL,
    symbol             text        NOT NULL,
    quantity           bigint      NOT NULL,
    cost_basis_usd     numeric(24, 6) NOT NULL,
    realized_pnl_usd   numeric(24, 6) NOT NULL,
    current_price_usd  numeric(18, 6),                 -- a middle price: finer than any quote
    updated_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (account, symbol)
);

CREATE TABLE daily_pnl (
    account             text    NOT NULL,
    trading_date        date    NOT NULL,
    start_equity_usd    numeric(18, 2) NOT NULL,
    start_realized_usd  numeric(24, 6) NOT NULL,
    start_unrealized_usd numeric(24, 6) NOT NULL,
    realized_pnl_usd    numeric(18, 2) NOT NULL DEFAULT 0,
    unrealized_pnl_usd  numeric(18, 2) NOT NULL DEFAULT 0,
    total_pnl_usd       numeric(18, 2) NOT NULL DEFAULT 0,
    trade_count         integer NOT NULL DEFAULT 0,
    winning_trades      integer NOT NULL DEFAULT 0,
    losing_trades       integer NOT NULL DEFAULT 0,
    marked_at           timestamptz,                    -- market time of the last mark
    frozen_at           timestamptz,                    -- wall time; set once, at the day's close
    PRIMARY KEY (account, trading_date)
);

CREATE TABLE equity_curve (
    account         text        NOT NULL,
    trading_date    date        NOT NULL,
    at              timestamptz NOT NULL,               -- market time
    equity_usd      numeric(18, 2) NOT NULL,
    total_pnl_usd   numeric(18, 2) NOT NULL,
    PRIMARY KEY (account, trading_date, at)
);

CREATE TABLE bars (
    symbol      text        NOT NULL,
    started_at  timestamptz NOT NULL,
    open_usd    numeric(18, 4) NOT NULL,
    high_usd    numeric(18, 4) NOT NULL,
    low_usd     numeric(18, 4) NOT NULL,
    close_usd   numeric(18, 4) NOT NULL,
    volume      bigint      NOT NULL CHECK (volume >= 0),
    source      text        NOT NULL,
    PRIMARY KEY (source, symbol, started_at)
);

CREATE TABLE risk_events (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account      text        NOT NULL,
    event_type   text        NOT NULL,                  -- order_refused | daily_loss | breaker | halt | enable
    severity     text        NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    message      text        NOT NULL,
    facts        jsonb       NOT NULL DEFAULT '{}',
    occurred_at  timestamptz NOT NULL,                  -- market time
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX risk_events_by_time ON risk_events (account, occurred_at DESC);

CREATE TABLE trading_state (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mode             text        NOT NULL,
    trading_enabled  boolean     NOT NULL,
    breaker          text        NOT NULL CHECK (breaker IN ('CLOSED', 'OPEN')),
    reason           text        NOT NULL,
    actor            text        NOT NULL,
    changed_at       timestamptz NOT NULL,
    fence            bigint      NOT NULL
);

CREATE TABLE reconciliations (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account       text        NOT NULL,
    trading_date  date        NOT NULL,
    compared      jsonb       NOT NULL,                 -- how many of each kind, on both sides
    breaks        jsonb       NOT NULL,                 -- list of {kind, subject, ours, theirs}
    break_count   integer     NOT NULL,
    reconciled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (account, trading_date)
);

CREATE TABLE backups (
    id             text        PRIMARY KEY,
    kind           text        NOT NULL,
    path           text        NOT NULL,
    size_bytes     bigint      NOT NULL,
    sha256         text        NOT NULL,
    taken_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    verified_at    timestamptz,
    rows_compared  jsonb
);

CREATE TABLE trading_days (
    account       text        NOT NULL,
    trading_date  date        NOT NULL,
    source        text        NOT NULL,                 -- bars | synthetic
    opened_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    closed_at     timestamptz,
    report_path   text,
    PRIMARY KEY (account, trading_date)
);

CREATE SEQUENCE fences;

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
CREATE TRIGGER trading_state_append_only BEFORE UPDATE OR DELETE ON trading_state
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION refuse_thaw() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'daily_pnl of % on % is frozen: % refused', OLD.account, OLD.trading_date, TG_OP;
END $$;
CREATE TRIGGER daily_pnl_frozen BEFORE UPDATE OR DELETE ON daily_pnl
    FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION refuse_thaw();

GRANT USAGE ON SCHEMA public TO trading_app;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO trading_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO trading_app;
REVOKE UPDATE ON effect_ledger, trading_state, risk_events, config_versions FROM trading_app;
REVOKE INSERT ON config_versions FROM trading_app;
-- Bars can be had again from their source; a session replayed anew replaces what it shows anew.
GRANT DELETE ON bars TO trading_app;
