"""The outside: inventory, secrets, quoting, SSH transport, platform API. I/O without rules."""
