"""`python rank_refit.py PAPERS STORED PROFILES EXAMPLES`: ranking as arxiv-sanity-lite publishes it.

PAPERS has a JSON object with title and abstract a line: the stored ones, then those that are new today.
TF-IDF features are fitted on all of them and a linear SVM a profile, over all, with that program's
parameters; written anew with scikit-learn, since theirs reads a database of its own. Run by the peers'
interpreter; imports nothing of ours. Prints CPU seconds and the most memory held, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

_WORD = r"(?u)\b[a-zA-Z_][a-zA-Z0-9_]+\b"


def run(texts: list[str], stored: int, profiles: int, examples: int) -> dict[str, float]:
    """Fit the features, then one SVM a profile; return what each took."""
    begin = time.process_time()
    vectorizer = TfidfVectorizer(
        strip_accents="unicode",
        stop_words="english",
        token_pattern=_WORD,
        ngram_range=(1, 2),
        max_features=20_000,
        sublinear_tf=True,
        max_df=0.1,
        min_df=5,
        dtype=np.float32,
    )
    features = vectorizer.fit_transform(texts)
    fitted = time.process_time() - begin
    taken = []
    for number in range(profiles):
        begin = time.process_time()
        wanted = np.zeros(len(texts))
        wanted[number * examples : (number + 1) * examples] = 1
        machine = LinearSVC(class_weight="balanced", max_iter=10_000, tol=1e-6, C=0.01)
        machine.fit(features, wanted)
        np.argsort(-machine.decision_function(features[stored:]))
        taken.append(time.process_time() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"features": fitted, "profile": median(taken), "MB": peak}


if __name__ == "__main__":
    name, *numbers = sys.argv[1:]
    told = [json.loads(line) for line in Path(name).read_text().splitlines()]
    papers = [f"{each['title']} {each['abstract']}" for each in told]
    print(json.dumps(run(papers, *map(int, numbers))))
