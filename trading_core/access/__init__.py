"""Who may ask what of the control API, how often, and the record of what they asked."""
