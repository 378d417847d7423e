"""A skip in CI is a failure, unless it is listed."""

import pytest

from tests.support import skips

pytest_plugins = ("pytester",)

FILE = """
import pytest

@pytest.mark.skip(reason="no chromium")
def test_marked(): ...

def test_called():
    pytest.skip("PROVIDER_SPECS is not set")

@pytest.mark.xfail(reason="known")
def test_expected():
    raise ValueError

def test_passing(): ...
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(test_sample=FILE)
    return pytester


def test_elsewhere_skips_are_skips(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "false")
    result = run.runpytest_inprocess("-p", "tests.support.skips")
    result.assert_outcomes(passed=1, skipped=2, xfailed=1)


def test_in_ci_an_unlisted_skip_fails_and_says_why(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    result = run.runpytest_inprocess("-p", "tests.support.skips")
    result.assert_outcomes(passed=1, errors=1, skipped=1, xfailed=1)
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*allowed_skips.txt does not list: no chromium*"])


def test_in_ci_a_file_that_skips_itself_fails(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    run.makepyfile(test_whole="import pytest\npytest.importorskip('no_such_module')\n")
    result = run.runpytest_inprocess("-p", "tests.support.skips", "test_whole.py")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["*does not list: could not import 'no_such_module'*"])


def test_the_list_has_comments() -> None:
    assert skips.allowed_reasons("# why\n\none reason  # why\ntwo\n") == {"one reason", "two"}
