"""The one process that joins rules and reach: sessions, locks, secrets, deadlines, judging, the journal."""
