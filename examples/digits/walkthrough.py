"""From a task of one's own to a figure and a verdict, cell by cell: about two minutes, nearly all of them Ax's.

Run it whole, `python walkthrough.py`, or cell by cell in an editor that knows `# %%`. The task is in
classifiers.py and the comparison in classifiers.toml, beside this file.
"""

# %% [markdown]
# ## Run
# The same call resumes the comparison after any interruption, and returns at once when all is there. These
# trainings take a tenth of a second, so they run in this very process; without `executor` there would be a
# worker process per core.

# %%
from pathlib import Path

import hpsearch

here = Path(__file__).resolve().parent if "__file__" in globals() else Path.cwd()
tables = hpsearch.run(here / "classifiers.toml", "classifiers.db", executor="inline")

# %% [markdown]
# ## Look
# Every trial is a row of a DataFrame, every comparison one file.

# %%
print(tables.trials[["method", "repeat", "trial", "objective", "test_accuracy", "seconds"]].head(3))
print(tables.trials.groupby("method")["objective"].describe()[["count", "min", "50%", "max"]].round(3))

# %% [markdown]
# ## Decide
# How many trials does each method take to where another one ends?

# %%
from hpsearch.report import compute_curves  # noqa: E402

curves = compute_curves(tables)
for method in curves.methods:
    for other in curves.methods:
        if method != other:
            print(f"{method} reaches {other}'s final level after trial {curves.to_final_level(method, other)}")

# %% [markdown]
# ## Show
# The report: figure as PNG, SVG and PDF, tables, and a page with the verdict and what made it.

# %%
for path in hpsearch.write_report("classifiers.db", "classifiers-report"):
    print(path)
