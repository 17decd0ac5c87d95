"""Tell a visitor what is wrong, without the flag that a message names first for the command line."""

import gradio as gr


def complaint(error: Exception | str) -> gr.Error:
    """Make an error that is shown on the page, and leaves no traceback in the log."""
    return gr.Error(str(error).removeprefix("--"), print_exception=False)
