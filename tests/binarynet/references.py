"""The published updates as plain NumPy recursions for one network, in double precision: what methods are held to.

Each is a generator function (gradients (steps, out, in), hyperparameters at each step, start (out, in)) -> for each
step the quantity whose sign decides, and the summed magnitudes of its terms. For methods that flip, the quantity is
what the threshold is compared with, and the sign is carried along. An epoch has EPOCH steps. A method with numbers of a
layer besides is given those that it starts with, by name.
"""

import numpy as np

EPOCH = 10


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


def filter(gradients, hyper, noise, begin="zero"):  # noqa: A001
    m, G = np.zeros_like(noise), np.zeros_like(noise)
    if begin != "zero":
        G = -hyper[0]["kappa"] * hyper[0]["alpha"] * noise
    if begin == "gradient":
        G = G * np.sqrt(np.mean(gradients[0] ** 2))
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


def latent_sgd(passed, decides=lambda w, h: (w, np.abs(w)), decay=True):
    """A method of latent weights: `passed(w, g, h)` is its gradient, `decides(w, h)` what the next weights are signs
    of."""

    def recursion(gradients, hyper, noise):
        w, m = hyper[0]["init"] * noise, np.zeros_like(noise)
        for g, h in zip(gradients, hyper, strict=True):
            m = (1 - h["momentum"]) * m + h["momentum"] * passed(w, g, h)
            w = w - h["learning_rate"] * (m + (h["weight_decay"] * w if decay else 0.0))
            yield decides(w, h)

    return recursion


def standardised(w):
    return (w - w.mean(axis=1, keepdims=True)) / w.std(axis=1, ddof=1, keepdims=True)


def back(w, g):
    """The transposed Jacobian of `standardised`, written out whole, at a gradient."""
    n, x = w.shape[1], standardised(w)
    jacobian = (np.eye(n) - 1 / n)[None] - x[:, :, None] * x[:, None, :] / (n - 1)
    return np.einsum("oij,oi->oj", jacobian, g) / w.std(axis=1, ddof=1, keepdims=True)


def centred(w, h):
    mean = w.mean(axis=1, keepdims=True)
    return w - mean, np.abs(w) + np.abs(mean)


def tanh_slope(x, t):
    return max(1 / t, 1) * t * (1 - np.tanh(t * x) ** 2)


def through_ir_net(w, g, h, first=-3):
    x = standardised(w)
    scale = 2.0 ** np.round(np.log2(np.abs(x).mean(axis=1, keepdims=True)))
    return back(w, g * scale * tanh_slope(x, 10 ** (first + (1 - first) * h["progress"])))


def through_recu(w, g, h):
    x = 2 * np.sqrt(2) * standardised(w)
    tau = 0.85 + 0.14 * np.expm1(h["progress"]) / np.expm1(1)
    end = -np.abs(x).mean() * np.log(2 - 2 * tau)
    return back(w, 2 * np.sqrt(2) * np.where(np.abs(x) <= end, g, 0))


def through_biper(w, g, h):
    omega = h["frequency"]
    return g * omega * np.cos(omega * w) + h["penalty"] * omega * np.sin(2 * omega * w) / w.size


def slope_at(function, x):
    """The derivative of a function of numbers, exact to rounding, by a step in the imaginary direction."""
    return function(x + 1e-30j).imag / 1e-30


def through_bdbnn(w, g, h):
    """K is that of the whole layer: the Jacobian of the standardisation of one long row."""
    row = w.reshape(1, -1)
    z = standardised(row)
    pull = 2 * ((z**4).mean() - 1.8) * back(row, 4 * z**3 / w.size)
    return through_ir_net(w, g, h, first=-2) + h["penalty"] * pull.reshape(w.shape)


