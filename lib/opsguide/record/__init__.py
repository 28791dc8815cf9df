"""What a run leaves behind: journal, seal, ledger, pages, reading back and verifying (docs/record.md)."""
