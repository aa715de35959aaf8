"""Clients and their alerts branch on these words: one that changes, or means two things, misleads them silently."""

from enum import StrEnum
from inspect import getsource

import pytest

from amalthea.api.event_reasons import EventReason
from amalthea.api.reasons import ConditionType, Failure, Reason

VOCABULARIES: list[type[StrEnum]] = [ConditionType, Reason, Failure, EventReason]


def test_the_words_that_clients_of_the_go_operator_know_stay() -> None:
    assert {"Ready", "RoutingReady"} <= {str(word) for word in ConditionType}
    known = {"Running", "Succeeded", "NotReady", "SessionCreated", "IngressOperational", "Failed", "Hibernated"}
    assert known <= {str(word) for word in Reason}


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_every_word_is_one_word_as_kubernetes_wants_it(vocabulary: type[StrEnum]) -> None:
    for word in vocabulary:
        assert word.isalpha()
        assert word[0].isupper()


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_no_word_means_two_things(vocabulary: type[StrEnum]) -> None:
    assert len({str(word) for word in vocabulary}) == len(vocabulary.__members__)


@pytest.mark.parametrize("vocabulary", VOCABULARIES)
def test_every_word_has_its_sentence(vocabulary: type[StrEnum]) -> None:
    _, *lines = getsource(vocabulary).split('"""', 2)[2].splitlines()
    written = [line.strip() for line in lines if line.strip()]

    assert len(written) == 2 * len(vocabulary)
    assert all(sentence.startswith('"""') and sentence.endswith('."""') for sentence in written[1::2])