def siman(gradients, hyper, noise):
    """The sign that decides is that of the distance to the median, which itself is -1."""

    def clipped(w, h):
        w = w - w.mean(axis=1, keepdims=True)
        p = 15 * (1 - h["progress"])
        low, high = np.percentile(np.abs(w), [p, 100 - p])
        return np.sign(w) * np.clip(np.abs(w), low, high)

    w, m = hyper[0]["init"] * noise, np.zeros_like(noise)
    for g, h in zip(gradients, hyper, strict=True):
        w = clipped(w, h)
        m = (1 - h["momentum"]) * m + h["momentum"] * back(w, g * np.sign(w - w.mean(axis=1, keepdims=True)))
        w = w - h["learning_rate"] * m
        magnitude = np.abs(standardised(clipped(w, h)))
        middle = np.sort(magnitude, axis=1)[:, (w.shape[1] - 1) // 2, None]
        yield (
            np.where(magnitude > middle, magnitude - middle, np.minimum(magnitude - middle, -1e-3)),
            magnitude + middle,
        )


def dsq(gradients, hyper, noise, softness):
    w, m, a, a_m = hyper[0]["init"] * noise, np.zeros_like(noise), float(softness.item()), 0.0

    def soft(w, a, largest):
        return np.tanh(np.log(2 / a - 1) / (2 * largest) * w) / (1 - a)

    for g, h in zip(gradients, hyper, strict=True):
        largest = np.abs(w).max()
        slope, by_a = slope_at(lambda w: soft(w, a, largest), w), slope_at(lambda a: soft(w, a, largest), a)  # noqa: B023
        m = (1 - h["momentum"]) * m + h["momentum"] * g * largest * slope
        a_m = (1 - h["momentum"]) * a_m + h["momentum"] * (g * largest * by_a).sum()
        w = w - h["learning_rate"] * (m + h["weight_decay"] * w)
        a = float(np.clip(a - h["learning_rate"] * (a_m + h["weight_decay"] * a), 1e-3, 0.999))
        yield w, np.abs(w) + h["learning_rate"] * np.abs(m)


def rbnn(gradients, hyper, noise, left, right, angle):
    """By a matrix that rotates a whole channel, the Kronecker product of the two.

    Where the channels leave a direction out, any turn of it is as good: from there on nothing is decided.
    """
    decided = 1.0
    w, m, b, b_m = hyper[0]["init"] * noise, np.zeros_like(noise), angle.copy(), np.zeros_like(angle)
    sides = len(left), len(right)

    def on_the_way(w):
        x = standardised(w)
        rotated = x @ np.kron(left, right)
        return x, rotated, x + np.abs(np.sin(b)) * (rotated - x)

    for step, (g, h) in enumerate(zip(gradients, hyper, strict=True)):
        if step % EPOCH == 0:
            x = standardised(w).reshape(-1, *sides)
            for _ in range(3):
                signs = np.sign(np.stack([left.T @ one @ right for one in x]))
                u, of_left, vt = np.linalg.svd(sum(s @ right.T @ one.T for s, one in zip(signs, x, strict=True)))
                left = vt.T @ u.T
                u, of_right, vt = np.linalg.svd(sum(one.T @ left @ s for s, one in zip(signs, x, strict=True)))
                right = u @ vt
                if min(of_left[-1] / of_left[0], of_right[-1] / of_right[0]) < 1e-9:
                    decided = np.inf
        x, rotated, y = on_the_way(w)
        t = 10 ** (-2 + 3 * h["progress"])
        q = g * max(1 / t, 1) * np.maximum(0, np.sqrt(2) * t - t * t * np.abs(y))
        passed = (1 - np.abs(np.sin(b))) * q + np.abs(np.sin(b)) * (q @ np.kron(left, right).T)
        by_angle = np.cos(b) * np.sign(np.sin(b)) * (q * (rotated - x)).sum(axis=1, keepdims=True)
        m = (1 - h["momentum"]) * m + h["momentum"] * back(w, passed)
        b_m = (1 - h["momentum"]) * b_m + h["momentum"] * by_angle
        w = w - h["learning_rate"] * (m + h["weight_decay"] * w)
        b = b - h["learning_rate"] * (b_m + h["weight_decay"] * b)
        x, _, y = on_the_way(w)
        yield y, (np.abs(x) + 1) * decided


def sgdat(gradients, hyper, noise, averaging=0.0, restarts=True):
    """In the authors' own units, of a learning rate of 1e-4."""
    b, d, m, f = np.sign(noise), np.zeros_like(noise), np.zeros_like(noise), np.zeros_like(noise)
    for step, (g, h) in enumerate(zip(gradients, hyper, strict=True)):
        f = np.zeros_like(f) if restarts and step % EPOCH == 0 else f
        d = averaging * d + g
        m = m - 1e-4 * d
        theta = 1e-4 * h["threshold"]
        new = np.where(np.abs(m) > theta * f, np.sign(m), b)
        yield new * np.abs(np.abs(m) - theta * f), np.abs(m) + theta * f
        f, b = f + (new != b), new


def bnew(gradients, hyper, noise, first_phase=1 / 6):
    w = np.clip(hyper[0]["init"] * noise, -1, 1)
    m, v = np.zeros_like(w), np.zeros_like(w)
    for i, (g, h) in enumerate(zip(gradients, hyper, strict=True), 1):
        behind = max(0.0, (h["progress"] - first_phase) / (1 - first_phase))
        w = np.clip(w + 2 * h["push"] * behind * w, -1, 1)
        m = (1 - h["momentum"]) * m + h["momentum"] * g
        v = (1 - h["second"]) * v + h["second"] * g * g
        step = m / (1 - (1 - h["momentum"]) ** i) / (np.sqrt(v / (1 - (1 - h["second"]) ** i)) + 1e-8)
        kept = w
        w = np.clip(w - h["learning_rate"] * step, -1, 1) if behind < 0.98 else np.sign(w)
        yield w, np.abs(kept) + np.abs(h["learning_rate"] * step)


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
    "irnet": latent_sgd(through_ir_net, centred),
    "dorefa": latent_sgd(lambda w, g, h: g),
    "dsq": dsq,
    "recu": latent_sgd(through_recu, centred),
    "rbnn": rbnn,
    "siman": siman,
    "biper": latent_sgd(through_biper, lambda w, h: (np.sin(h["frequency"] * w), np.ones_like(w))),
    "bdbnn": latent_sgd(through_bdbnn, centred),
    "sgdat": sgdat,
    "bnew": bnew,
}
