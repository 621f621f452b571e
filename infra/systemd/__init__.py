"""Services under systemd, on this machine or on a host over SSH; units come from the table."""
