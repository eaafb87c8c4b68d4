"""`make bench`: figures, never assertions. See README.md beside this file."""
