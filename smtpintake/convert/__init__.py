"""`Message` -> what the tracker stores. Pure."""
