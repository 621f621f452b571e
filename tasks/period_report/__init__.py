"""The report over several days: a week, a month, or any span that performance is asked of.

`period` says which days are meant, `facts` finds what is known of them, `figures` draws
conclusions, `tables` and `pictures` show them, `render` makes the page.
"""
