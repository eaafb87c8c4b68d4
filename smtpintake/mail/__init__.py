"""The vocabulary of mail, and octets -> `Message`. Pure: nothing here does I/O.

Terms follow RFC 5598: the *envelope* is what SMTP said (RFC 5321), the *message* is header and body (RFC 5322);
the two need not agree, and every module says which one it means.
"""
