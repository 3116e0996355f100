"""Many checks as one test, which says which of them failed."""

from collections.abc import Callable, Iterable


def fold(what: str, checks: Iterable[tuple[str, Callable[[], object]]]) -> None:
    """Run every check, also after one that failed; then raise those that did, by name."""
    names, errors = [], []
    for name, check in checks:
        try:
            check()
        except Exception as error:
            error.add_note(f"the check that failed: {what}, {name}")
            names.append(name)
            errors.append(error)
    if errors:
        raise ExceptionGroup(f"{what}: {', '.join(names)} failed", errors)
