"""`python -m smtpintake` is the command `smtpintake`."""

from smtpintake.cli import main

if __name__ == "__main__":
    main()
