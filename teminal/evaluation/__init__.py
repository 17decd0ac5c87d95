"""Evaluate contrastive audio-text models: ZSTE, retrieval, classification, CompA."""
