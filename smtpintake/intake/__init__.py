"""The SMTP side: sockets, sessions, and the journey of a message from its octets to its reply (`receive`)."""
