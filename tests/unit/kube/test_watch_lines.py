"""Lines of a watch, however the network cuts them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalthea.engine.ports import Expired
from amalthea.kube import errors
from amalthea.kube.watch_lines import LineSplitter, frame, metadata


@given(st.lists(st.binary(max_size=8).map(lambda line: line.replace(b"\n", b"")), max_size=8), st.data())
def test_lines_survive_any_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=6)))
    splitter = LineSplitter()
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += splitter.feed(stream[start:end])
    assert found == lines


def test_a_truncated_line_is_not_a_line() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b'{"type":"ADDED"}\n{"type":"DEL') == [b'{"type":"ADDED"}']


def test_an_error_in_the_stream_is_the_error_that_it_describes() -> None:
    line = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}'
    with pytest.raises(Expired) as caught:
        frame(line, "GET /api/v1/pods")
    assert isinstance(caught.value, errors.Gone)
    assert str(caught.value) == "GET /api/v1/pods: too old"


def test_a_bookmark_says_whether_it_ends_a_list() -> None:
    plain = b'{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"5"},"spec":{"containers":null}}}'
    last = (
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"6",'
        b'"annotations":{"k8s.io/initial-events-end":"true"}}}}'
    )
    bookmarks = [metadata(frame(line, "").object) for line in (plain, last)]
    assert [(one.resource_version, one.ends_initial_events) for one in bookmarks] == [("5", False), ("6", True)]
