"""The worker that sends what the outbox table holds."""
