"""Measure what contrastive audio-text models know: ZSTE, retrieval, classification, CompA."""
