"""Reading what clients send: the shape is checked here, the sense by the exchange."""
