import pytest
import torch

from binarynet.quantizers import sign, sign_activation

POINTS = torch.tensor([-2.0, -1.0001, -0.75, -0.25, -0.0, 0.0, 0.25, 0.75, 1.0001, 2.0])


@pytest.mark.parametrize("gradient", ["clip", "bireal"])
def test_the_activation_is_a_sign_that_is_never_0(gradient):
    assert sign_activation(POINTS, gradient).tolist() == [-1, -1, -1, -1, -1, 1, 1, 1, 1, 1]
    assert sign(torch.zeros(3)).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("gradient", "surrogate"),
    [("clip", torch.nn.functional.hardtanh), ("bireal", lambda x: torch.where(x < 0, 2 * x + x * x, 2 * x - x * x))],
)
def test_the_gradient_is_the_derivative_of_the_surrogate_inside_and_0_outside(gradient, surrogate):
    x = POINTS.clone().double().requires_grad_()
    sign_activation(x, gradient).sum().backward()
    inside = POINTS.abs() < 1
    away = inside & (POINTS != 0)
    step = 1e-6
    numeric = (surrogate(POINTS.double() + step) - surrogate(POINTS.double() - step)) / (2 * step)
    torch.testing.assert_close(x.grad[away], numeric[away], atol=1e-6, rtol=0)
    assert x.grad[~inside].eq(0).all()


def test_an_unknown_gradient_is_refused():
    with pytest.raises(ValueError, match="clip"):
        sign_activation(POINTS, "swish")
