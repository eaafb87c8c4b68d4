"""Policy: what becomes of a mail. Pure: everything that `judge` may know comes in as `Facts` and `Policy`."""
