"""Where the market comes from: real bar files or a made-up day, as one kind of tape."""
