import math

import pytest
import torch
from torch.nn import functional as F

from modeling_teminal import in_group_loss, tnce_loss


def pairs(n_groups=3, dim=8, seed=0, dtype=torch.float64):
    """Groups of all four variants with a truth in which some captions of other rows hold."""
    generator = torch.Generator().manual_seed(seed)
    n = 4 * n_groups
    audio = F.normalize(torch.randn(n, dim, generator=generator, dtype=dtype), dim=1).requires_grad_()
    text = F.normalize(torch.randn(n, dim, generator=generator, dtype=dtype), dim=1).requires_grad_()
    holds = (torch.rand(n, n, generator=generator) < 0.2) | torch.eye(n, dtype=torch.bool)
    truth = {
        "group": torch.arange(n_groups).repeat_interleave(4),
        "variant": torch.arange(4).repeat(n_groups),
        "holds": holds,
    }
    return audio, text, truth


def reference_tnce(audio, text, scale_audio, scale_text, group, variant, holds, alpha_same, alpha_cross, beta):
    """The formula written out in scalar loops, without torch reductions."""

    def negative_weight(n, m, true):
        if m == n:
            return 1.0
        if true:
            return 0.0
        if variant[m] == variant[n]:
            return 1.0
        return alpha_same if group[m] == group[n] else alpha_cross

    total, total_weight = 0.0, 0.0
    for n in range(len(audio)):
        sums = [0.0, 0.0]
        for m in range(len(audio)):
            a_to_t = sum(float(x) * float(y) for x, y in zip(audio[n], text[m], strict=True)) * scale_audio
            t_to_a = sum(float(x) * float(y) for x, y in zip(text[n], audio[m], strict=True)) * scale_text
            sums[0] += negative_weight(n, m, holds[n][m]) * math.exp(a_to_t)
            sums[1] += negative_weight(n, m, holds[m][n]) * math.exp(t_to_a)
        own = sum(float(x) * float(y) for x, y in zip(audio[n], text[n], strict=True))
        row = -0.5 * ((own * scale_audio - math.log(sums[0])) + (own * scale_text - math.log(sums[1])))
        row_weight = 1.0 if variant[n] in (0, 1) else beta
        total += row_weight * row
        total_weight += row_weight
    return total / total_weight


@pytest.mark.parametrize(
    "weights",
    [(1.0, 1.0, 1.0), (2.0, 0.5, 0.3), (0.0, 1.0, 0.0), (3.0, 0.0, 2.0)],
    ids=["ones", "mixed", "no-same", "x"],
)
def test_equals_loop_reference(weights):
    audio, text, truth = pairs()
    alpha_same, alpha_cross, beta = weights
    loss = tnce_loss(audio, text, 7.0, 5.0, **truth, alpha_same=alpha_same, alpha_cross=alpha_cross, beta=beta)
    plain = {name: value.tolist() for name, value in truth.items()}
    expected = reference_tnce(audio.tolist(), text.tolist(), 7.0, 5.0, *plain.values(), *weights)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_gradient_is_right():
    audio, text, truth = pairs(n_groups=2, dim=3)
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)

    def loss(a, t, s):
        return tnce_loss(a, t, s, s, **truth, alpha_same=2.0, beta=0.5)

    assert torch.autograd.gradcheck(loss, (audio, text, scale))


def test_true_captions_are_never_negatives():
    audio, text, truth = pairs()
    everything = {**truth, "holds": torch.ones_like(truth["holds"])}
    assert tnce_loss(audio, text, 5.0, 5.0, **everything).item() == pytest.approx(0.0, abs=1e-12)


def test_without_truth_and_weights_it_is_the_clip_loss():
    audio, text, truth = pairs()
    truth = {**truth, "holds": torch.eye(len(audio), dtype=torch.bool)}
    logits = audio @ text.T * 4.0
    target = torch.arange(len(audio))
    clip = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    assert tnce_loss(audio, text, 4.0, 4.0, **truth).item() == pytest.approx(clip.item(), rel=1e-12)


def test_in_group_loss_sees_its_own_group_alone():
    audio, text, truth = pairs(n_groups=3)
    loss = in_group_loss(audio, text, 4.0, 4.0, **truth)
    alone = []
    for own in (slice(0, 4), slice(4, 8), slice(8, 12)):
        own_truth = {
            "group": truth["group"][own],
            "variant": truth["variant"][own],
            "holds": truth["holds"][own, own],
        }
        alone.append(in_group_loss(audio[own], text[own], 4.0, 4.0, **own_truth))
    assert loss.item() == pytest.approx(sum(item.item() for item in alone) / 3, rel=1e-12)


def test_a_model_blind_to_order_is_stuck_at_half_of_ln_2_in_stage_b():
    content = torch.eye(4, dtype=torch.float64)[[0, 1, 1, 2]]
    holds = torch.eye(4, dtype=torch.bool)
    holds[1:, 0] = True
    truth = {"group": torch.zeros(4).long(), "variant": torch.arange(4), "holds": holds}
    loss = in_group_loss(content, content, 50.0, 50.0, **truth)
    assert loss.item() == pytest.approx(math.log(2) / 2, abs=1e-6)


def test_bf16_embeddings_are_scored_in_fp32():
    audio, text, truth = pairs(dtype=torch.float32)
    exact = tnce_loss(audio.bfloat16().float(), text.bfloat16().float(), 10.0, 10.0, **truth)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = tnce_loss(audio.bfloat16(), text.bfloat16(), 10.0, 10.0, **truth)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(exact.item(), rel=1e-6)


def bad_inputs():
    nan = torch.full((12, 8), float("nan"))
    off_diagonal = torch.ones(12, 12, dtype=torch.bool)
    off_diagonal[3, 3] = False
    return [
        ("audio_embeds", {"audio_embeds": nan}),
        ("text_embeds", {"text_embeds": nan}),
        ("text_embeds", {"text_embeds": torch.ones(11, 8)}),
        ("logit_scale_audio", {"logit_scale_audio": 0.0}),
        ("logit_scale_text", {"logit_scale_text": float("inf")}),
        ("group", {"group": torch.zeros(5)}),
        ("variant", {"variant": torch.full((12,), 4)}),
        ("holds", {"holds": torch.ones(12, 11, dtype=torch.bool)}),
        ("holds", {"holds": off_diagonal}),
        ("alpha_same", {"alpha_same": -1.0}),
        ("alpha_cross", {"alpha_cross": float("nan")}),
        ("beta", {"variant": torch.full((12,), 2), "beta": 0.0}),
    ]


@pytest.mark.parametrize(("name", "change"), bad_inputs())
def test_bad_input_names_the_argument(name, change):
    audio, text, truth = pairs()
    arguments = {
        "audio_embeds": audio,
        "text_embeds": text,
        "logit_scale_audio": 5.0,
        "logit_scale_text": 5.0,
        **truth,
        **change,
    }
    with pytest.raises(ValueError, match=name):
        tnce_loss(**arguments)
