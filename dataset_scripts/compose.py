"""Render scenes to waveforms such that nothing but the relation tells the variants of a group apart.

Every event is first made a seamless loop of fixed length and level without silence inside (`event_loop`). The
variants of a group tile, join or add two loops and end with the same edges, level and peak (`render_group`), so that
duration, RMS, peak and share of silence say nothing about the relation.
"""

import numpy as np
import torch

from dataset_scripts.scenes import VARIANTS

SAMPLING_RATE = 48_000
EVENT_S = 5.0
CROSSFADE_S = 0.05
EDGE_S = 0.01
RMS = 0.1
CREST_DB = 12.0
GATE_DB = -25.0
OVERLAY_SNR_DB = (-3.0, 3.0)

EVENT_SAMPLES = int(EVENT_S * SAMPLING_RATE)
_FADE = int(CROSSFADE_S * SAMPLING_RATE)
_FRAME = SAMPLING_RATE // 200


def event_loop(waveform: np.ndarray) -> np.ndarray:
    """Turn a clip into an event: a seamless loop of `EVENT_S`, RMS 0.1, crest factor at most 12 dB.

    Frames of 5 ms that lie more than 25 dB under the event's own level are cut (at its edges and inside); what is
    left is repeated with equal-power cross-fades and closed to a loop, so that it may start anywhere.

    Args:
        waveform: (samples,) mono at 48 kHz, not silent.

    Returns:
        (EVENT_SAMPLES,) fp32.
    """
    frames = np.pad(waveform, (0, -len(waveform) % _FRAME)).reshape(-1, _FRAME)
    power = np.square(frames, dtype=np.float64).mean(1)
    loud = power > power.max() * 1e-6
    for _ in range(3):
        loud = power > power[loud].mean() * 10 ** (GATE_DB / 10)
    sound = frames[loud].reshape(-1).astype(np.float32)

    fade = min(_FADE, len(sound) // 2)
    rise = np.sin(np.linspace(0, np.pi / 2, fade, dtype=np.float32))
    body = sound[: EVENT_SAMPLES + fade].copy()
    body[:fade] = body[:fade] * rise + body[-fade:] * rise[::-1]
    body = body[:-fade]
    loop = np.tile(body, -(-EVENT_SAMPLES // len(body)))[:EVENT_SAMPLES]
    if EVENT_SAMPLES % len(body):
        rise = np.sin(np.linspace(0, np.pi / 2, _FADE, dtype=np.float32))
        beyond = np.tile(body, -(-(EVENT_SAMPLES + _FADE) // len(body)))[EVENT_SAMPLES : EVENT_SAMPLES + _FADE]
        loop[:_FADE] = loop[:_FADE] * rise + beyond * rise[::-1]
    return limit_crest(torch.from_numpy(loop)[None])[0].numpy()


def limit_crest(scenes: torch.Tensor, peak: float = RMS * 10 ** (CREST_DB / 20)) -> torch.Tensor:
    """(B, samples), in place: level to RMS 0.1 and clip to `peak`, by default 12 dB above it, until both hold."""
    for _ in range(50):
        frame_norms = torch.linalg.vector_norm(scenes.view(len(scenes), -1, _FRAME), dim=2)
        norm = torch.linalg.vector_norm(frame_norms, dim=1, keepdim=True, dtype=torch.float64)
        scenes *= (RMS * scenes.shape[1] ** 0.5 / norm).float()
        low, high = scenes.aminmax()
        if max(-low, high) <= peak * (1 + 1e-6):
            break
        scenes.clamp_(-peak, peak)
    return scenes


def sequence(*loops: torch.Tensor) -> torch.Tensor:
    """Loops (EVENT_SAMPLES,) one after the other, with equal-power cross-fades at the joints."""
    scene = torch.cat(loops)
    rise = torch.sin(torch.linspace(0, torch.pi / 2, _FADE))
    for i, previous in enumerate(loops[:-1], start=1):
        joint = scene[i * EVENT_SAMPLES : i * EVENT_SAMPLES + _FADE]
        joint.mul_(rise).add_(previous[:_FADE] * rise.flip(0))
    return scene


def render_group(x: torch.Tensor, y: torch.Tensor, snr_db: float) -> dict[str, torch.Tensor]:
    """All variants of the composition group of two events.

    Args:
        x, y: (EVENT_SAMPLES,) loops.
        snr_db: level of x over y in the overlay, drawn from `OVERLAY_SNR_DB`.

    Returns:
        Variant -> (2 * EVENT_SAMPLES,): x throughout; x then y; y then x; both throughout. The peak of all is the
        lowest that one of the three with both events has (that of a single event may lie lower still).
    """
    gain = 10 ** (snr_db / 40)
    scenes = torch.stack([x.repeat(2), sequence(x, y), sequence(y, x), (x * gain + y / gain).repeat(2)])
    rise = torch.linspace(0, 1, int(EDGE_S * SAMPLING_RATE))
    scenes[:, : len(rise)] *= rise
    scenes[:, -len(rise) :] *= rise.flip(0)
    limit_crest(scenes)
    limit_crest(scenes, peak=torch.linalg.vector_norm(scenes[1:], ord=torch.inf, dim=1).min().item())
    return dict(zip(VARIANTS, scenes, strict=True))
