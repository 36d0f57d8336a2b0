"""A task of one's own: three classifiers of scikit-learn on its handwritten digits, one pixel in five lost.

The task knows nothing of hpsearch's networks; a method is a classifier with the hyperparameters that it has.
"""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from hpsearch import FunctionTask, Objective, Result


def train(configuration, seed):
    """Validation accuracy of one classifier; the seed draws the lost pixels and all that the classifier draws."""
    images, labels = load_digits(return_X_y=True)
    images = images * (np.random.default_rng(seed).random(images.shape) > 0.2) / 16
    # The split is the data's, not the trial's: always the same.
    learn, rest, learn_labels, rest_labels = train_test_split(images, labels, train_size=600, random_state=0)
    validate, test, validate_labels, test_labels = train_test_split(rest, rest_labels, test_size=0.5, random_state=0)
    classifier = build(dict(configuration), seed).fit(learn, learn_labels)
    accuracy = classifier.score(validate, validate_labels)
    return Result(accuracy, metrics={"test_accuracy": classifier.score(test, test_labels)})


def build(hyperparameters, seed):
    """The classifier that `family` names, with the others as its arguments."""
    family = hyperparameters.pop("family")
    if family == "svm":
        return SVC(**hyperparameters, random_state=seed)
    if family == "logistic":
        return LogisticRegression(**hyperparameters, max_iter=300, random_state=seed)
    return RandomForestClassifier(**hyperparameters, n_estimators=30, random_state=seed)


TASK = FunctionTask(train, Objective("validation accuracy", chance=0.1))
