"""The library of Processes."""
