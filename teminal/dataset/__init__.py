"""Build, render, check and publish datasets of compositions and captions."""
