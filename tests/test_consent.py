"""A consent record says who allows what until when, and nobody can change a word of it."""

import datetime
import json
import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swapcast.realtime.canonical import CanonicalError, canonical, read_object
from swapcast.realtime.consent import read_record, uses_of
from swapcast.realtime.errors import ConsentError, SwapcastError
from swapcast.realtime.keys import SigningKey, fingerprint, holds, installation_key
from swapcast.realtime.policy import accept_policy, policy_text
from tests.made_consent import ADA, BO, made_record

TODAY = datetime.date.today()
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text('aé"\\\n\x00/€😀', max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text('aB\n"', max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


def test_a_record_comes_back_from_its_file_as_it_was_issued(tmp_path):
    record = made_record(subject="Bö Þor", evidence={"note": ["a", 1, {"b": None}]})
    path = tmp_path / "bo.consent.json"
    path.write_text(json.dumps(record.plain()))  # other white space, other order, \u escapes
    assert read_record(path) == record


@pytest.mark.parametrize(
    "change",
    [
        {"subject": "Cy"},
        {"statement": "Anybody may."},
        {"kind": "fictional"},
        {"scope": ("commercial", "live", "recording")},
        {"expires": "2999-01-01"},
        {"maker": "Mallory"},
        {"policy": {"version": "2", "sha256": "0", "accepted": "never"}},
        {"evidence": {"licence": "MIT"}},
        {"id": "0" * 32},
        {"public_key": ADA.public},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_record_of_which_anything_was_changed_is_refused(change):
    with pytest.raises(ConsentError, match="was changed or never signed"):
        replace(made_record(), **change).check(TODAY)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "sure"}, "unknown"),
        ({"subject": " "}, "names no subject"),
        ({"statement": ""}, "no statement"),
        ({"expires": "2026-01-03"}, "ended on 2026-01-03"),
        ({"expires": "soon"}, "damaged date"),
        ({"scope": ()}, "scope is empty"),
        ({"scope": ("live", "everything")}, "everything"),
        ({"kind": "self"}, "needs a live enrolment"),
        ({"kind": "external"}, "no licence"),
        ({"evidence": {"score": 0.5}}, "float has no canonical form"),
        ({"evidence": {"größe": "1"}}, "not ASCII"),
        ({"statement": "\ud800"}, "half a character"),
    ],
)
def test_a_record_that_cannot_hold_is_not_even_issued(change, why):
    with pytest.raises(ConsentError, match=why):
        made_record(**change)


def test_consent_holds_on_its_last_day_and_not_on_the_next():
    record = made_record(expires="2999-05-01")
    record.check(datetime.date(2999, 5, 1))
    with pytest.raises(ConsentError, match="ended on 2999-05-01"):
        record.check(datetime.date(2999, 5, 2))
    with pytest.raises(ConsentError, match="not yet here"):
        record.check(TODAY - datetime.timedelta(days=2))


def test_what_the_scope_leaves_out_is_refused():
    record = made_record(scope=("live",))
    record.check(TODAY, ["live"])
    with pytest.raises(ConsentError, match="is for live, not for recording"):
        record.check(TODAY, ["live", "recording"])


