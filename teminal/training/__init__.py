"""Train models on the order of sounds: data, losses, stages, checkpoints."""
