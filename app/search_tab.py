"""The tab that searches an index by text, and plays what is found from its second on."""

from dataclasses import replace

import gradio as gr
from complaints import complaint
from models import GPU, Models
from sounds import to_pcm

from teminal.search.index import Hit, Index
from teminal.search.results import format_time

HEADERS = ["file", "start", "end", "score"]
SHIPPED = "the library of generated sounds"
AROUND_S = 30.0  # that can be heard before and after a place


def search_tab(models: Models) -> None:
    """Build the tab."""
    gr.Markdown("Find the place in a library where a text is true. Choose a result to hear it from its second on.")
    query = gr.Textbox("This is a sound of bell before siren.", label="what to find", elem_id="query")
    path = gr.Textbox("", label="index of your own: a folder that teminal embed wrote", placeholder=SHIPPED)
    find = gr.Button("Search", variant="primary", elem_id="find")
    table = gr.Dataframe(
        headers=HEADERS,
        column_widths=["34%", "22%", "22%", "22%"],
        type="array",
        interactive=False,
        label="places",
        elem_id="places",
        wrap=True,
    )
    player = gr.Audio(label="from its second on", interactive=False, autoplay=True, elem_id="player")
    hits = gr.State([])
    gr.DeepLinkButton("Copy a link to this answer", inputs=[query, path])

    @GPU
    def found(query: str, path: str) -> tuple[list[list], list[tuple[str, Hit]]]:
        try:
            index = Index(path.strip() or models.library, models.trained)
            results = index.search(query)
        except (ValueError, OSError) as error:
            raise complaint(error) from error
        rows = [[hit.file, format_time(hit.start_s), format_time(hit.end_s), f"{hit.score:.3f}"] for hit in results]
        return rows, [(str(index.path), hit) for hit in results]

    def played(hits: list[tuple[str, Hit]], event: gr.SelectData) -> gr.Audio:
        path, hit = hits[event.index[0]]
        begin_s = max(0.0, hit.start_s - AROUND_S)
        try:
            waveform = Index(path, models.trained).read(replace(hit, start_s=begin_s, end_s=hit.end_s + AROUND_S))
        except ValueError as error:
            raise complaint(error) from error
        label = f"{hit.file}, from {format_time(hit.start_s)} on"
        return gr.Audio(value=to_pcm(waveform), playback_position=hit.start_s - begin_s, label=label)

    find.click(found, [query, path], [table, hits], api_name="search")
    query.submit(found, [query, path], [table, hits], api_name=False)
    table.select(played, hits, player, api_name=False)
