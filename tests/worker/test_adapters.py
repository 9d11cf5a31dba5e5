"""Both adapters answer all that the worker asks of a framework, and nothing else."""

import inspect

import pytest

from bisect_tool.frameworks import FRAMEWORKS
from bisect_tool.worker.adapters.adapter import Adapter, adapter_of

METHODS = {name: method for name, method in vars(Adapter).items() if inspect.isfunction(method) and name[0] != "_"}


def parameters(function):
    """Return a function's parameters but for ``self``: (name, default)."""
    return [(p.name, p.default) for p in inspect.signature(function).parameters.values() if p.name != "self"]


@pytest.fixture(params=FRAMEWORKS)
def adapter(request):
    """Return the adapter of each framework that the tool knows."""
    return adapter_of(request.param)


def test_each_adapter_has_all_that_is_declared_and_no_more(adapter):
    """What an adapter exports is what the interface declares: functions and constants."""
    constants = set(Adapter.__annotations__)
    assert set(adapter.__all__) == set(METHODS) | constants
    assert all(isinstance(getattr(adapter, name), (str, bool, frozenset)) for name in constants)


@pytest.mark.parametrize("name", METHODS)
def test_each_function_takes_what_is_declared(adapter, name):
    """Names, order and defaults of the parameters are the interface's, so that any caller may name them."""
    function = getattr(adapter, name)
    assert parameters(function) == parameters(METHODS[name])
    assert function.__doc__


def test_an_adapter_knows_its_framework_by_the_name_that_recipes_use(adapter):
    """A capture says which framework made it by this name."""
    assert adapter_of(adapter.FRAMEWORK) is adapter
