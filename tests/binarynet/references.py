"""The published updates as plain NumPy recursions for one network, in double precision: what methods are held to.

Each is a generator function (gradients (steps, out, in), hyperparameters at each step, start (out, in)) -> for each
step the quantity whose sign decides, and the summed magnitudes of its terms. For methods that flip, the quantity is
what the threshold is compared with, and the sign is carried along.
"""

import numpy as np


def channel_scale(w):
    mean = np.abs(w).mean(axis=1, keepdims=True)
    return np.where(mean > 0, mean, 1.0)


def seen_through(w, g, h):
    """Scaling and clipping of `latent`."""
    if h["scaling"]:
        g = g * channel_scale(w)
    return np.where(np.abs(w) > 1, 0.0, g) if h["clipping"] else g


def latent(gradients, hyper, noise, two_step=0.0):
    w, m = hyper[0]["init"] * noise, np.zeros_like(noise)
    for g, h in zip(gradients, hyper, strict=True):
        m = (1 - h["momentum"]) * m + h["momentum"] * (g if h["progress"] < two_step else seen_through(w, g, h))
        kept, moved = w, h["learning_rate"] * (m + h["weight_decay"] * w)
        w = kept - moved
        yield w, np.abs(kept) + np.abs(h["learning_rate"] * m) + np.abs(h["learning_rate"] * h["weight_decay"] * kept)


def latent_adam(gradients, hyper, noise, two_step=0.0):
    w, m, v = hyper[0]["init"] * noise, np.zeros_like(noise), np.zeros_like(noise)
    for i, (g, h) in enumerate(zip(gradients, hyper, strict=True), 1):
        first = h["progress"] < two_step
        decay = 0.0 if two_step and not first else h["weight_decay"]  # none in AdamBNN's second step
        u = (g if first else seen_through(w, g, h)) + decay * w
        m = (1 - h["momentum"]) * m + h["momentum"] * u
        v = (1 - h["second"]) * v + h["second"] * u * u
        step = h["learning_rate"] * (m / (1 - (1 - h["momentum"]) ** i))
        step = step / (np.sqrt(v / (1 - (1 - h["second"]) ** i)) + 1e-8)
        kept, w = w, w - step
        yield w, np.abs(kept) + np.abs(step)


def filter(gradients, hyper, noise):  # noqa: A001
    m, G = np.zeros_like(noise), np.zeros_like(noise)
    for g, h in zip(gradients, hyper, strict=True):
        m = (1 - h["gamma"]) * m + h["gamma"] * g
        kept, new = (1 - h["alpha"]) * G, h["alpha"] * m
        G = kept + new
        yield -G, np.abs(kept) + np.abs(new)


def bop(gradients, hyper, noise):
    b, m = np.sign(noise), np.zeros_like(noise)
    for g, h in zip(gradients, hyper, strict=True):
        m = (1 - h["gamma"]) * m + h["gamma"] * g
        against = b * m
        b = np.where(against > h["threshold"], -b, b)
        yield b * np.abs(against - h["threshold"]), np.abs(against) + h["threshold"]


def bop2ndorder(gradients, hyper, noise, bias_corrected=False):
    b, m, v = np.sign(noise), np.zeros_like(noise), np.zeros_like(noise)
    for g, h in zip(gradients, hyper, strict=True):
        m = (1 - h["gamma"]) * m + h["gamma"] * g
        v = (1 - h["sigma"]) * v + h["sigma"] * g * g
        ratio = (m / h["gamma"]) / (np.sqrt(v / h["sigma"]) + 1e-10) if bias_corrected else m / (np.sqrt(v) + 1e-10)
        against = b * ratio
        b = np.where(against > h["threshold"], -b, b)
        yield b * np.abs(against - h["threshold"]), np.abs(against) + h["threshold"]


def proximal(backward):
    def recursion(gradients, hyper, noise):
        w, m = hyper[0]["init"] * noise, np.zeros_like(noise)
        for g, h in zip(gradients, hyper, strict=True):
            m = (1 - h["momentum"]) * m + h["momentum"] * backward(w, h) * g
            kept, w = w, w - h["learning_rate"] * m
            yield w, np.abs(kept) + np.abs(h["learning_rate"] * m)

    return recursion


def swish_slope(w, h):
    x = np.clip(h["beta"] * w, -300, 300)
    return h["beta"] * (2 - x * np.tanh(x / 2)) / (1 + np.cosh(x))


def irnet(gradients, hyper, noise):
    w, m = hyper[0]["init"] * noise, np.zeros_like(noise)
    for g, h in zip(gradients, hyper, strict=True):
        mean, deviation = w.mean(axis=1, keepdims=True), w.std(axis=1, ddof=1, keepdims=True)
        standard = (w - mean) / deviation
        scale = 2.0 ** np.round(np.log2(np.abs(standard).mean(axis=1, keepdims=True)))
        t = 10 ** (-3 + 4 * h["progress"])
        inner = g * scale * max(1 / t, 1) * t * (1 - np.tanh(t * standard) ** 2)
        n = w.shape[1]
        # The Jacobian of the standardisation, written out whole.
        jacobian = (np.eye(n) - 1 / n)[None] - standard[:, :, None] * standard[:, None, :] / (n - 1)
        through = np.einsum("oij,oi->oj", jacobian, inner) / deviation
        m = (1 - h["momentum"]) * m + h["momentum"] * through
        w = w - h["learning_rate"] * (m + h["weight_decay"] * w)
        centred = w - w.mean(axis=1, keepdims=True)
        yield centred, np.abs(w) + np.abs(w.mean(axis=1, keepdims=True))


REFERENCES = {
    "latent": latent,
    "latent_adam": latent_adam,
    "filter": filter,
    "bop": bop,
    "bop2ndorder": bop2ndorder,
    "binaryconnect": proximal(lambda w, h: 1.0),
    "proxconnect": proximal(lambda w, h: 1.0),
    "bnn": proximal(lambda w, h: np.abs(w) <= 1),
    "bireal": proximal(lambda w, h: np.maximum(2 - 2 * np.abs(w), 0)),
    "bnnplus": proximal(swish_slope),
    "bnnpp": proximal(swish_slope),
    "irnet": irnet,
}
