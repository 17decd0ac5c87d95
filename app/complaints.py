"""Tell a visitor what is wrong, without the flags that messages name for the command line."""

import re

import gradio as gr


def complaint(error: Exception | str) -> gr.Error:
    """Make an error that is shown on the page, and leaves no traceback in the log."""
    return gr.Error(re.sub(r"--(\w+)", r"\1", str(error)), print_exception=False)
