"""The service that archives the log without a pause: pg_receivewal, kept alive and measured."""
