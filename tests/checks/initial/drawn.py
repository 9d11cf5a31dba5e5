"""Laws that tests draw parameters from: functions of a generator and a shape."""

import math

import numpy as np

CONV = (64, 32, 3, 3)


def uniform(bound):
    return lambda random, shape: random.uniform(-bound, bound, shape)


def normal(std, mean=0.0):
    return lambda random, shape: random.normal(mean, std, shape)


def default(random, shape):
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    return random.uniform(-bound, bound, shape)


def he_fan_out(random, shape):
    return random.normal(0, math.sqrt(2 / (shape[0] * math.prod(shape[2:]))), shape)


def truncated(random, shape):
    drawn = random.normal(0, 1, (4, *shape))
    return 0.02 * np.where(
        np.abs(drawn[0]) < 2, drawn[0], np.where(np.abs(drawn[1]) < 2, drawn[1], drawn[2].clip(-2, 2))
    )


def sparse(random, shape):
    return random.normal(0, 0.02, shape) * (random.random(shape) < 0.1)


def by_channel(random, shape):
    return np.broadcast_to(random.normal(0, 1, (shape[0], *[1] * (len(shape) - 1))), shape)


def scaled_by_seed(random, shape):
    return random.normal(0, 0.02, shape) * math.exp(random.normal(0, 0.3))


def ones(random, shape):
    return np.ones(shape)
