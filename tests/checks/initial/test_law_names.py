"""A law is named where one fits and the other does not."""

import numpy as np
import pytest
from drawn import CONV, normal, ones, sparse, truncated, uniform

from bisect_tool.checks.initial.distributions import Law, Sample, pooled
from bisect_tool.checks.initial.law_names import law
from bisect_tool.worker.arrays import measure


@pytest.mark.parametrize(
    ("drawn", "name"), [(uniform(0.1), "uniform"), (normal(0.1), "normal"), (truncated, ""), (sparse, ""), (ones, "")]
)
def test_laws_are_named_where_they_can_be(drawn, name):
    """A uniform and a normal law are told from each other and from others, and a few numbers are not named."""
    random = np.random.default_rng(3)

    def sample(shape):
        array = drawn(random, shape).astype(np.float32)
        numbers = measure.initial(array)
        return Sample(array.size, array.size, numbers["mean"], numbers["std"], numbers["min"], numbers["max"],
                      tuple(numbers["quantiles"]) if "quantiles" in numbers else None)  # fmt: skip

    many = [sample(CONV) for _ in range(9)]
    assert isinstance(law(many[0], None), Law)
    assert [law(s, None).name for s in many] == [name] * 9
    assert law(pooled(many), None).name == name
    assert law(sample((3, 3)), None).name == ""
