"""TeminAL: teach contrastive audio-language models the order of sounds, and measure it."""
