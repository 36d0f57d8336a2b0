"""What is trained: two models of scikit-learn. Put your data and your models here."""

from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from hpsearch import DataTask, Float, FunctionMethod, Int, Objective, Result, Space


def data():
    """Inputs and labels for training, validation and test; called once in each process."""
    inputs, labels = load_digits(return_X_y=True)
    inputs, test_inputs, labels, test_labels = train_test_split(inputs, labels, test_size=400, random_state=0)
    train_inputs, inputs, train_labels, labels = train_test_split(inputs, labels, test_size=400, random_state=0)
    return (train_inputs, train_labels), (inputs, labels), (test_inputs, test_labels)


def forest(data, configuration, seed):
    """A random forest; what is random in it comes from the seed."""
    return fitted(RandomForestClassifier(n_estimators=20, random_state=seed, n_jobs=1, **configuration), data)


def svm(data, configuration, seed):  # noqa: ARG001 - nothing is random here
    """A support vector machine."""
    return fitted(SVC(**configuration), data)


def fitted(model, data):
    """Fit a model. The search sees its validation accuracy alone; the metrics are for the report."""
    train, validation, test = data
    model.fit(*train)
    return Result(model.score(*validation), metrics={"test_accuracy": model.score(*test)})


# What the methods return: its name, what guessing gives (a trial that fails counts with it), and its bounds.
TASK = DataTask(data, Objective("validation accuracy", chance=0.1, bounds=(0, 1)))

FOREST = FunctionMethod(forest, Space((Int("max_depth", 1, 16), Float("max_features", 0.05, 1.0))))
SVM = FunctionMethod(svm, Space((Float("C", 1e-3, 1e3, log=True), Float("gamma", 1e-6, 1e-1, log=True))))
