import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Each test its own: identities and features of one must not serve another."""
    monkeypatch.setenv("HPSEARCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
