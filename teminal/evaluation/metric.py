"""Load the functions of the ZSTE metric, which stands alone in `eval/zste`; a wheel has a copy of it beside this."""

from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

COPY = Path(__file__).with_name("zste_metric.py")
FILE = COPY if COPY.exists() else Path(__file__).parents[2] / "eval" / "zste" / "zste.py"

_loader = SourceFileLoader("teminal.evaluation.zste_metric", str(FILE))
_module = ModuleType(_loader.name)
_loader.exec_module(_module)
judge_examples, compute_figures = _module.judge_examples, _module.compute_figures
