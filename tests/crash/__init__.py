"""The crash suite: load, faults, and the audit of what the lake holds afterwards."""
