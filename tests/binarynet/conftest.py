import pytest

from tests.binarynet.problems import small_problem


@pytest.fixture(scope="session")
def problem():
    """A function that makes a small classification problem."""
    return small_problem
