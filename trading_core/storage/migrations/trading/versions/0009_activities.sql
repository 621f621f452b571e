-- What happens to an account beside trades, as the exchange reports it, and parts of a share: the
-- desk orders whole ones, but a hand may not, and a reverse split leaves what it leaves.

ALTER TABLE orders ALTER COLUMN quantity TYPE numeric, ALTER COLUMN filled_quantity TYPE numeric;
ALTER TABLE fills ALTER COLUMN quantity TYPE numeric;
-- Parts of a share have nine decimals and prices four: what they come to is kept unrounded.
ALTER TABLE positions ALTER COLUMN quantity TYPE numeric, ALTER COLUMN cost_basis_usd TYPE numeric,
    ALTER COLUMN realized_pnl_usd TYPE numeric;
ALTER TABLE postings ALTER COLUMN amount_usd TYPE numeric;

-- Fills and activities are numbered together, in the order they reach our books.
CREATE SEQUENCE book_numbers;
SELECT setval('book_numbers', greatest(max(number), 1), max(number) IS NOT NULL) FROM fills;
ALTER TABLE fills ALTER COLUMN number DROP IDENTITY;
ALTER TABLE fills ALTER COLUMN number SET DEFAULT nextval('book_numbers');

CREATE TABLE activities (
    activity_id  text           PRIMARY KEY,            -- the exchange's
    account      text           NOT NULL,
    kind         text           NOT NULL CHECK (kind IN ('fee', 'dividend', 'split', 'other')),
    on_date      date           NOT NULL,               -- of the exchange
    symbol       text           NOT NULL,               -- empty: the account as a whole
    quantity     numeric        NOT NULL,               -- shares gained by a split
    amount_usd   numeric(24, 6) NOT NULL,
    description  text           NOT NULL,
    number       bigint         NOT NULL DEFAULT nextval('book_numbers'),
    recorded_at  timestamptz    NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX activities_by_day ON activities (account, on_date);
CREATE TRIGGER activities_append_only BEFORE UPDATE OR DELETE ON activities
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE postings DROP CONSTRAINT postings_book_check;
ALTER TABLE postings ADD CONSTRAINT postings_book_check
    CHECK (book IN ('cash', 'shares', 'realized', 'fees', 'dividends', 'capital'));

GRANT SELECT, INSERT ON activities TO trading_app;
GRANT USAGE ON SEQUENCE book_numbers TO trading_app;
