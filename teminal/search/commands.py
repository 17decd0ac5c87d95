"""Run `teminal search` and `teminal timeline`: print what they find, and write it to files."""

import csv
import json
import sys
from dataclasses import asdict, fields

from teminal.audio import printable
from teminal.search.about import load_model
from teminal.search.index import Hit, Index
from teminal.search.options import QueryOptions, TimelineOptions
from teminal.search.results import format_hits, require_elsewhere, save_clips
from teminal.search.timeline import timeline
from teminal.search.timeline_plot import plot_timeline
from teminal.search.timeline_text import format_events, tell, to_dict, write_audacity


def run_query(options: QueryOptions) -> None:
    """Search an index, print the hits, and save them if asked to.

    Raises:
        ValueError, OSError: naming what is wrong with the index, the query or a file.
    """
    index = Index(options.index, options.model)
    if options.save_clips:
        require_elsewhere(options.save_clips, index)
    hits = index.search(options.query, options.top_k, audio=options.audio)
    rows = [{**asdict(hit), "file": printable(hit.file)} for hit in hits]
    if options.json:
        print(json.dumps(rows, indent=2))
    elif options.csv:
        writer = csv.DictWriter(sys.stdout, [field.name for field in fields(Hit)])
        writer.writeheader()
        writer.writerows(rows)
    else:
        print(f"{format_hits(hits)}\n\nfiles are in {index.folder}")
    if options.save_clips:
        save_clips(index, hits, options.save_clips)
        print(f"saved as WAV files in {options.save_clips}", file=sys.stderr)


def run_timeline(options: TimelineOptions) -> None:
    """Print the timeline of a recording, and write its files.

    Raises:
        ValueError, OSError: naming the option, the recording or the model at fault.
    """
    model = load_model(options.model, options.model_type, options.per_device_eval_batch_size)
    found = timeline(model, options.file, options.labels or [], options.threshold)
    if options.json:
        print(json.dumps(to_dict(found), indent=2))
    else:
        print(tell(found))
        if found.events:
            print(f"\n{format_events(found)}\n\nscores above {found.threshold:g} count as heard")
    if options.audacity_file:
        write_audacity(found, options.audacity_file)
    if options.picture_file:
        plot_timeline(options.picture_file, found, options.file)
