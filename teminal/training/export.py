"""What a run leaves for others to load: model, processor and adapter."""

import copy
import shutil
from pathlib import Path

from peft import PeftModel
from transformers import ClapProcessor

from modeling_teminal import TeminalModel

ADAPTER = "adapter"


def export_model(model: TeminalModel | PeftModel, processor: ClapProcessor, folder: Path) -> list[str]:
    """Save a checkpoint like any other; of a model with adapters, merged, and where they have a base that others can
    load, the adapter in `adapter/` beside it.

    Returns:
        The names of its files in `folder`.
    """
    fresh = folder / ".export"
    shutil.rmtree(fresh, ignore_errors=True)
    if isinstance(model, PeftModel):
        if model.active_peft_config.base_model_name_or_path:
            model.save_pretrained(fresh / ADAPTER)
            (fresh / ADAPTER / "README.md").unlink(missing_ok=True)  # an empty form
        model = copy.deepcopy(model).merge_and_unload()
    model.save_pretrained(fresh)
    processor.save_pretrained(fresh)
    names = sorted(path.relative_to(fresh).as_posix() for path in fresh.rglob("*") if path.is_file())
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (fresh / name).replace(folder / name)
    shutil.rmtree(fresh)
    return names
