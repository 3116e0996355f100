"""Laws of functions, one line each: both sides, why they are equal, and where."""

from __future__ import annotations

from tinygrad_edu import ops
from tinygrad_edu.core.op import REGISTRY
from tinygrad_edu.symbolic.algebra.expr import number
from tinygrad_edu.symbolic.algebra.rules.law import law, letters
from tinygrad_edu.symbolic.algebra.rules.rule import Rule

__all__ = ["CLIP", "COMPARED", "DEFINED", "FEWER", "KNOWN", "MAYBE", "PIECES", "TIDYING", "UNDOING"]
__all__ += ["exp_of_log", "log_of_exp", "power_as_exp", "power_of_product"]

abs, exp, log, sign = ops.abs, ops.exp, ops.log, ops.sign
where, differ, clip = ops.where, ops.not_equal, REGISTRY["clip"]
tanh, sigmoid = ops.tanh, ops.sigmoid
x, y, c = letters("x y c")
nothing, one = number(0), number(1)

log_of_exp = law("log undoes exp", log(exp(x)), x, "the logarithm is the inverse of e^x")
exp_of_log = law("exp undoes log", exp(log(x)), x, "e^x is the inverse of log", x > 0)

power_as_exp = law("power", x**c, exp(c * log(x)), "the definition of a power", x > 0)
power_of_product = law("x^t·y^t", (x * y) ** c, x**c * y**c, "the law of exponents", x > 0)

#: Laws that undo something; they come before names are folded.
UNDOING: tuple[Rule, ...] = (
    law("e⁰", exp(nothing), 1, "a value of the function"),
    law("log 1", log(one), 0, "a value of the function"),
    log_of_exp,
    exp_of_log,
    law("|x| sign(x)", abs(x) * sign(x), x, "its magnitude times its sign"),
    law("x sign(x)", x * sign(x), abs(x), "a sign turns what has it positive"),
    law("power where 0", x * y ** ops.equal(x, 0), x, "y⁰ = 1, and where x is 0, both sides are"),
)

#: Laws that tidy up what is left.
TIDYING: tuple[Rule, ...] = (
    law("inverse exponential", 1 / exp(x), exp(-x), "the law of exponents"),
    law("share of 1 and e^x", exp(x) / (1 + exp(x)), sigmoid(x), "e^x > 0, so it divides both"),
    law("sigmoid", 1 / (1 + exp(-x)), sigmoid(x), "what σ is defined as"),
    law("e^x σ(−x)", exp(x) * sigmoid(-x), sigmoid(x), "e^x/(1 + e^x) = 1/(1 + e^(−x))"),
    law("tanh of sinh", ops.sinh(x) / ops.cosh(x), tanh(x), "what tanh is defined as"),
    law("tanh", (exp(x) - exp(-x)) / (exp(x) + exp(-x)), tanh(x), "what tanh is defined as"),
    law("tanh of two", (exp(x) - exp(y)) / (exp(x) + exp(y)), tanh((x - y) / 2), "by e^((x+y)/2)"),
    law("tanh of e^x", (exp(x) - 1) / (exp(x) + 1), tanh(x / 2), "what tanh is defined as"),
    law("tanh of 1 − e^x", (1 - exp(x)) / (1 + exp(x)), -tanh(x / 2), "tanh is odd"),
    law("tan of sin", ops.sin(x) / ops.cos(x), ops.tan(x), "what tan is defined as"),
    law("tanh of a sigmoid", 2 * sigmoid(2 * x) - 1, tanh(x), "what tanh is defined as"),
    *(
        law(f"{f.name} is odd", sign(x) * f(c * abs(x)), f(c * x), "f(−x) = −f(x)")
        for f in (tanh, ops.sinh, ops.sin, ops.tan)
    ),
    *(
        law(f"{f.name} is even", f(c * abs(x)), f(c * x), "f(−x) = f(x)")
        for f in (ops.cosh, ops.cos)
    ),
    law("1 − x² by 1 + x", (1 - x**2) / (1 + x), 1 - x, "1 − x² = (1 + x)·(1 − x)", differ(x, -1)),
    law("1 − x² by 1 − x", (1 - x**2) / (1 - x), 1 + x, "1 − x² = (1 + x)·(1 − x)", differ(x, 1)),
    law("squares by x + y", (x**2 - y**2) / (x + y), x - y, "it is (x + y)·(x − y)", differ(x, -y)),
    law("squares by x − y", (x**2 - y**2) / (x - y), x + y, "it is (x + y)·(x − y)", differ(x, y)),
)

