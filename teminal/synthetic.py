"""An embedded bank of procedurally generated sounds, so that everything runs with no download at all.

Each class is a function of a random generator and the time axis; an instance is drawn from (class, index) alone, so
the same clip comes out on every machine.
"""

import zlib

import numpy as np

DURATION_S = 5.0


def _tone(frequency_hz, t):
    """Sine of a constant or varying frequency."""
    return np.sin(2 * np.pi * np.cumsum(np.broadcast_to(frequency_hz, t.shape)) * (t[1] - t[0]))


def _noise(rng, t, low_hz, high_hz):
    from scipy.signal import butter, sosfilt  # a second that `--help` need not wait

    rate = 1 / (t[1] - t[0])
    sos = butter(2, [low_hz, min(high_hz, 0.45 * rate)], btype="band", fs=rate, output="sos")
    return sosfilt(sos, rng.standard_normal(len(t)))


def _pulses(t, rate_hz, phase, decay_s):
    """Envelope that jumps to 1 `rate_hz` times a second and decays."""
    since_s = ((t * rate_hz + phase) % 1.0) / rate_hz
    return np.exp(-since_s / decay_s)


def _gate(t, rate_hz, phase, duty):
    return ((t * rate_hz + phase) % 1.0 < duty).astype(float)


def _swell(rng, t, rate_hz):
    return 0.55 + 0.45 * np.sin(2 * np.pi * (rate_hz * t + rng.random()))


def _bell(rng, t):
    base = rng.uniform(500, 900)
    partials = sum(_tone(base * k, t) / i for i, k in enumerate((1.0, 2.76, 5.4, 8.9), start=1))
    return partials * _pulses(t, rng.uniform(0.6, 1.0), rng.random(), 0.35)


def _beeps(rng, t):
    return _tone(rng.uniform(900, 1300), t) * _gate(t, rng.uniform(1.5, 2.5), rng.random(), 0.4)


def _siren(rng, t):
    return _tone(rng.uniform(700, 900) + 300 * np.sin(2 * np.pi * rng.uniform(0.3, 0.6) * t + rng.uniform(0, 6)), t)


def _chirp_up(rng, t):
    sweep = (t * rng.uniform(0.8, 1.2) + rng.random()) % 1.0
    return _tone(rng.uniform(300, 500) + 3000 * sweep, t)


def _laser(rng, t):
    sweep = (t * rng.uniform(2.5, 3.5) + rng.random()) % 1.0
    return _tone(300 + rng.uniform(4000, 6000) * np.exp(-6 * sweep), t) * (1 - sweep)


def _hiss(rng, t):
    return _noise(rng, t, rng.uniform(5000, 7000), 20000)


def _rumble(rng, t):
    return _noise(rng, t, 40, rng.uniform(120, 180)) * _swell(rng, t, rng.uniform(0.3, 0.6))


def _wind(rng, t):
    return _noise(rng, t, 300, rng.uniform(700, 1000)) * _swell(rng, t, rng.uniform(0.2, 0.4)) ** 2


def _ticking(rng, t):
    return _noise(rng, t, 3000, 9000) * _pulses(t, rng.uniform(3.0, 5.0), rng.random(), 0.01)


def _drum(rng, t):
    return _tone(rng.uniform(70, 110), t) * _pulses(t, rng.uniform(1.5, 2.5), rng.random(), 0.08)


def _buzzer(rng, t):
    return np.sign(_tone(rng.uniform(110, 160), t)) * (0.7 + 0.3 * _gate(t, 1.0, rng.random(), 0.5))


def _cricket(rng, t):
    return _tone(rng.uniform(4200, 5200), t) * _gate(t, rng.uniform(22, 30), 0, 0.5) * _gate(t, 2.0, rng.random(), 0.5)


def _telephone(rng, t):
    ring = (_tone(440, t) + _tone(480, t)) * (1 + np.sign(_tone(rng.uniform(18, 24), t)))
    return ring * _gate(t, rng.uniform(0.6, 0.9), rng.random(), 0.6)


def _engine(rng, t):
    base = rng.uniform(45, 65) * (1 + 0.05 * np.sin(2 * np.pi * rng.uniform(0.3, 0.8) * t))
    return sum(_tone(base * k, t) / k for k in range(1, 12)) + 0.2 * _noise(rng, t, 100, 1500)


def _helicopter(rng, t):
    return _noise(rng, t, 60, 900) * _pulses(t, rng.uniform(10, 14), rng.random(), 0.03)


def _bubbles(rng, t):
    sweep = (t * rng.uniform(5, 7) + rng.random()) % 1.0
    return _tone(rng.uniform(350, 450) * (1 + 1.5 * sweep), t) * np.sin(np.pi * sweep) ** 2


def _applause(rng, t):
    claps = np.zeros(len(t))
    claps[rng.integers(0, len(t), 600)] = rng.uniform(0.3, 1.0, 600)
    decay = np.exp(-np.arange(2000) / 300) * rng.standard_normal(2000)
    return np.fft.irfft(np.fft.rfft(claps, 2 * len(t)) * np.fft.rfft(decay, 2 * len(t)))[: len(t)]


def _organ(rng, t):
    base = rng.choice([196.0, 220.0, 246.9])
    return sum(_tone(base * k, t) for k in (1, 1.25, 1.5, 2, 3)) * (0.7 + 0.3 * _tone(rng.uniform(5, 6), t))


SYNTHETIC_CLASSES = {
    "applause": _applause,
    "bell": _bell,
    "beeps": _beeps,
    "bubbles": _bubbles,
    "buzzer": _buzzer,
    "chirp": _chirp_up,
    "cricket": _cricket,
    "drum": _drum,
    "engine": _engine,
    "helicopter": _helicopter,
    "hiss": _hiss,
    "laser": _laser,
    "organ": _organ,
    "rumble": _rumble,
    "siren": _siren,
    "telephone": _telephone,
    "ticking": _ticking,
    "wind": _wind,
}


def synthesise(label: str, index: int, sampling_rate: int) -> np.ndarray:
    """Instance `index` of a class: (5 s,) fp32 mono with a little background noise, peak 0.5."""
    rng = np.random.default_rng([zlib.crc32(label.encode()), index])
    t = np.arange(int(DURATION_S * sampling_rate)) / sampling_rate
    waveform = SYNTHETIC_CLASSES[label](rng, t)
    waveform = waveform / np.abs(waveform).max() + 10 ** rng.uniform(-2.5, -1.8) * rng.standard_normal(len(t))
    return (0.5 * waveform / np.abs(waveform).max()).astype(np.float32)
