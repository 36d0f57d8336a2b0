"""The loss: of labels, smoothed labels, a teacher's shares, and both mixed."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from binarynet.methods.filter import METHOD as FILTER
from binarynet.stacked import Stacked
from binarynet.targets import Targets
from binarynet.training import Budget, Data, Labelled, Training
from tests.binarynet.test_stacked import Pictures, small

CLASSES, N = 10, 37


def drawn(k=3, b=7, dtype=torch.float64):
    generator = torch.Generator().manual_seed(2)
    logits = 3 * torch.randn(k, CLASSES, b, generator=generator, dtype=dtype)
    labels = torch.randint(CLASSES, (N,), generator=generator)
    taught = (4 * torch.randn(N, CLASSES, generator=generator)).half()
    return logits, labels, torch.randint(N, (k, b), generator=generator), taught


def by_hand(logits, shares):
    """Mean over examples of - sum over classes of share * log softmax, one example after the other."""
    k, _, b = logits.shape
    found = torch.zeros(k, dtype=torch.float64)
    for trial in range(k):
        for example in range(b):
            scores = logits[trial, :, example].tolist()
            total = sum(torch.tensor(s).double().exp().item() for s in scores)
            logs = [s - torch.tensor(total).double().log().item() for s in scores]
            found[trial] -= sum(q * log for q, log in zip(shares[trial][example], logs, strict=True)) / b
    return found


def one_hot(labels, order, smoothing=0.0):
    rows = torch.full((*order.shape, CLASSES), smoothing / CLASSES, dtype=torch.float64)
    rows[torch.arange(len(order))[:, None], torch.arange(order.shape[1]), labels[order]] += 1 - smoothing
    return rows.tolist()


def softmax(taught, order):
    powers = taught.double().exp()
    return (powers / powers.sum(dim=1, keepdim=True))[order].tolist()


def test_without_a_teacher_it_is_the_cross_entropy_to_the_bit():
    logits, labels, order, _ = drawn(dtype=torch.float32)
    expected = cross_entropy(logits, labels[order], reduction="none").mean(dim=1)
    assert torch.equal(Targets().loss(logits, labels[order], order), expected)


def test_smoothed_labels_a_teacher_and_their_mixture_by_hand():
    logits, labels, order, taught = drawn()
    cases = {
        Targets(0.1): by_hand(logits, one_hot(labels, order, 0.1)),
        Targets(logits=taught): by_hand(logits, softmax(taught, order)),
        Targets(0.2, taught, 0.7): 0.7 * by_hand(logits, softmax(taught, order))
        + 0.3 * by_hand(logits, one_hot(labels, order, 0.2)),
    }
    for targets, expected in cases.items():
        assert torch.allclose(targets.loss(logits, labels[order], order), expected, rtol=1e-6)


def test_a_students_gradient_vanishes_where_it_says_what_its_teacher_says():
    _, labels, order, taught = drawn()
    logits = taught.double()[order].transpose(1, 2).contiguous().requires_grad_()
    Targets(logits=taught).loss(logits, labels[order], order).sum().backward()
    assert logits.grad.abs().max() < 1e-12


@pytest.mark.parametrize("kind", ["smoothed", "taught", "mixed"])
def test_a_trial_does_not_depend_on_its_company(kind):
    generator = torch.Generator().manual_seed(1)
    pixels, labels = torch.randint(0, 256, (75, 3, 8, 8), generator=generator).byte(), torch.arange(75) % 10
    taught = (3 * torch.randn(75, 10, generator=generator)).half()
    targets = {"smoothed": Targets(0.1), "taught": Targets(0, taught), "mixed": Targets(0.1, taught, 0.4)}[kind]
    held_out = Labelled(pixels[:20], labels[:20])
    data = Data(Pictures(pixels, labels), held_out, held_out, targets=targets)

    def results(*trials):
        drawn = [{"alpha": 10.0**-i, "gamma": 0.1} for i in trials]
        return Training(lambda k: Stacked(k, small), FILTER, drawn, list(trials), data, Budget(2, 13)).run()

    together = results(1, 2, 3, 4)
    assert len({result.curves["train_loss"][1] for result in together}) == 4
    assert results(3) == together[2:3]
    assert results(4, 1) == [together[3], together[0]]
