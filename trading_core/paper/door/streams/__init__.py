"""The two websocket streams, in JSON or msgpack as the client asks."""
