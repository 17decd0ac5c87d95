"""Turn clips into event loops: seamless, without silence, of one length and level."""

import numpy as np

SAMPLING_RATE = 48_000
EVENT_S = 5.0
CROSSFADE_S = 0.05
RMS = 0.1
CREST_DB = 12.0
PEAK = RMS * 10 ** (CREST_DB / 20)
GATE_DB = -25.0

EVENT_SAMPLES = int(EVENT_S * SAMPLING_RATE)
_FADE = int(CROSSFADE_S * SAMPLING_RATE)
_FRAME = SAMPLING_RATE // 200


def rise_equal_power(n_samples: int) -> np.ndarray:
    """Compute an equal-power fade-in; in double precision, so that it is the same on every CPU."""
    return np.sin(np.linspace(0, np.pi / 2, n_samples)).astype(np.float32)


def event_loop(waveform: np.ndarray) -> np.ndarray:
    """Turn a clip into an event: a seamless loop of `EVENT_S`, RMS 0.1, crest factor at most 12 dB.

    Frames of 5 ms that are more than 25 dB below the level of the event are cut (at its edges and inside). The rest is
    repeated with equal-power cross-fades, also between end and start, so that the loop may start anywhere.

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
    rise = rise_equal_power(fade)
    body = sound[: EVENT_SAMPLES + fade].copy()
    body[:fade] = body[:fade] * rise + body[-fade:] * rise[::-1]
    body = body[:-fade]
    loop = np.tile(body, -(-EVENT_SAMPLES // len(body)))[:EVENT_SAMPLES]
    if EVENT_SAMPLES % len(body):
        rise = rise_equal_power(_FADE)
        beyond = np.tile(body, -(-(EVENT_SAMPLES + _FADE) // len(body)))[EVENT_SAMPLES : EVENT_SAMPLES + _FADE]
        loop[:_FADE] = loop[:_FADE] * rise + beyond * rise[::-1]
    return limit_crest(loop, PEAK, EVENT_SAMPLES)


def limit_crest(waveform: np.ndarray, peak: float, n_loud: float) -> np.ndarray:
    """Scale (samples,), in place, so that clipped to `peak` it has the power of `n_loud` samples at RMS 0.1."""
    waveform *= np.float32(limiting_gain(waveform, peak, n_loud))
    return np.clip(waveform, -peak, peak, out=waveform)


def limiting_gain(waveform: np.ndarray, peak: float, n_loud: float) -> float:
    """Compute the gain after which (samples,) fp32, then clipped to `peak`, has the power of N = `n_loud` samples.

    With the n loudest samples clipped it is the root of (N RMS^2 - n peak^2) / (power of the others); n follows from
    the gain and the gain from n until both agree. In double precision, so that it is the same on every CPU.
    """
    precise = waveform.astype(np.float64)
    power, target = float(precise @ precise), n_loud * RMS**2
    unclipped = gain = (target / power) ** 0.5
    magnitudes = np.abs(waveform)
    for headroom in (1.25, 4.0, np.inf):  # above the first gain; sorting few samples is enough for most
        loud = -np.sort(-magnitudes[magnitudes > peak / unclipped / headroom].astype(np.float64))
        power_of_loud = np.concatenate([[0.0], np.cumsum(loud**2)])
        for _ in range(100):
            n_clipped = np.searchsorted(-loud, -peak / gain)
            left, power_left = target - n_clipped * peak**2, power - power_of_loud[n_clipped]
            if left <= 0 or power_left <= 0 or gain == (left / power_left) ** 0.5:
                break
            gain = (left / power_left) ** 0.5
        if gain <= headroom * unclipped:
            break
    return gain
