-- What people hold and no run can do for them: a dated item each, until somebody says it was done.

CREATE TABLE duties (
    id            text        PRIMARY KEY,              -- runbook-review/2026-11
    what          text        NOT NULL CHECK (btrim(what) <> ''),
    owner         text        NOT NULL CHECK (btrim(owner) <> ''),  -- a role
    due_at        timestamptz NOT NULL,
    opened_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    confirmed_at  timestamptz,
    confirmed_by  text,
    words         text        NOT NULL DEFAULT '',      -- what came of it
    CHECK ((confirmed_at IS NULL) = (confirmed_by IS NULL)),
    CHECK ((confirmed_at IS NULL) OR (btrim(words) <> ''))
);
CREATE INDEX duties_open ON duties (due_at) WHERE confirmed_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON duties TO operations_app;
