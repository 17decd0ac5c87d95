"""Train TeminAL: stages, losses, checkpoints."""
