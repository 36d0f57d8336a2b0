"""What a network is to say of the training examples: their labels, or what a teacher said of them."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy


@dataclass(frozen=True)
class Targets:
    """Labels, smoothed or not; a teacher's shares of the classes; or both mixed.

    The loss with a teacher is the cross-entropy of its softmax and the network's: the distributional loss of ReActNet
    (Liu et al. 2020).

    Attributes:
        smoothing: share of each label that goes to all classes alike (Szegedy et al. 2016), in [0, 1).
        logits: the teacher's, (n, classes), in any float type, on the device; None without a teacher.
        share: the teacher's in the loss, in (0, 1]; the rest is the labels'.
    """

    smoothing: float = 0.0
    logits: Tensor | None = None
    share: float = 1.0

    def loss(self, logits: Tensor, labels: Tensor, order: Tensor) -> Tensor:
        """Mean cross-entropy of each trial, (k,).

        Args:
            logits: the network's, (k, classes, b).
            labels: classes, (k, b).
            order: which training examples they are, (k, b).
        """
        if self.logits is None:
            return self._of_labels(logits, labels)
        taught = self.logits.index_select(0, order.flatten()).to(logits.dtype)
        # Over rows that lie whole in memory, or the softmax of a trial would be rounded by its company.
        shares = taught.softmax(dim=1).view(*order.shape, -1).transpose(1, 2)
        soft = cross_entropy(logits, shares, reduction="none").mean(dim=1)
        return soft if self.share == 1.0 else self.share * soft + (1 - self.share) * self._of_labels(logits, labels)

    def _of_labels(self, logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(logits, labels, reduction="none", label_smoothing=self.smoothing).mean(dim=1)
