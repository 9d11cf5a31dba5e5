"""Initial values that the target does not feel: their own layer's output proves them, or nothing does."""

import pytest
from simulated_case import BarePort

from bisect_tool.axes.start.unfelt import owners_of, search_silent
from bisect_tool.checks.initial.start import InitialFinding
from bisect_tool.pairing.trace import Trace
from bisect_tool.probes.intervention import Intervention
from bisect_tool.probes.reading import Comparison, Reading, Watched
from bisect_tool.questions.log import ProbeLog
from bisect_tool.questions.question import Question
from bisect_tool.questions.tolerance import Interval
from bisect_tool.sites import Site

HEAD, WEIGHT = Site("head"), Site("head.weight")
TRACE = Trace((HEAD,), {"head": None}, {}, {}, 2e-5, {})


@pytest.mark.parametrize(("own", "healed", "proved"), [(0.0, 0.5, True), (0.0, 0.0, False), (0.1, 0.5, False)])
def test_a_constant_layer_that_the_target_does_not_feel_is_proved_by_its_output(own, healed, proved):
    """A tensor that starts constant is blamed silently only where patching it makes its layer's output vary."""

    class Port(BarePort):
        def run(self, intervention):
            variation = healed if WEIGHT in intervention.patched else own
            row = Watched((), (Comparison("", 0.0, variation=variation),))
            return Reading({"loss": 10.0}, watched={"head": row}, calls=(("head", ()),))

    interval = Interval(9.0, 11.0, 10.0, "the spread")
    question = Question("start", Port(), ProbeLog(), "loss", interval, Intervention())
    zero = InitialFinding("initialisation", (WEIGHT,), "all zero", "constant for random")
    culprit = search_silent(question, [WEIGHT], [zero], TRACE)
    assert (culprit is not None) == proved
    assert culprit is None or (culprit.sites, culprit.felt, culprit.confirmed) == ((WEIGHT,), False, True)


def test_a_tensor_belongs_to_the_first_call_of_its_module():
    """Where that is no site, it belongs to nobody."""
    assert owners_of([WEIGHT, Site("neck.weight")], TRACE) == {WEIGHT: HEAD}
