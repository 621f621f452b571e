-- Who may approve, what was asked, what was answered. Only added to: an answer is never edited away.
-- The application reads tokens and cannot add one: that is the owner's, by `tradeops people`.

CREATE TABLE personal_tokens (
    key_id       text        PRIMARY KEY,
    name         text        NOT NULL CHECK (btrim(name) <> ''),
    scope        text        NOT NULL CHECK (scope IN ('approve', 'run')),
    public_key   text        NOT NULL UNIQUE,          -- the public half; the token is with its owner
    valid_until  timestamptz,                          -- null: until it is revoked
    added_by     text        NOT NULL,
    added_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at   timestamptz,
    revoked_by   text
);

CREATE TABLE approval_requests (
    id          text        PRIMARY KEY,
    digest      text        NOT NULL UNIQUE,
    body        text        NOT NULL,                  -- all that it binds, canonical JSON
    runbook     text        NOT NULL,
    subject     text        NOT NULL,
    run_id      text        NOT NULL,
    asked_at    timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    start_proof text,                                  -- the starter's signature: good for one run
    CHECK (digest = encode(sha256(convert_to(body, 'UTF8')), 'hex')),
    CHECK (starts_with(digest, id))
);
CREATE INDEX approval_requests_by_subject ON approval_requests (runbook, subject, asked_at);
CREATE INDEX approval_requests_by_proof ON approval_requests (start_proof);

CREATE TABLE approval_answers (
    seq         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id  text        NOT NULL REFERENCES approval_requests,
    channel     text        NOT NULL,
    name        text        NOT NULL,
    key_id      text        NOT NULL,
    says        text        NOT NULL,                  -- as it came; what it is worth, we judge
    reason      text        NOT NULL,
    signature   text        NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX approval_answers_by_request ON approval_answers (request_id, seq);

CREATE TABLE approval_endings (
    request_id  text        PRIMARY KEY REFERENCES approval_requests,
    outcome     text        NOT NULL CHECK (outcome IN
                  ('granted', 'refused', 'expired', 'void', 'withdrawn')),
    sentence    text        NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TRIGGER approval_requests_append_only BEFORE UPDATE OR DELETE ON approval_requests
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_answers_append_only BEFORE UPDATE OR DELETE ON approval_answers
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER approval_endings_append_only BEFORE UPDATE OR DELETE ON approval_endings
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

REVOKE ALL ON personal_tokens, approval_requests, approval_answers, approval_endings
    FROM operations_app;
GRANT SELECT ON personal_tokens TO operations_app;
GRANT SELECT, INSERT ON approval_requests, approval_answers, approval_endings TO operations_app;
