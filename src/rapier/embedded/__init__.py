"""The embedded master: a LUXI server of our own, for a demo and for tests."""
