-- Which site may trade, and which one process of it may send orders now. One row per resource. The
-- only clock that decides is this server's; a holder counts from before it asked.

CREATE TABLE writer_leases (
    resource        text        PRIMARY KEY,
    site            text,                               -- whose processes may hold it; NULL: nobody's
    switching_to    text,                               -- where it goes; set while a switch is under way
    previous_site   text,                               -- where it was before the last switch
    epoch           bigint      NOT NULL DEFAULT 1,     -- counts the sites' turns
    switch_began_at timestamptz,                        -- of the last switch
    holder          text,                               -- the process that has it, or had it last
    place           text,                               -- whose state directory, by machine and path
    term            bigint      NOT NULL DEFAULT 0,     -- counts the holders
    renewed_at      timestamptz,
    expires_at      timestamptz NOT NULL DEFAULT 'epoch',
    database_lsn    pg_lsn,                             -- how far the holder saw its database come
    database_at     timestamptz,
    CHECK ((site IS NULL) = (switching_to IS NOT NULL))
);

GRANT SELECT, INSERT, UPDATE ON writer_leases TO operations_app;
