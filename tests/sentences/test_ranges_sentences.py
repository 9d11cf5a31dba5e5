"""What is said of where a target may lie."""

from bisect_tool.sentences import ranges


def test_where_a_range_comes_from():
    """Each kind of measurement has a sentence, with its numbers."""
    assert ranges.every_layer_rounds(3.0, 2e-5) == "3 times what rounding every layer by 2e-05 does to the reference"
    assert ranges.target_rounds(2e-5) == "rounding by 2e-05; rounding every layer so moves the reference by less"
    assert ranges.prediction(9) == "99.9 % prediction interval over 9 initialisations of the reference"
    assert ranges.predicted_factor(9, 5.5, 11.27) == (
        "99.9 % prediction interval over 9 initialisations of the reference, taken on the logarithm: "
        "within a factor of 5.5 of 11.27"
    )
    assert ranges.with_own_sums(ranges.LOSS_ALONE, 0.00034) == (
        "rounding in the loss alone, and 0.00034 that the port's own sums in the loss are off (its framework sums naively)"
    )
