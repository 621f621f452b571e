-- A notice has two ways to people: Slack, and mail. Each has its own patience, and neither waits for the other.

ALTER TABLE notices
    ADD COLUMN ways          text        NOT NULL DEFAULT 'all' CHECK (ways IN ('all', 'slack', 'mail')),
    ADD COLUMN mail_due_at   timestamptz,                       -- NULL: it is not to be mailed, or was
    ADD COLUMN mailed_at     timestamptz,
    ADD COLUMN mail_attempts integer     NOT NULL DEFAULT 0,
    ADD COLUMN mail_trouble  text        NOT NULL DEFAULT '',
    ADD CHECK (mail_due_at IS NULL OR mailed_at IS NULL);

CREATE INDEX notices_to_mail ON notices (id) WHERE mail_due_at IS NOT NULL;
CREATE INDEX notices_of_late ON notices (written_at);
