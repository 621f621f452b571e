-- Secrets a person was asked for, sealed for the asker before they came here. Only added to.

CREATE TABLE sealed_requests (
    id           text        PRIMARY KEY,
    secret       text        NOT NULL,                 -- which secret of the store it is for
    public_key   text        NOT NULL,                 -- of this request alone; the other half is in the store
    reference    jsonb       NOT NULL,                 -- what the answer is held against; no secret
    reason       text        NOT NULL,
    asked_by     text        NOT NULL,
    asked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at   timestamptz NOT NULL
);

CREATE TABLE sealed_answers (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id   text        NOT NULL REFERENCES sealed_requests (id),
    sealed       text        NOT NULL CHECK (length(sealed) < 10000),
    given_by     text        NOT NULL,
    given_at     timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TRIGGER sealed_requests_append_only BEFORE UPDATE OR DELETE ON sealed_requests
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sealed_answers_append_only BEFORE UPDATE OR DELETE ON sealed_answers
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

GRANT SELECT, INSERT ON sealed_requests, sealed_answers TO operations_app;
