"""smtpintake: an MX for an issue tracker.

Mail is pushed to it over SMTP; each message becomes an issue or a comment, or is refused, while the sender's
server is still on the line. `smtpintake.intake.receive` is the journey of one message and the place to start reading.
"""
