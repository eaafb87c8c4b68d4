"""Mail that we write: whether it may be written at all (RFC 3834), and its octets. Pure."""
