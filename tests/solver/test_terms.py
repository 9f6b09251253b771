"""Terms of plans in files: they come back as they were, and no figure that cannot be gets through."""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from solver.errors import BayplanError
from solver.files import decode_plan, encode_plan
from solver.plan import SAVED_STATISTICS, Certificate, Instance, Plan, Proof, Run, Status
from solver.terms import Choice, DeviceModel, Terms

TERMS = Terms(
    budget_bytes=1 << 33,
    allowed=(Choice.RECOMPUTE, Choice.OFFLOAD),
    device=DeviceModel("mine", {"float32": 1e13, "float16": 1e14}, 9e11, 5e-6, 1.2e10),
    measured=False,
    base_seconds=0.5,
    overhead=0.0625,
    overhead_bound=0.05,
)
PLAN = Plan(
    fingerprint="0" * 64,
    name="budget",
    instances=(Instance(0, 0), Instance(0, 512)),
    actions=(Run(0, (), (0,)), Run(0, (), (1,), SAVED_STATISTICS, ((1, 0),), fused=True)),
    peak_bytes=1024,
    height_bytes=1024,
    status=Status.FEASIBLE,
    certificate=Certificate(512, Proof.NONE, 0, 1024),
    rewrites=("mask 3", "chunked 812 16"),
    terms=TERMS,
)


def changed(path: tuple[str, ...], value: Any) -> bytes:
    """The plan's file with one figure of its terms replaced, by what JSON calls it."""
    content = json.loads(gzip.decompress(encode_plan(PLAN)))
    at = content["plan"]["terms"]
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return json.dumps(content).encode()


def test_a_plan_within_a_budget_comes_back_as_it_was() -> None:
    assert decode_plan(encode_plan(PLAN), "x.plan") == PLAN


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("budget_bytes",), 0),
        (("budget_bytes",), -5),
        (("budget_bytes",), 1 << 62),
        (("base_seconds",), -1.0),
        (("overhead",), -1.5),
        (("overhead_bound",), -2.0),
        (("device", "bytes_per_second"), 0.0),
        (("device", "bytes_per_second"), -9e11),
        (("device", "host_bytes_per_second"), 0),
        (("device", "launch_seconds"), -1e-6),
        (("device", "flops_per_second", "float16"), 0.0),
        (("allowed",), ["recompute", "recompute"]),
    ],
)
def test_figures_that_cannot_be_are_refused(path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(BayplanError, match=r"x\.plan has terms that no plan can have"):
        decode_plan(changed(path, value), "x.plan")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 10**400, "1e400", None])
@pytest.mark.parametrize(
    "path", [("overhead",), ("base_seconds",), ("device", "bytes_per_second"), ("budget_bytes",)]
)
def test_what_is_no_finite_number_is_refused(path: tuple[str, ...], value: Any) -> None:
    with pytest.raises(BayplanError):
        decode_plan(changed(path, value), "x.plan")


def test_an_unknown_choice_is_refused() -> None:
    with pytest.raises(BayplanError, match="damaged"):
        decode_plan(changed(("allowed",), ["magic"]), "x.plan")


def test_a_plan_without_terms_needs_none() -> None:
    plain = replace(PLAN, terms=None, rewrites=())
    assert decode_plan(encode_plan(plain), "x.plan") == plain