#: What magnitudes and signs are where the sign is known.
KNOWN: tuple[Rule, ...] = (
    law("magnitude", abs(x), x, "the sign is known", x > 0),
    law("sign of what is positive", sign(x), 1, "the sign is known", x > 0),
)

#: A value between bounds, written with its sign.
CLIP: tuple[Rule, ...] = tuple(
    law(
        name,
        where(within, y, x * sign(y)),
        clip(y, -x, x),
        "beyond ±x, what is left of y is ±x",
        x >= 0,
    )
    for name, within in (("clip", abs(y) <= x), ("clip inside", abs(y) < x))
)

#: Laws of comparisons, which come once these are in their one form.
COMPARED: tuple[Rule, ...] = (
    *CLIP,
    law(
        "tie",
        (x >= y) * where(ops.equal(x, y), c / 2, c),
        c * (1 + sign(x - y)) / 2,
        "a tie counts half, and the sign of 0 is 0",
    ),
)

#: Laws that the search tries: each may lead to a shorter form or away from it.
MAYBE: tuple[Rule, ...] = (
    law("two shares", exp(x) / (exp(x) + exp(y)), sigmoid(x - y), "e^x > 0, so it divides both"),
    law(
        "sigmoid of a tanh",
        0.5 + tanh(x) / 2,
        sigmoid(2 * x),
        "what tanh is defined as",
        scaled=False,
    ),
    law("1 − σ", y * (1 - sigmoid(x)), y * sigmoid(-x), "σ(x) + σ(−x) = 1"),
    law("σ − 1", y * (sigmoid(x) - 1), -y * sigmoid(-x), "σ(x) + σ(−x) = 1"),
    law("half a sign", 0.5 + sign(x) / 2, x > 0, "a sign is 1 or −1", differ(x, 0)),
    law("one of two", (x > y) + (y > x), 1, "one of both is larger", differ(x, y)),
    law("half a minus", 0.5 - sign(x) / 2, x < 0, "a sign is 1 or −1", differ(x, 0)),
    law(
        "gate beside a sign",
        (x > 0) + sign(x) * y,
        0.5 + sign(x) * (0.5 + y),
        "[x > 0] = (1 + sign(x))/2",
        differ(x, 0),
    ),
)

#: Laws of proofs: what has a kink is written with the gate [x > 0].
PIECES: tuple[Rule, ...] = (
    law("|x|/x", abs(x) / x, sign(x), "its magnitude times its sign", differ(x, 0)),
    law("1/|x|", 1 / abs(x), sign(x) / x, "its magnitude times its sign", differ(x, 0)),
    law("magnitude", abs(x), 2 * x * (x > 0) - x, "x where it is positive, else −x"),
    law("sign", sign(x), 2 * (x > 0) + ops.equal(x, 0) - 1, "1 where x is positive, else 0 or −1"),
    law("maximum", ops.maximum(x, y), y + (x - y) * (x > y), "the larger of both"),
    law("clip", clip(x, y, c), ops.minimum(ops.maximum(x, y), c), "the definition of clip"),
    *(
        law(f"sign of {f.name}", f(x) > 0, x > 0, "it grows, and is 0 at 0")
        for f in (tanh, ops.sinh)
    ),
    law("minimum", ops.minimum(x, y), x - (x - y) * (x > y), "the smaller of both"),
)

#: What functions are defined as.
DEFINED: tuple[Rule, ...] = (
    law("tanh as exp", tanh(x), (exp(x) - exp(-x)) / (exp(x) + exp(-x)), "the definition of tanh"),
    law("sinh", ops.sinh(x), (exp(x) - exp(-x)) / 2, "the definition of sinh"),
    law("cosh", ops.cosh(x), (exp(x) + exp(-x)) / 2, "the definition of cosh"),
    law("tan", ops.tan(x), ops.sin(x) / ops.cos(x), "the definition of tan"),
    law("sigmoid as exp", sigmoid(x), 1 / (1 + exp(-x)), "the definition of σ"),
)

#: Laws of proofs: functions written in fewer ones.
FEWER: tuple[Rule, ...] = (
    *DEFINED,
    law("sin²", ops.sin(x) ** 2, 1 - ops.cos(x) ** 2, "the theorem of Pythagoras"),
    law(
        "sin of a sum",
        ops.sin(x + y),
        ops.sin(x) * ops.cos(y) + ops.cos(x) * ops.sin(y),
        "the addition theorem",
    ),
    law(
        "cos of a sum",
        ops.cos(x + y),
        ops.cos(x) * ops.cos(y) - ops.sin(x) * ops.sin(y),
        "the addition theorem",
    ),
)
