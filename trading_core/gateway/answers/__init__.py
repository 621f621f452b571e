"""What answers the endpoints of the control API, by subject."""
