"""Whether the weights of a model are all there and finite; an adapter merged into its base."""

import warnings
from collections.abc import Collection, Mapping

import torch
from transformers import PreTrainedModel

HEAD = "temporal_head."


def require_finite(flag: str, state: Mapping[str, torch.Tensor]) -> None:
    """
    Raises:
        ValueError: a weight or a buffer holds NaN or infinity.
    """
    faulty = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    if faulty:
        raise ValueError(f"{flag}: {len(faulty)} weights are not finite, such as {faulty[0]}: its training failed")


def require_complete(
    flag: str, model: PreTrainedModel, missing: Collection[str], unexpected: Collection[str], new_head: bool
) -> None:
    """
    Args:
        missing, unexpected: keys, as `from_pretrained(..., output_loading_info=True)` gives them.
        new_head: the temporal head was asked for beside what the checkpoint's own configuration says.

    Raises:
        ValueError: weights or statistics that the configuration promises are missing or not finite, or the weights
            have a temporal head and the configuration none.
    """
    state = model.state_dict()
    lost = [key for key in missing if key in state and state[key].is_floating_point()]  # not indices, made of sizes
    head = [key for key in state if key.startswith(HEAD)]
    if not new_head and head and set(head) <= set(lost):
        raise ValueError(
            f"{flag}: its config.json has a temporal head and its weights have none, as when `ClapModel` loads and "
            "saves a TeminAL model; take the original, or save it with `TeminalModel`"
        )
    if lost := [key for key in lost if not (new_head and key.startswith(HEAD))]:
        raise ValueError(
            f"{flag}: not a whole CLAP: {len(lost)} weights are missing, such as {min(lost)}; "
            "save or download them again"
        )
    if any(key.startswith(HEAD) for key in unexpected):
        raise ValueError(f"{flag}: its weights have a temporal head and its config.json none")
    require_finite(flag, state)


def merge_adapter(flag: str, model: PreTrainedModel, model_name_or_path: str) -> PreTrainedModel:
    """The model with a PEFT adapter, a folder or a Hub id, merged into its weights.

    Raises:
        ValueError: the adapter's weights are missing, damaged, not finite, of another rank or for another model.
    """
    import peft

    try:
        weights = peft.load_peft_weights(model_name_or_path, device="cpu")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of missing keys, which are an error below
            adapted = peft.PeftModel.from_pretrained(model, model_name_or_path)
    except Exception as error:  # PEFT hands on those of safetensors, torch and the Hub
        reason = one_line(error)
        raise ValueError(f"{flag}: the adapter's weights do not fit or cannot be read: {reason}") from error
    expected = peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)
    missing = expected.keys() - weights.keys()
    foreign = weights.keys() - expected.keys() - adapted.state_dict().keys()
    if missing or foreign:
        raise ValueError(
            f"{flag}: {len(missing)} of the adapter's weights are missing and {len(foreign)} are not of this model, "
            f"such as {min(missing or foreign)}; save or download it again, with its own base"
        )
    require_finite(flag, weights)
    return adapted.merge_and_unload()


def one_line(error: Exception) -> str:
    """The first two lines of a message as one: torch lists each weight that does not fit."""
    return " ".join(" ".join(str(error).splitlines()[:2]).split())


def finite(embeds: torch.Tensor) -> torch.Tensor:
    """The embeddings (N, D) as they are.

    Raises:
        ValueError: one holds NaN or infinity.
    """
    if not embeds.isfinite().all():
        raise ValueError("the model gives embeddings that are not finite: its weights are damaged or too large")
    return embeds
