r"""Teach a CLAP model the order of sounds: TeminAL stages A and B, with ZSTE before and after.

python train_accelerate.py --config configs/quickstart.yaml                   # one process
python train_accelerate.py --config configs/esc50_tiny.yaml --esc50_dir DIR
accelerate launch --multi_gpu --num_processes 8 --num_machines 1 --mixed_precision no --dynamo_backend no \
    train_accelerate.py ...                                                   # several
"""

import logging
import os

from teminal.endings import errors_in_one_line, interrupts_in_one_line

COMMAND = "train_accelerate.py"


def main() -> None:
    """Read the recipe and find its clips, so that what is wrong with either is said at once; then run it."""
    with errors_in_one_line(COMMAND, ValueError, OSError):
        from teminal.training.config_file import parse_config

        recipe = parse_config()
        if recipe.dry_run:
            from teminal.training.publish import describe_push

            print(describe_push(recipe))
            return
        from teminal.training.data import find_clips

        clips = find_clips(recipe)

    from teminal.training.run import run_recipe  # torch and its libraries, which take seconds

    run_recipe(recipe, clips)


if __name__ == "__main__":
    interrupts_in_one_line(COMMAND)  # the imports take seconds
    # Batches are composed beside the model: idle OpenMP threads must sleep, not spin, or they take the composers'
    # cores, and a composer's dot product must not wait for a thread of NumPy's BLAS that finds no free core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    is_main_process = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(format="%(message)s", level=logging.INFO if is_main_process else logging.ERROR)
    main()
