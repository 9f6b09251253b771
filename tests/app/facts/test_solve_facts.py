"""A solve's log as curves and table, and what its certificate says."""

from dataclasses import replace

from app.facts.solve import certificate_facts, curves, log_rows, proof_paragraphs, provenance_rows
from solver.pins import At, Before, Last
from solver.plan import Certificate, Proof, Provenance, Status
from solver.solution import Progress
from solver.step import Step
from tests.app.toy_case import PEAK, RESERVED, RESIDENT, toy_baseline, toy_plan, toy_solution


def test_curves_only_improve_and_count_residents(toy_step: Step) -> None:
    log = (
        Progress(1.0, "a", "", bound_bytes=100, height_bytes=900),
        Progress(2.0, "b", "", bound_bytes=50, height_bytes=950),
        Progress(3.0, "c", "", bound_bytes=400, height_bytes=500),
        Progress(4.0, "d", ""),
    )
    incumbent, bound = curves(log, toy_step)
    assert incumbent.seconds == (1.0, 3.0, 4.0)
    assert incumbent.sizes == (RESIDENT + 900, RESIDENT + 500, RESIDENT + 500)
    assert bound.sizes == (RESIDENT + 100, RESIDENT + 400, RESIDENT + 400)


def test_the_incumbent_starts_as_run(toy_step: Step) -> None:
    incumbent, _ = curves(toy_solution(toy_step).log, toy_step, RESERVED)
    assert (incumbent.seconds[0], incumbent.sizes[0]) == (0.0, RESERVED)


def test_an_empty_log_has_no_curves(toy_step: Step) -> None:
    incumbent, bound = curves((), toy_step, RESERVED)
    assert incumbent.sizes == bound.sizes == ()
    assert log_rows((), toy_step) == ()


def test_a_line_of_the_log_shows_the_figure_that_it_changed(toy_step: Step) -> None:
    rows = log_rows(toy_solution(toy_step).log, toy_step)
    assert [(row.milliseconds, row.size) for row in rows] == [
        ("1.0", "4.0"),  # the bound: 2560 + 1536 bytes are 4.0 KiB
        ("10.0", "7.0"),  # the height: 5632 + 1536
        ("20.0", "6.5"),  # the bound again
        ("25.0", "6.5"),  # the height
    ]


def test_a_proven_plan_has_no_gap(toy_step: Step) -> None:
    facts = certificate_facts(toy_step, toy_plan(toy_step))
    assert (facts.badge, facts.proven, facts.note) == ("Proven optimal", True, "")
    assert facts.rows == (
        ("Plan height", "6,656 B"),
        ("Lower bound", "6,656 B"),
        ("Gap", "0 B"),
    )


def test_a_stopped_plan_says_its_best_and_its_bound(toy_step: Step) -> None:
    plan = replace(toy_plan(toy_step), status=Status.STOPPED, height_bytes=PEAK + 512)
    facts = certificate_facts(toy_step, plan)
    assert not facts.proven
    assert facts.note == "Stopped: best 7.0 KiB, bound 6.5 KiB"
    assert facts.rows[-1] == ("Gap", "512 B (7.7 %)")


def test_while_a_solve_runs_nothing_is_called_proven(toy_step: Step) -> None:
    facts = certificate_facts(toy_step, toy_plan(toy_step), running=True)
    assert (facts.badge, facts.proven) == ("Incumbent", False)


def test_nothing_is_claimed_of_the_step_as_run(toy_step: Step) -> None:
    baseline = toy_baseline(toy_step)
    facts = certificate_facts(toy_step, baseline.plan, baseline)
    assert facts.badge == "As run"
    assert "Lower bound" not in dict(facts.rows)
    assert dict(facts.rows)["Reserved"] == "16,384 B"
    assert dict(facts.rows)["Live peak"] == "6,656 B"


def test_the_proof_names_the_op_of_the_cut(toy_step: Step) -> None:
    text = " ".join(proof_paragraphs(toy_step, toy_plan(toy_step)))
    assert "while threshold backward runs (op relu_backward), at least 5,120 B" in text
    assert "the least that any plan can need" in text


def test_a_proof_by_search_or_none_says_so(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    searched = replace(plan, certificate=Certificate(PEAK, Proof.SEARCH, -1, PEAK))
    assert "exhaustive search" in " ".join(proof_paragraphs(toy_step, searched))
    nothing = replace(plan, certificate=Certificate(1024, Proof.NONE, -1, PEAK))
    text = " ".join(proof_paragraphs(toy_step, nothing))
    assert "Nothing more was proven" in text
    assert "A gap of 4,096 B is open" in text
    assert "least that any plan" not in text


def test_provenance_lists_seed_and_versions(toy_step: Step) -> None:
    made = Provenance(seed=7, seconds=0.5, versions={"numba": "1", "b": "2"}, machine="m")
    rows = dict(provenance_rows(replace(toy_plan(toy_step), provenance=made)))
    assert (rows["Seed"], rows["Solved in"], rows["Versions"]) == ("7", "0.500 s", "b 2, numba 1")


def test_a_wide_gap_is_told_in_bytes_only(toy_step: Step) -> None:
    plan = replace(toy_plan(toy_step), status=Status.STOPPED, height_bytes=PEAK + 25_233_826_816)
    assert certificate_facts(toy_step, plan).rows[-1] == ("Gap", "25,233,826,816 B")


def test_a_plan_with_pins_says_so_and_what_they_are(toy_step: Step) -> None:
    plan = replace(toy_plan(toy_step), pins=(Last(5), Before(1, 2)))
    assert certificate_facts(toy_step, plan).note == "With 2 pins"
    text = "\n".join(proof_paragraphs(toy_step, plan))
    assert "2 pins: last add_, before relu sum" in text
    assert "no order that keeps the pins without recompute" in text


def test_the_bound_of_a_plan_is_the_end_of_what_is_pinned_where_that_is_higher(toy_step: Step) -> None:
    plan = toy_plan(toy_step)
    far = replace(plan.certificate, height_bound_bytes=1 << 20)
    plan = replace(plan, pins=(At(2, (1 << 20) - 2048),), height_bytes=1 << 20, certificate=far)
    facts = certificate_facts(toy_step, plan)
    assert dict(facts.rows)["Lower bound"] == f"{(1 << 20) + RESIDENT:,} B"
    assert dict(facts.rows)["Gap"] == "0 B"
    assert "ends at 1,048,576 B" in "\n".join(proof_paragraphs(toy_step, plan))
