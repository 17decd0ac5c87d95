"""Serve the metric as a web page: scores in, table out. `python app.py` runs it on this machine."""

import json
from pathlib import Path

import evaluate
import gradio as gr
from score_table import HEADERS, score_table

from tests import test_cases

FOLDER = Path(__file__).parent
LONGEST_BYTES = 50_000_000

metric = evaluate.load(str(FOLDER / "zste.py"))


def score(text: str, file: str | None) -> list[list[str]]:
    """Make the table of the scores in the file, or of pasted scores if there is none."""
    try:
        if file and Path(file).stat().st_size > LONGEST_BYTES:
            raise ValueError(f"{Path(file).name}: more than {LONGEST_BYTES // 10**6} MB; score it on your own machine")
        return score_table(metric, Path(file).read_text(encoding="utf-8") if file else text)
    except (ValueError, TypeError, OSError) as error:
        raise gr.Error(str(error), print_exception=False) from error


def as_json(case: dict) -> str:
    return json.dumps({name: values for name, values in case.items() if name != "result"})


AS_CSV = 'predictions,references,tasks,groups\n"[0.9, 0.1]",[0],3A,seen\n"[0.2, 0.7]",[0],3A,unseen\n'

demo = gr.Interface(
    fn=score,
    inputs=[
        gr.Textbox(label="Scores, as JSON or CSV", lines=8, value=AS_CSV),
        gr.File(label="or a file of them", file_types=[".json", ".csv"], type="filepath"),
    ],
    outputs=gr.Dataframe(label="Accuracies in %", headers=HEADERS, datatype="str"),
    examples=[[AS_CSV, None], *([as_json(case), None] for case in test_cases)],
    title="Metric: ZSTE",
    description=metric.description,
    article=(FOLDER / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2],
    flagging_mode="never",
)

if __name__ == "__main__":
    demo.launch()
