"""The report on service levels: what was promised, beside what was measured.

`objectives` is the table of promises, `evidence` measures each from the records the platform keeps,
`verdicts` holds one against the other, `tables` and `render` show it.
"""
