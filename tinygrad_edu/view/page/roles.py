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
    TypeError
        If they are no mapping.
    ValueError
        If the graph has no such letter, or there is no such role.
    """
    if roles is not None and not isinstance(roles, Mapping):
        raise TypeError(
            f"explain: roles is a {type(roles).__name__}; "
            'pass what letters are, such as {"z": "logits"}'
        )
    for letter, role in (roles or {}).items():
        if letter not in names:
            known = ", ".join(sorted(names))
            raise ValueError(f"explain: roles names {letter!r}, but the graph has {known}")
        if role not in ROLES:
            raise ValueError(
                f"explain: roles says that {letter} is {role!r}; allowed are {', '.join(ROLES)}"
            )
    return dict(roles or {})
