"""The laws of spacings and levels: fitted, compared, criticised."""
