"""The tab that asks which sound came first: a recording or a composition, and statements with bars."""

import html
import itertools
from pathlib import Path

import gradio as gr
import numpy as np
from complaints import complaint
from models import GPU, Models
from sounds import LABELS, compose, to_pcm

from teminal.audio import read_audio
from teminal.rendering import SAMPLING_RATE

LONGEST_S = 600.0  # of a recording that is asked about

STANDARD = [
    "This is a sound of {0} before {1}.",
    "This is a sound of {1} before {0}.",
    "This is a sound of {1} after {0}.",
    "This is a sound of {0} after {1}.",
    "This is a sound of {0} while {1}.",
    "This is a sound of {1} while {0}.",
]
NONE = "none"
BARS = """<style>
.bars { display: grid; gap: 0.9rem; }
.bars p { margin: 0 0 0.15rem; }
.bars .bar { display: grid; grid-template-columns: 4.5rem 1fr 3.5rem; align-items: center; gap: 0.5rem; }
.bars .bar span { font-size: 0.85rem; }
.bars .track { height: 0.9rem; background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); }
.bars .fill { height: 100%; background: var(--neutral-400); }
.bars .trained .fill { background: var(--primary-500); }
.bars .best p { font-weight: 700; }
</style>"""


def which_first_tab(models: Models) -> None:
    """Build the tab."""
    gr.Markdown("Put generated sounds in order, or take a recording of your own; then ask what is true of it.")
    with gr.Row():
        with gr.Column():
            with gr.Row():
                first = gr.Dropdown(LABELS, value="bell", label="first sound")
                second = gr.Dropdown(LABELS, value="siren", label="second sound")
                third = gr.Dropdown([NONE, *LABELS], value=NONE, label="third sound")
            length_s = gr.Slider(0.5, 10, 3, step=0.5, label="length of each (s)")
            gap_s = gr.Slider(0, 5, 0.5, step=0.5, label="gap between them (s)")
            background = gr.Dropdown([NONE, *LABELS], value=NONE, label="background")
            background_db = gr.Slider(5, 20, 10, step=1, label="sounds above the background (dB)")
            hear = gr.Button("Compose", elem_id="compose")
            audio = gr.Audio(type="filepath", label="recording: composed, uploaded or recorded", elem_id="recording")
        with gr.Column():
            statements = gr.Textbox(say_standard("bell", "siren"), label="statements, one in each line", lines=6)
            ask = gr.Button("Which is true?", variant="primary", elem_id="ask")
            bars = gr.HTML(label="answers", elem_id="bars")
            chosen = [first, second, third, length_s, gap_s, background, background_db]
            gr.DeepLinkButton("Copy a link to this answer", inputs=[*chosen, statements])

    def composed(first, second, third, length_s, gap_s, background, background_db, text):
        labels = [label for label in (first, second, third) if label != NONE]
        try:
            waveform = compose(labels, length_s, gap_s, None if background == NONE else background, background_db)
        except ValueError as error:
            raise complaint(error) from error
        is_standard = text in {say_standard(*pair) for pair in itertools.permutations(LABELS, 2)}
        return to_pcm(waveform), say_standard(first, second) if is_standard else text

    @GPU
    def answered(file: str | None, text: str) -> str:
        if not file:
            raise complaint("There is no recording yet: compose one, upload one, or record one.")
        asked = [line.strip() for line in text.splitlines() if line.strip()]
        if not asked:
            raise complaint("There is no statement: write one in each line.")
        try:
            waveform = read_audio(Path(file), max_duration_s=LONGEST_S)
        except ValueError as error:
            raise complaint(f"This recording cannot be read: {error}.") from error
        if len(waveform) >= LONGEST_S * SAMPLING_RATE:
            gr.Warning(f"The answer is about the first {LONGEST_S / 60:.0f} minutes.")
        return draw_bars(asked, models.score(waveform, asked))

    hear.click(composed, [*chosen, statements], [audio, statements], api_name="compose")
    ask.click(answered, [audio, statements], bars, api_name="ask")


def say_standard(first: str, second: str) -> str:
    """Make the six statements about two sounds, one in each line."""
    return "\n".join(statement.format(first, second) for statement in STANDARD)


def draw_bars(statements: list[str], scores: dict[str, np.ndarray]) -> str:
    """Draw a bar for each statement and model: how its cosine lies between the least and the greatest of the model."""
    rows = []
    best = {name: int(own.argmax()) for name, own in scores.items()}
    for number, statement in enumerate(statements):
        bars = ""
        for name, own in scores.items():
            spread = float(own.max() - own.min())
            share = 100 * (own[number] - own.min()) / spread if spread else 100.0  # of one statement
            bars += (
                f'<div class="bar {name}"><span>{name}</span><div class="track"><div class="fill" '
                f'style="width: {share:.1f}%"></div></div><span>{own[number]:.3f}</span></div>'
            )
        is_best = " best" if best["trained"] == number else ""
        rows.append(f'<div class="statement{is_best}"><p>{html.escape(statement)}</p>{bars}</div>')
    return f'{BARS}<div class="bars">{"".join(rows)}</div>'
