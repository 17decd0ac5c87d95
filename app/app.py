"""Serve the demo page: which came first, search, and timeline.

python app/app.py                                          # the model that `make demo` leaves in runs/quickstart
python app/app.py --model_name_or_path runs/esc50_tiny     # any checkpoint; or TEMINAL_MODEL=... python app/app.py
"""

import argparse
import os
import sys
from pathlib import Path

import gradio as gr
from models import Models
from search_tab import search_tab
from timeline_tab import timeline_tab
from which_first import which_first_tab

FONTS = ["system-ui", "sans-serif"]  # of the reader's machine: nothing is asked of another host
HOUR_S = 3600  # after which uploaded and composed sounds are deleted
OF_SPACE = Path(__file__).with_name("model.txt")  # what publish.py writes


def build_page(models: Models) -> gr.Blocks:
    """Build the page of three tabs."""
    with gr.Blocks(title="TeminAL", analytics_enabled=False, delete_cache=(HOUR_S, HOUR_S)) as page:
        gr.Markdown(f"# What happens when\n{models.describe()}")
        with gr.Tabs(overflow_behavior="wrap"):  # on a phone all three are seen, not a menu of them
            with gr.Tab("Which came first?", id="first"):
                which_first_tab(models)
            with gr.Tab("Search", id="search"):
                search_tab(models)
            with gr.Tab("Timeline", id="timeline"):
                timeline_tab(models)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("TEMINAL_MODEL") or (
        OF_SPACE.read_text().strip() if OF_SPACE.exists() else "runs/quickstart"
    )
    parser.add_argument("--model_name_or_path", default=default, help="folder or Hub id; default: TEMINAL_MODEL")
    parser.add_argument(
        "--base_model_name_or_path", help="compared with it; default: what it was before TeminAL, if known"
    )
    parser.add_argument("--server_port", type=int, help="default: the first free one from 7860 on")
    args = parser.parse_args()
    try:
        models = Models(args.model_name_or_path, args.base_model_name_or_path)
    except (ValueError, OSError) as error:
        sys.exit(f"app.py: error: {' '.join(str(error).split())}; `make demo` trains one in minutes")
    theme = gr.themes.Base(font=FONTS, font_mono=["ui-monospace", "monospace"])
    build_page(models).launch(theme=theme, server_port=args.server_port, footer_links=[], ssr_mode=False)


if __name__ == "__main__":
    main()
