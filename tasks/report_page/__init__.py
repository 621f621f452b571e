"""What every report has in common: how a page looks, how figures read, how pictures are drawn.

`wording` spells numbers and times, `grid` lays them out as tables, `drawing` makes pictures of
them, `page` puts all into one file that asks the network for nothing, `pdf` prints it.
"""
