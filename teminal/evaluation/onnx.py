"""Embed with an exported model, by onnxruntime and NumPy alone."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modeling_teminal.spans_teminal import longest_window
from teminal.evaluation.windows import Audio, Window, count_windows_of_whole_clips, cut_clips, in_batches

ONNX_FILE = "onnx.json"
GRAPHS = ("windows", "clips", "text")
CAPTIONS_AT_ONCE = 64
FRAMES_AT_ONCE = 128  # of the Fourier transform: they fit the cache of a CPU


class OnnxModel:
    """Embed with a folder that `teminal export` wrote; on the CPU, without torch and transformers.

    The folder holds `windows.onnx` (log-mel windows to what the audio tower hears in them), `clips.onnx` (that of all
    windows of clips to their embeddings), `text.onnx`, `tokenizer.json`, `mel_filters.npy` and `onnx.json`.

    Raises:
        ValueError, OSError: a file or a library is missing or damaged.
    """

    def __init__(self, model_name_or_path: str, batch_size: int = 16):
        try:
            import onnxruntime
            from tokenizers import Tokenizer
        except ImportError as error:
            raise ValueError(f"an exported model needs {error.name}: pip install onnxruntime tokenizers") from error
        folder = Path(model_name_or_path)
        try:
            self.about: dict[str, Any] = json.loads((folder / ONNX_FILE).read_text("utf-8"))
            cpu = {"providers": ["CPUExecutionProvider"]}
            self.sessions = {name: onnxruntime.InferenceSession(folder / f"{name}.onnx", **cpu) for name in GRAPHS}
            self.mel_filters = np.load(folder / "mel_filters.npy")
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # onnxruntime and tokenizers raise many kinds
            reason = str(error).split("\n")[0]
            raise ValueError(f"--model_name_or_path {folder}: damaged, export it again: {reason}") from error
        self.tokenizer.enable_truncation(self.about["longest_caption"])
        self.tokenizer.enable_padding(pad_id=self.about["pad_token_id"])
        self.identity = self.fingerprint = self.about["identity"]
        self.batch_size = batch_size

    def embed_audio(self, clips: Iterable[Audio], sampling_rate: int) -> np.ndarray:
        """Embed clips: see [`AudioTextModel`]."""
        size, hop_length = self.about["window_samples"], self.about["hop_length"]
        longest = longest_window(size, hop_length, self.about["is_fused"])
        cut = cut_clips(clips, sampling_rate, self.about["sampling_rate"], size, longest)
        embeds, waiting = [], list[Window]()
        pooled, over_time = list[np.ndarray](), list[np.ndarray]()
        for batch in in_batches(cut, self.batch_size):
            features = np.stack([self.compute_features(window.samples) for window in batch])
            new_pooled, new_over_time = self._run("windows", input_features=features)
            waiting += [window.without_samples() for window in batch]
            pooled, over_time = [*pooled, *new_pooled], [*over_time, *new_over_time]
            n_ready = count_windows_of_whole_clips(waiting)
            if n_ready:
                ready = {window.clip: window for window in waiting[:n_ready]}.values()
                (embedded,) = self._run(
                    "clips",
                    pooled=np.stack(pooled[:n_ready]),
                    over_time=np.stack(over_time[:n_ready]),
                    window_counts=np.array([clip.n_windows for clip in ready], np.int64),
                    num_frames=np.array([-(-clip.n_samples // hop_length) for clip in ready], np.int64),
                )
                embeds.append(embedded)
                waiting, pooled, over_time = waiting[n_ready:], pooled[n_ready:], over_time[n_ready:]
        return _require_finite(np.concatenate(embeds))

    def embed_text(self, captions: Sequence[str]) -> np.ndarray:
        """Embed captions: see [`AudioTextModel`]."""
        embeds = [np.zeros((0, self.sessions["text"].get_outputs()[0].shape[1]), np.float32)]  # of no captions
        for some in in_batches(captions, CAPTIONS_AT_ONCE):
            tokens = self.tokenizer.encode_batch(some)
            ids = np.array([caption.ids for caption in tokens], np.int64)
            mask = np.array([caption.attention_mask for caption in tokens], np.int64)
            embeds += self._run("text", input_ids=ids, attention_mask=mask)
        return _require_finite(np.concatenate(embeds))

    def compute_features(self, samples: np.ndarray) -> np.ndarray:
        """Compute the log-mel of a window (samples,): (channels, frames, mel bins), as `TeminalFeatureExtractor`."""
        size, n_fft, hop_length = (self.about[name] for name in ("window_samples", "n_fft", "hop_length"))
        if len(samples) < size:
            repeats = {"repeat": -(-size // len(samples)), "repeatpad": size // len(samples), "pad": 1}
            samples = np.tile(samples, repeats[self.about["padding"]])[:size]
            samples = np.pad(samples, (0, size - len(samples)))
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
        padded = np.pad(samples, n_fft // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
        mel = []
        for start in range(0, len(frames), FRAMES_AT_ONCE):  # in fp64, for errors of loud bands drown quiet ones
            spectrum = np.fft.rfft(frames[start : start + FRAMES_AT_ONCE] * window)
            mel.append((spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ self.mel_filters)
        decibels = 10 * np.log10(np.maximum(np.concatenate(mel), 1e-10))
        return np.repeat(decibels[None], 4 if self.about["is_fused"] else 1, axis=0)

    def _run(self, graph: str, **inputs: np.ndarray) -> list[np.ndarray]:
        return self.sessions[graph].run(None, inputs)


def _require_finite(embeds: np.ndarray) -> np.ndarray:
    if not np.isfinite(embeds).all():
        raise ValueError("the model gives embeddings that are not finite: its weights are damaged or too large")
    return embeds
