-- What a fill earned at average cost depends on the fills before it. Several are written down in one
-- statement now, perhaps within one microsecond: their time no longer tells which came first.

ALTER TABLE fills ADD COLUMN number bigint;
UPDATE fills SET number = ordered.number
FROM (SELECT execution_id, row_number() OVER (ORDER BY recorded_at, executed_at, execution_id) AS number
      FROM fills) AS ordered
WHERE fills.execution_id = ordered.execution_id;
ALTER TABLE fills ALTER COLUMN number SET NOT NULL,
    ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY;
SELECT setval(pg_get_serial_sequence('fills', 'number'), greatest(max(number), 1), max(number) IS NOT NULL)
FROM fills;
