"""The stand-in for S3, Route 53 and Secrets Manager: a server on loopback that speaks as they do.

It keeps everything in memory and forgets it when it stops, so whatever lives there must be looked
for before it is believed, and put back when it is gone.
"""

import sys


def command(host: str, port: int) -> tuple[str, ...]:
    """Return the server's command line."""
    return (sys.executable, "-m", "moto.server", "-H", host, "-p", str(port))
