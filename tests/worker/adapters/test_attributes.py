"""Which attributes of a module are settings: what its own class's code assigns, if it is plain."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from torch import nn

from bisect_tool.worker.adapters import attributes, torch_adapter


def kept(function):
    """Decorate a method, as a library does."""

    @functools.wraps(function)
    def around(*args, **kwargs):
        return function(*args, **kwargs)

    return around


class Attention(nn.Module):
    """A module with settings of its own, and one that is set later."""

    def __init__(self, heads: int = 4, **more: object) -> None:
        super().__init__()
        self.heads, self.scale = heads, None
        self._hidden = 1
        self.again()
        self.value = more.get("value", 0)

    @kept
    def again(self) -> None:
        """Assign behind a decorator."""
        self.eps = 1e-5

    @property
    def rate(self) -> float:
        """Return a property with code that assigns."""
        return self.kept_rate

    @rate.setter
    def rate(self, value: float) -> None:
        self.kept_rate = value


class Configured(nn.Module):
    """A module that takes its settings from a dict."""

    def __init__(self, **config: object) -> None:
        super().__init__()
        for name, value in config.items():
            setattr(self, name, value)


def test_what_the_own_class_assigns_is_a_setting():
    """In any method, behind a decorator and in a property's setter; private names are not."""
    module = Attention()
    module.rate = 0.5
    assert torch_adapter.settings(module) == {"heads": 4, "scale": None, "eps": 1e-5, "value": 0, "kept_rate": 0.5}


@pytest.mark.parametrize("module", [Attention(), nn.Conv2d(1, 1, 1), nn.Sequential(), nn.LSTM(1, 1)])
def test_what_others_write_on_a_module_is_no_setting(module):
    """As a builder of nets from a file notes each module's place, sources, class and number of parameters."""
    before = torch_adapter.settings(module)
    module.np, module.type, module.f, module.i = 7, "nn.modules.Conv", -1, 3
    assert torch_adapter.settings(module) == before


def test_a_setting_that_another_changes_stays_one():
    """The batch norms of a whole net get their eps from outside."""
    module = nn.BatchNorm2d(2)
    module.eps = 1e-3
    assert torch_adapter.settings(module)["eps"] == 1e-3


def test_code_that_does_not_name_what_it_assigns_may_assign_anything():
    """Settings that come from a dict are settings."""
    assert torch_adapter.settings(Configured(heads=2, eps=None)) == {"heads": 2, "eps": None}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True), (3, 3), (0.5, 0.5), ("bilinear", "bilinear"), ("b c h w", "b c h w"), ("0.5", "0.5"),
        ((1, 2), [1, 2]), ([None, 7], [None, 7]), (np.float32(0.5), 0.5), (np.int64(3), 3), ((np.int32(1), 2), [1, 2]),
    ],
)  # fmt: skip
def test_plain_values_are_written_as_json_has_them(value, expected):
    """Numbers of numpy too."""
    found = torch_adapter.settings(Attention(value=value))["value"]
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        "nn.modules.Conv", "<class 'Conv'>", "models/net.py", "net.py", r"models\net", "word " * 9, [], ["a"],
        list(range(1000)), {"a": 1}, object(), np.zeros(3),
    ],
)  # fmt: skip
def test_places_and_data_are_no_settings(value):
    """Class paths and file names differ between faithful models; a long list is data."""
    assert "value" not in torch_adapter.settings(Attention(value=value))
    assert not attributes.is_plain(value)
