"""The parts that letters play, in the words of a course, as a user gives them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

__all__ = ["ROLES", "checked"]

#: What a letter can be, and what one entry of it is called.
ROLES = {
    "logits": "logit",
    "probabilities": "probability",
    "predictions": "prediction",
    "targets": "target",
    "weights": "weight",
    "bias": "bias",
    "input": "input",
    "loss": "loss",
}


def checked(roles: Mapping[str, str] | None, names: Collection[str]) -> dict[str, str]:
    """Return the roles that were given, by letter.

    Raises
    ------
    ValueError
        If the graph has no such letter, or there is no such role.
    """
    for letter, role in (roles or {}).items():
        if letter not in names:
            known = ", ".join(sorted(names))
            raise ValueError(f"explain: roles names {letter!r}, but the graph has {known}")
        if role not in ROLES:
            raise ValueError(
                f"explain: roles says that {letter} is {role!r}; allowed are {', '.join(ROLES)}"
            )
    return dict(roles or {})
