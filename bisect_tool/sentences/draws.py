"""What is said of random numbers that a port draws by itself: they are not the reference's."""

from __future__ import annotations

from bisect_tool.sentences.spelling import counted


def not_given(site: str, own: str, recorded: str | None, others: int) -> str:
    """Say that a port draws something that the reference does not; ``others`` more draws are like it."""
    also = f", and {counted(others, 'other draw')} like it" if others else ""
    instead = "the same with other parameters" if recorded == own else recorded or "nothing"
    return f"{_at(site)} draws {own} where the reference draws {instead}{also}"


def never_drawn(site: str, times: int, of: int) -> str:
    """Say that a port draws less often than the reference."""
    return f"{_at(site)} draws {_times(times)} where the reference draws {_times(of)}"


def not_proved(what: str) -> str:
    """Say what such a draw means for whatever the report says."""
    return f"{what}: not given, and what comes after it is not proved"


def start_draws(what: str) -> str:
    """Say why nothing is known of how a port starts."""
    return f"with the port's own weights {what}"


def _at(site: str) -> str:
    return "the code of step" if site == "step" else site


def _times(number: int) -> str:
    return "nothing" if not number else "once" if number == 1 else f"{number} times"
