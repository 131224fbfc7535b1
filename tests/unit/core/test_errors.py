"""The error tree: every error says whether a retry helps and how the API answers."""

from core import errors


def _all(base: type[errors.FootnoteError]) -> list[type[errors.FootnoteError]]:
    """The tree of the module; adapters may have private refinements of their own."""
    children = [child for child in base.__subclasses__() if child.__module__ == errors.__name__]
    return [base] + [leaf for child in children for leaf in _all(child)]


def test_every_error_is_drawn_in_the_tree() -> None:
    assert errors.__doc__ is not None
    for error in _all(errors.FootnoteError):
        assert error.__name__ in errors.__doc__


def test_slugs_are_unique() -> None:
    slugs = [error.slug for error in _all(errors.FootnoteError)]
    assert len(set(slugs)) == len(slugs)


def test_only_what_passes_by_itself_is_worth_a_retry() -> None:
    retryable = {error for error in _all(errors.FootnoteError) if error.retryable}
    assert retryable == {*_all(errors.Unavailable), errors.LimitReached}
