"""The tab that tells which sounds a recording holds, from when to when."""

import tempfile
from pathlib import Path

import gradio as gr
from complaints import complaint
from models import GPU, Models

from teminal.search.options import check_labels, split_labels
from teminal.search.timeline import timeline
from teminal.search.timeline_plot import plot_timeline
from teminal.search.timeline_text import tell, write_audacity

LABELS = "bell, siren, drum, wind, engine, telephone"


def timeline_tab(models: Models) -> None:
    """Build the tab."""
    files = tempfile.TemporaryDirectory()  # until the page is closed
    gr.Markdown("Which sounds does a recording hold, from when to when, and in which order?")
    audio = gr.Audio(type="filepath", label="recording of any length", elem_id="long_recording")
    labels = gr.Textbox(LABELS, label="sounds to look for, with commas between them", elem_id="labels")
    look = gr.Button("What happens when?", variant="primary", elem_id="look")
    sentence = gr.Markdown(elem_id="sentence")
    picture = gr.Image(
        label="spectrogram and sounds", show_label=False, interactive=False, elem_id="picture", type="filepath"
    )
    file = gr.File(label="labels for Audacity", elem_id="audacity")
    gr.DeepLinkButton("Copy a link to this answer", inputs=[labels])

    @GPU
    def looked(audio: str | None, text: str) -> tuple[str, str, str]:
        if not audio:
            raise complaint("There is no recording yet: upload one, or record one.")
        asked = split_labels(text)
        folder = Path(tempfile.mkdtemp(dir=files.name))
        try:
            check_labels(asked)
            result = timeline(models.trained, audio, asked)
        except ValueError as error:
            raise complaint(str(error).replace(f"{audio}: ", "This recording cannot be read: ")) from error
        plot_timeline(folder / "timeline.png", result, Path(audio))
        write_audacity(result, folder / "labels.txt")
        return tell(result), str(folder / "timeline.png"), str(folder / "labels.txt")

    look.click(looked, [audio, labels], [sentence, picture, file], api_name="timeline")
