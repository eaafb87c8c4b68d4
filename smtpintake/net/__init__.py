"""Conversations with other servers that we begin."""
