"""What a paper cites when it uses a report, as BibTeX; only works whose details were looked up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType


def _entry(kind: str, **fields: str) -> tuple[str, dict[str, str]]:
    return kind, fields


def _journal(
    authors: str, title: str, journal: str, year: str, volume: str, pages: str, number: str = ""
) -> tuple[str, dict[str, str]]:
    numbered = {"number": number} if number else {}
    return _entry(
        "article", author=authors, title=title, journal=journal, year=year, volume=volume, **numbered, pages=pages
    )


WORKS: Mapping[str, tuple[str, dict[str, str]]] = MappingProxyType(
    {
        "akiba2019optuna": _entry(
            "inproceedings",
            author="Akiba, Takuya and Sano, Shotaro and Yanase, Toshihiko and Ohta, Takeru and Koyama, Masanori",
            title="{Optuna}: A Next-generation Hyperparameter Optimization Framework",
            booktitle="Proceedings of the 25th ACM SIGKDD International Conference on Knowledge Discovery and Data "
            "Mining",
            year="2019",
            pages="2623--2631",
        ),
        "ament2023unexpected": _entry(
            "inproceedings",
            author="Ament, Sebastian and Daulton, Samuel and Eriksson, David and Balandat, Maximilian and Bakshy, "
            "Eytan",
            title="Unexpected Improvements to Expected Improvement for {Bayesian} Optimization",
            booktitle="Advances in Neural Information Processing Systems 36",
            year="2023",
        ),
        "balandat2020botorch": _entry(
            "inproceedings",
            author="Balandat, Maximilian and Karrer, Brian and Jiang, Daniel R. and Daulton, Samuel and Letham, "
            "Benjamin and Wilson, Andrew Gordon and Bakshy, Eytan",
            title="{BoTorch}: A Framework for Efficient {Monte-Carlo} {Bayesian} Optimization",
            booktitle="Advances in Neural Information Processing Systems 33",
            year="2020",
        ),
        "brookmeyer1982median": _journal(
            "Brookmeyer, Ron and Crowley, John",
            "A Confidence Interval for the Median Survival Time",
            "Biometrics", "1982", "38", "29--41", "1",
        ),
        "brunner2000nonparametric": _journal(
            "Brunner, Edgar and Munzel, Ullrich",
            "The Nonparametric {Behrens-Fisher} Problem: Asymptotic Theory and a Small-Sample Approximation",
            "Biometrical Journal", "2000", "42", "17--25", "1",
        ),
        "efron1993bootstrap": _entry(
            "book",
            author="Efron, Bradley and Tibshirani, Robert J.",
            title="An Introduction to the Bootstrap",
            publisher="Chapman and Hall",
            year="1993",
        ),
        "holm1979procedure": _journal(
            "Holm, Sture",
            "A Simple Sequentially Rejective Multiple Test Procedure",
            "Scandinavian Journal of Statistics", "1979", "6", "65--70", "2",
        ),
        "kaplan1958nonparametric": _journal(
            "Kaplan, E. L. and Meier, Paul",
            "Nonparametric Estimation from Incomplete Observations",
            "Journal of the American Statistical Association", "1958", "53", "457--481", "282",
        ),
        "letham2019constrained": _journal(
            "Letham, Benjamin and Karrer, Brian and Ottoni, Guilherme and Bakshy, Eytan",
            "Constrained {Bayesian} Optimization with Noisy Experiments",
            "Bayesian Analysis", "2019", "14", "495--519", "2",
        ),
        "mantel1966evaluation": _journal(
            "Mantel, Nathan",
            "Evaluation of Survival Data and Two New Rank Order Statistics Arising in its Consideration",
            "Cancer Chemotherapy Reports", "1966", "50", "163--170", "3",
        ),
        "newcombe2006mann": _journal(
            "Newcombe, Robert G.",
            "Confidence Intervals for an Effect Size Measure Based on the {Mann-Whitney} Statistic. Part 2: "
            "Asymptotic Methods and Evaluation",
            "Statistics in Medicine", "2006", "25", "559--573", "4",
        ),
        "olson2025ax": _entry(
            "inproceedings",
            author="Olson, Miles and Santorella, Elizabeth and Tiao, Louis C. and Cakmak, Sait and Garrard, Mia and "
            "Daulton, Samuel and Lin, Zhiyuan Jerry and Ament, Sebastian and Beckerman, Bernard and Onofrey, Eric and "
            "Igusti, Paschal and Lara, Cristian and Letham, Benjamin and Cardoso, Cesar and Shen, Shiyun Sunny and "
            "Lin, Andy Chenyuan and Grange, Matthew and Kashtelyan, Elena and Eriksson, David and Balandat, "
            "Maximilian and Bakshy, Eytan",
            title="{Ax}: A Platform for Adaptive Experimentation",
            booktitle="Proceedings of the Fourth International Conference on Automated Machine Learning",
            year="2025",
        ),
        "paszke2019pytorch": _entry(
            "inproceedings",
            author="Paszke, Adam and Gross, Sam and Massa, Francisco and Lerer, Adam and Bradbury, James and Chanan, "
            "Gregory and Killeen, Trevor and Lin, Zeming and Gimelshein, Natalia and Antiga, Luca and others",
            title="{PyTorch}: An Imperative Style, High-Performance Deep Learning Library",
            booktitle="Advances in Neural Information Processing Systems 32",
            year="2019",
        ),
        "vargha2000critique": _journal(
            "Vargha, Andr{\\'a}s and Delaney, Harold D.",
            "A Critique and Improvement of the {CL} Common Language Effect Size Statistics of {McGraw} and {Wong}",
            "Journal of Educational and Behavioral Statistics", "2000", "25", "101--132", "2",
        ),
        "wilcoxon1945individual": _journal(
            "Wilcoxon, Frank",
            "Individual Comparisons by Ranking Methods",
            "Biometrics Bulletin", "1945", "1", "80--83", "6",
        ),
    }
)  # fmt: skip


def bibtex(keys: Iterable[str]) -> str:
    """The entries of these keys, each once, in alphabetical order."""
    entries = []
    for key in sorted(set(keys)):
        kind, fields = WORKS[key]
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items()]
        entries.append(f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}\n")
    return "\n".join(entries)
