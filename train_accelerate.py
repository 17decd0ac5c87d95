r"""Teach a CLAP model the order of sounds: TeminAL stages A and B, with ZSTE before and after.

python train_accelerate.py --config configs/quickstart.yaml                   # one process
python train_accelerate.py --config configs/esc50_tiny.yaml --esc50_dir DIR
accelerate launch --multi_gpu --num_processes 8 --num_machines 1 --mixed_precision no --dynamo_backend no \
    train_accelerate.py ...                                                   # several
"""

import logging
import os

from teminal.cli import command


@command("--resume_from_checkpoint latest resumes from the last checkpoint")
def main(argv: list[str] | None = None) -> None:
    """Load clips and model, train and evaluate each stage, save the model with its results, and publish it."""
    from teminal.training.config_file import parse_config

    config = parse_config(argv, __doc__)
    if config.dry_run:
        from teminal.training.publish import describe_push

        print(describe_push(config))
        return
    from teminal.training.data import find_clips

    clips = find_clips(config)

    from teminal.training.run import start_run  # imports torch, which takes seconds

    with start_run(config, clips) as run:
        with run.interrupts:
            for stage in run.stages_left():
                run.train(stage)
        run.finish()


if __name__ == "__main__":
    # Worker processes compose batches while the model trains: idle OpenMP threads must sleep, not spin on the workers'
    # cores, and NumPy in a worker must not wait for BLAS threads without a free core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    is_main_process = os.environ.get("RANK", "0") == "0"
    logging.basicConfig(format="%(message)s", level=logging.INFO if is_main_process else logging.ERROR)
    main()
