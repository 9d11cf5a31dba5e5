"""The smallest worker: a net of two layers in plain numpy, and all that the capabilities run and step ask of it.

It imports nothing of bisect's; docs/protocol.md says what each message means. ``build``, ``forward`` and ``targets`` are the
net, the rest is the protocol. Each call of this net is handed one array and gives one, and nothing in it is random.
"""

import json
import pathlib
import socket
import sys
import zlib

import numpy as np
from safetensors.numpy import load_file

LAYERS = {"net.first": (8, 4), "net.last": (2, 8)}
BATCH = np.linspace(-1, 1, 12, dtype="f").reshape(3, 4)
own, kept = {}, {}  # the weights as built; the values of calls that ``remember`` keeps
told, arrays = {}, {}  # what ``attach`` said; the reference's arrays


def build(folder, entry, options, watch):
    draw = np.random.default_rng(options.get("seed", 0)).uniform
    for name, (out, into) in LAYERS.items():
        bound = into**-0.5
        own[name + ".weight"] = draw(-bound, bound, (out, into)).astype("f")
        own[name + ".bias"] = draw(-bound, bound, out).astype("f")
    layer = {"class": "Linear", "library": False, "leaf": True, "training": True, "settings": {}}
    modules = [{**layer, "name": "net", "class": "Net", "leaf": False}, *({**layer, "name": name} for name in LAYERS)]
    batch = [{"path": "x", "shape": BATCH.shape, "dtype": "float32"}]
    about = {"framework": "numpy", "version": np.__version__, "python": "", "seconds": 0.0, "options": ["seed"]}
    sources = digest(np.fromfile(__file__, "u1"))
    return {**about, "modules": modules, "state": list(map(described, own)), "batch": batch, "sources": sources}


def forward(call, weights, x):
    def linear(name, x):
        return call(name, lambda x: x @ weights[name + ".weight"].T + weights[name + ".bias"], x)

    return call("net", lambda x: linear("net.last", np.tanh(linear("net.first", x))), x)


def targets(out):
    return {"targets": {"loss": float(np.mean(out**2)), "size": float(np.abs(out).sum())}, "not_scalar": {}}


def step():
    called = []
    out = forward(lambda site, compute, x: [called.append(site), compute(x)][1], own, BATCH)
    return {**targets(out), "called": called}


def attach(**what):
    told.update(what)
    for file in {tensor["file"] for tensor in what["tensors"].values()}:
        arrays.update(load_file(pathlib.Path(what["folder"], file)))
    numbers = np.random.default_rng(0).standard_normal(min(what["largest"], 1 << 24), dtype="f") ** 2
    return {"sum_error": abs(float(numbers.sum()) / float(numbers.sum(dtype="d")) - 1)}


def compare_state(names):
    return {name: compared(own[name], arrays[told["state"][name]]) for name in names}


def remember(patch, sites):
    run(patch, remember=sites)


def run(patch, point="", dissolved=None, **asked):
    recorded, forced = told["stirred"] if point else told, dissolved is not None
    read, receipts, watched, calls = {}, {}, {}, []

    def value(key):
        read[key] = digest(arrays[key])
        return arrays[key]

    def is_in(what, site):
        return site in asked.get(what, ())

    def call(site, compute, x):
        receipts.update({name: digest(weights[name]) for name in patch if name.rpartition(".")[0] == site})
        if (entry := recorded["sites"].get(site)) is None:  # it was not recorded
            out = compute(x)
            calls.append([site, [["", out.shape]]])
            return out
        given, wanted = value(entry["inputs"]["list"][0]["list"][0]["tensor"]), value(entry["output"]["tensor"])
        put = site in patch or (forced and site not in dissolved)
        if is_in("keep", site):
            return kept[site]
        receipts.update({site: [digest(wanted)]} if site in patch else {})
        if site in patch and not is_in("watch", site):
            return wanted
        row = {"inputs": [{"path": "0.0", **compared(x, given)}]}
        if forced or is_in("watch", site):
            watched[site] = {**row, "call": site, "around": entry["around"]} if forced else row
        out = compute(given if is_in("feed", site) or (forced and put) else x)
        if is_in("disturb", site):
            noise = asked["disturb"][site] * np.random.default_rng(0).standard_normal(out.shape, dtype="f")
            off = np.abs(out - wanted) > 2e-5 * rms(wanted) if is_in("aimed", site) else True
            out = np.where(off, out * (1 + noise), out)
        calls.append([site, [["", out.shape]]])
        watched.get(site, {})["output"] = [{"path": "", **compared(out, wanted)}]
        watched.get(site, {})["exact"] = None
        if is_in("remember", site):
            kept[site] = out
        return wanted if put else out.copy()  # a copy, as ``echo`` asks for, changes nothing here

    weights = {name: value(recorded["state"][name]) if name in patch else array for name, array in own.items()}
    out = forward(call, weights, value(told["batch"]["dict"][0][1]["tensor"]))
    reading = {**targets(out), "receipts": receipts, "standing": {}, "read": read, "watched": watched, "calls": calls}
    reading.update({"draws": {"given": {}, "kept": []}, "kernels": None, "seconds": 0.0})
    return {**reading, "left": []} if forced else reading


def described(name):
    array = own[name]
    numbers = {"mean": array.mean(), "std": array.std(), "min": array.min(), "max": array.max()}
    kind = {"kind": "parameter", "trainable": True, "alias_of": None, "shape": array.shape, "dtype": "float32"}
    return {"name": name, "hash": digest(array), **kind, **{word: float(number) for word, number in numbers.items()}}


def digest(array):
    return f"{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}-{array.nbytes}"


def rms(array):
    return float(np.sqrt(np.mean(np.square(array, dtype="d"))))


def compared(array, wanted):
    if array.shape != wanted.shape:
        return {"mismatch": f"shape {list(array.shape)}, reference {list(wanted.shape)}"}
    return {"error": rms(array - wanted) / (rms(wanted) or 1.0), "variation": float(np.ptp(array))}


wire = socket.socket(fileno=int(sys.argv[sys.argv.index("--socket") + 1]))
message = {"event": "ready", "protocol": 4, "version": np.__version__, "capabilities": ["run", "step"]}
wire.sendall(json.dumps(message).encode() + b"\n")
for line in wire.makefile():
    request = json.loads(line)
    if (operation := request.pop("op")) == "stop":
        break
    try:
        message = {"ok": globals()[operation](**request)}
    except (LookupError, TypeError, ValueError) as error:
        said = {"type": type(error).__name__, "message": str(error), "where": None, "traceback": ""}
        message = {"error": {"phase": operation, **said}}
    wire.sendall(json.dumps(message).encode() + b"\n")
