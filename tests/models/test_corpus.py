"""Corpora: the text that ships with Python, and files."""

import numpy as np
import pytest

import coulombgas as cg
from coulombgas.models import read_corpus


def test_the_default_text_needs_nothing():
    corpus = read_corpus()
    assert len(corpus.train) > 200_000
    assert len(corpus.train) / (len(corpus.train) + len(corpus.validation)) == pytest.approx(0.9, abs=1e-3)
    assert "the" in corpus.decode(corpus.validation[:5000])
    assert 2.5 < corpus.unigram_entropy < np.log(len(corpus.alphabet))


def test_tokens_and_text_are_the_same_thing(tmp_path):
    text = "Dyson λ gas\n" * 40
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    corpus = read_corpus(tmp_path / "t.txt", validation_fraction=0.25)
    assert corpus.decode(np.concatenate([corpus.train, corpus.validation])) == text


def test_entropy_of_a_fair_coin(tmp_path):
    (tmp_path / "t.txt").write_text("ab" * 500)
    assert read_corpus(tmp_path / "t.txt").unigram_entropy == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("content", "match"),
    [(b"", "empty"), (b"aaaa", "different characters"), (b"\xff\xfe\xfa", "UTF-8"), (None, "no such")],
)
def test_bad_files(tmp_path, content, match):
    if content is not None:
        (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(cg.InputError, match=match):
        read_corpus(tmp_path / "t.txt")


def test_bad_fraction():
    with pytest.raises(cg.InputError, match="`validation_fraction`"):
        read_corpus(validation_fraction=0.9)