@pytest.mark.parametrize(
    ("sink", "use"),
    [
        ("virtual", "live"),
        ("virtual:/dev/video10", "live"),
        ("window", "live"),
        ("null", "live"),
        ("rtmp://host/key", "live"),
        ("srt://host:9", "live"),
        ("show.mp4", "recording"),
        ("virtual.gif", "recording"),
        ("virtualshow.mp4", "recording"),
        ("-", "recording"),
        ("something new", "recording"),
    ],
)
def test_each_sink_is_a_use(sink, use):
    assert uses_of([sink]) == {use}
    assert uses_of([sink, "null", "a.mkv"]) == {use, "live", "recording"}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda plain: plain.pop("signature"), "not signed"),
        (lambda plain: plain.pop("scope"), "lacks a part"),
        (lambda plain: plain.update(more=1), "lacks a part"),
        (lambda plain: plain.update(scope="live"), "was changed|lacks a part|scope"),
        (lambda plain: plain.update(subject=7), "wrong form"),
        (lambda plain: plain.update(policy={"version": 1}), "wrong form"),
        (lambda plain: plain.update(format=2), "update swapcast"),
        (lambda plain: plain.update(signature="zz"), "was changed"),
        (lambda plain: plain.update(public_key=""), "was changed"),
        (lambda plain: plain.clear(), "no consent record"),
    ],
)
def test_a_record_of_another_form_is_refused_in_one_line(tmp_path, change, why):
    plain = made_record().plain()
    change(plain)
    (tmp_path / "r.json").write_text(json.dumps(plain))
    with pytest.raises(ConsentError, match=why) as caught:
        read_record(tmp_path / "r.json")
    assert "\n" not in str(caught.value)
    assert "r.json" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"a": 1, "a": 2}', '{"a": 1e3}', "[" * 100_000, '{"a": "' + "x" * 2**20],
)
def test_what_is_no_record_at_all_is_refused(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(SwapcastError, match=r"r\.json is no consent record"):
        read_record(tmp_path / "r.json")


@given(value=st.dictionaries(st.sampled_from("abcxyz"), PLAIN, max_size=4))
def test_the_canonical_form_is_one_and_reads_back(value):
    data = canonical(value)
    assert read_object(data) == value
    assert canonical(dict(reversed(value.items()))) == data
    assert canonical(json.loads(json.dumps(value, indent=3))) == data


def test_the_canonical_form_is_that_of_rfc_8785():
    # The string of the RFC's section 3.2.2.2, and the order of its names.
    value = {"string": '€$\u000f\nA\'B"\\\\"/', "literals": [None, True, False], "a": 333333333}
    assert canonical(value).decode() == (
        '{"a":333333333,"literals":[null,true,false],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    for odd in (0.5, 2**53, {"ä": 1}, {1: 2}, b"", {"a": {1, 2}}):
        with pytest.raises(CanonicalError):
            canonical({"odd": odd})


def test_a_signature_serves_one_purpose_only():
    signature = BO.sign("this", b"content")
    assert holds(BO.public, signature, "this", b"content")
    assert not holds(BO.public, signature, "that", b"content")
    assert not holds(ADA.public, signature, "this", b"content")
    assert not holds("no key", signature, "this", b"content")
    for spelling in (signature.upper(), f" {signature}", f"{signature[:64]} {signature[64:]}"):
        assert not holds(BO.public, spelling, "this", b"content")


def test_the_installation_key_is_made_once_and_is_the_users_alone(tmp_path):
    key = installation_key(tmp_path / "new")
    path = tmp_path / "new" / "installation.key"
    assert installation_key(tmp_path / "new").public == key.public
    assert [p.name for p in path.parent.iterdir()] == ["installation.key"]
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        with pytest.raises(SwapcastError, match="chmod 600"):
            installation_key(tmp_path / "new")
        path.chmod(0o600)
    path.write_bytes(b"no key")
    with pytest.raises(SwapcastError, match="damaged"):
        installation_key(tmp_path / "new")


def test_two_keys_have_two_fingerprints():
    assert fingerprint(BO.public) != fingerprint(ADA.public)
    assert len(fingerprint(SigningKey.generate().public)) == 19


def test_the_use_policy_is_accepted_by_a_person_or_by_a_flag():
    shown = []
    by_flag = accept_policy(True, shown.append)
    assert not shown
    asked = accept_policy(False, shown.append, ask=lambda: "yes\n")
    assert shown[0] == policy_text()
    assert asked.sha256 == by_flag.sha256
    for answer in ("", "no\n", "y\n"):
        with pytest.raises(ConsentError, match="not accepted"):
            accept_policy(False, shown.append, ask=lambda answer=answer: answer)


def test_the_policy_that_is_shown_is_the_one_in_the_docs():
    from pathlib import Path

    docs = Path(__file__).resolve().parents[1] / "docs" / "use-policy.md"
    assert docs.read_text(encoding="utf-8") == policy_text()
    for word in ("who somebody is", "exam", "somebody else is speaking", "sexual", "minor"):
        assert word in policy_text()
