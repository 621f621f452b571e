-- What alerts said, what became of it, and what people were told. An episode is one firing of one
-- alert: name, fingerprint and start. However often Alertmanager repeats it, it is one row here.

CREATE TABLE alert_episodes (
    episode         text        PRIMARY KEY,            -- alertname/fingerprint/startsAt
    alert_name      text        NOT NULL,
    runbook         text        NOT NULL,               -- what answers it; empty: nothing does
    severity        text        NOT NULL,
    labels          jsonb       NOT NULL,
    annotations     jsonb       NOT NULL,
    starts_at       timestamptz NOT NULL,               -- when the condition began to hold
    received_at     timestamptz NOT NULL,               -- by the gateway, the first time
    notified        integer     NOT NULL DEFAULT 1,     -- how often it was delivered
    protection      text        NOT NULL,               -- the protective step; empty: none was asked
    protected_at    timestamptz,                        -- when it had been done
    protection_held boolean     NOT NULL DEFAULT false, -- whether a second look confirmed it
    protection_said text        NOT NULL DEFAULT '',
    resolved_at     timestamptz,
    run_id          text,                               -- of the runbook, once it was started
    started_at      timestamptz,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    trouble         text        NOT NULL DEFAULT '',    -- why the last attempt failed
    resolution_told boolean     NOT NULL DEFAULT false
);
CREATE INDEX alert_episodes_waiting ON alert_episodes (next_attempt_at) WHERE run_id IS NULL;

CREATE TABLE incidents (
    id            text        PRIMARY KEY,              -- INC-YYYYMMDD-NNN
    subject       text        NOT NULL UNIQUE,          -- the episode, or what somebody called it
    runbook       text        NOT NULL,
    title         text        NOT NULL,
    severity      text        NOT NULL CHECK (severity IN ('P0', 'P1', 'P2', 'P3')),
    status        text        NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'asking', 'closed')),
    opened_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    began_at      timestamptz NOT NULL,                 -- the alert's startsAt
    detected_at   timestamptz NOT NULL,                 -- received by the gateway
    contained_at  timestamptz,                          -- halt confirmed
    closed_at     timestamptz,
    question      text        NOT NULL DEFAULT '',      -- what a person is asked
    outcome       text        NOT NULL DEFAULT '',
    CHECK ((status = 'asking') <= (question <> '')),
    CHECK ((status = 'closed') = (closed_at IS NOT NULL))
);

CREATE TABLE incident_timeline (
    seq       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    incident  text        NOT NULL REFERENCES incidents,
    entry     text        NOT NULL,                     -- said once, however often a run repeats it
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    words     text        NOT NULL,
    facts     jsonb       NOT NULL DEFAULT '{}',
    UNIQUE (incident, entry)
);
CREATE TRIGGER incident_timeline_append_only BEFORE UPDATE OR DELETE ON incident_timeline
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE notices (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    thread          text        NOT NULL,               -- notices of one thread stand together
    entry           text        NOT NULL,
    words           text        NOT NULL,
    written_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at         timestamptz,
    sent_as         text        NOT NULL DEFAULT '',    -- Slack's stamp of it; "log" without Slack
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    trouble         text        NOT NULL DEFAULT '',
    UNIQUE (thread, entry)
);
CREATE INDEX notices_waiting ON notices (id) WHERE sent_at IS NULL;

GRANT SELECT, INSERT, UPDATE ON alert_episodes, incidents, notices TO operations_app;
GRANT SELECT, INSERT ON incident_timeline TO operations_app;
