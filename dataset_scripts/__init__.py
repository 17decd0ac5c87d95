"""Clips -> scenes -> captions."""
