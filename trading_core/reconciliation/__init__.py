"""Our books against the broker's: every difference found, typed, and told with both sides' words.

Pure: it reads two statements and writes nothing. Columns find the differences, objects tell them.
"""
