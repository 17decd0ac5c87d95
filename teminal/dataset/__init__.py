"""Build, check and publish datasets of compositions."""
