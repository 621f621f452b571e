-- Who may ask what of the control API, and what was asked. Only added to: a token is ended by a
-- revocation, never edited, and the record of calls is a hash chain like the effect ledger.

CREATE TABLE api_tokens (
    id               text        PRIMARY KEY CHECK (id ~ '^[0-9a-f]{12}$'),
    name             text        NOT NULL CHECK (btrim(name) <> ''),
    scopes           text[]      NOT NULL CHECK (cardinality(scopes) > 0 AND scopes <@
                       ARRAY['read', 'trade', 'halt', 'admin', 'break_glass']),
    secret_sha256    text        NOT NULL UNIQUE CHECK (secret_sha256 ~ '^[0-9a-f]{64}$'),
    calls_per_minute integer     NOT NULL CHECK (calls_per_minute BETWEEN 1 AND 60000),
    valid_until      timestamptz NOT NULL,
    issued_by        text        NOT NULL CHECK (btrim(issued_by) <> ''),
    issued_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (valid_until <= issued_at + interval '367 days')   -- none is for ever
);

CREATE TABLE api_token_revocations (
    id          text        PRIMARY KEY REFERENCES api_tokens,
    revoked_by  text        NOT NULL CHECK (btrim(revoked_by) <> ''),
    revoked_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE api_calls (
    seq             bigint      PRIMARY KEY,
    at              timestamptz NOT NULL,                    -- when it was asked, not when delivered
    call_id         text        NOT NULL,
    kind            text        NOT NULL CHECK (kind IN ('asked', 'answered', 'refused')),
    caller_id       text        NOT NULL,                    -- the token's
    caller          text        NOT NULL,
    actor           text        NOT NULL,
    reason          text        NOT NULL,
    endpoint        text        NOT NULL,                    -- method and canonical path
    idempotency_key text        NOT NULL,
    fingerprint     text        NOT NULL,                    -- SHA-256 of what was asked
    status          integer     NOT NULL,                    -- HTTP's; 0 while it is asked
    facts           json        NOT NULL,                    -- the request; of an answer, its body (as it was written)
    prev_hash       text        NOT NULL,
    hash            text        NOT NULL UNIQUE,
    UNIQUE (call_id, kind)
);
CREATE INDEX api_calls_by_key ON api_calls (caller_id, idempotency_key, seq);

CREATE TRIGGER api_tokens_append_only BEFORE UPDATE OR DELETE ON api_tokens
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER api_token_revocations_append_only BEFORE UPDATE OR DELETE ON api_token_revocations
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER api_calls_append_only BEFORE UPDATE OR DELETE ON api_calls
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

REVOKE ALL ON api_tokens, api_token_revocations, api_calls FROM operations_app;
GRANT SELECT, INSERT ON api_tokens, api_token_revocations, api_calls TO operations_app;
