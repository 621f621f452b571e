"""The daily report: one page that says whether the day is closed, what it earned and what is odd.

`facts` says what is known, `reading` finds it in PostgreSQL, `figures` draws conclusions from it,
`tables` and `pictures` show it, `write` makes the page.
"""
