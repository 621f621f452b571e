-- A version may end by itself: what is in force is the newest that has not. Nothing has to run for
-- it to end, so it ends while everything is down as well.

ALTER TABLE config_versions
    ADD COLUMN changed_by  text NOT NULL DEFAULT '',    -- who asked; approved_by: who said yes
    ADD COLUMN valid_until timestamptz;                 -- null: until the next version

-- The application may not write versions. It may change the desk's limits through this function,
-- which lets nobody permit more on their own word.
CREATE FUNCTION change_risk_limits(
    wanted jsonb, digest text, base integer, who text, approver text, why text, until timestamptz
) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    present  config_versions;
    loosened text[];
    number   integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('config_versions'), hashtext('risk_limits/desk'));
    SELECT * INTO present FROM config_versions
    WHERE kind = 'risk_limits' AND name = 'desk'
      AND (valid_until IS NULL OR valid_until > clock_timestamp())
    ORDER BY version DESC LIMIT 1;
    IF present.version IS DISTINCT FROM base THEN
        RAISE EXCEPTION 'version % is in force, not %', present.version, base
            USING ERRCODE = 'serialization_failure';
    END IF;
    IF btrim(who) = '' OR btrim(why) = '' OR until <= clock_timestamp() THEN
        RAISE EXCEPTION 'expected who, why and an end that is to come' USING ERRCODE = 'check_violation';
    END IF;
    SELECT array_agg(key ORDER BY key) INTO loosened
    FROM jsonb_each_text(present.body) AS was FULL JOIN jsonb_each_text(wanted) AS becomes USING (key)
    WHERE was.value IS NOT NULL AND (becomes.value IS NULL
       OR (becomes.value::numeric - was.value::numeric)
          * CASE key WHEN 'buying_power_usd_reserve' THEN -1 ELSE 1 END > 0);
    IF loosened IS NOT NULL AND btrim(approver) IN ('', btrim(who)) THEN
        RAISE EXCEPTION '% may be loosened with the word of a second person only', loosened
            USING ERRCODE = 'check_violation';
    END IF;
    INSERT INTO config_versions
        (kind, name, version, sha256, body, changed_by, approved_by, reason, valid_until)
    SELECT 'risk_limits', 'desk', max(version) + 1, digest, wanted, who,
           CASE WHEN loosened IS NULL THEN who ELSE approver END, why, until
    FROM config_versions WHERE kind = 'risk_limits' AND name = 'desk'
    RETURNING version INTO number;
    RETURN number;
END $$;
REVOKE ALL ON FUNCTION change_risk_limits FROM PUBLIC;
GRANT EXECUTE ON FUNCTION change_risk_limits TO trading_app;
