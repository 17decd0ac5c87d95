"""ZSTE and its runner."""
