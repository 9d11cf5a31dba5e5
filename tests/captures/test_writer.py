"""A manifest is sealed by the parent."""

import json

from manifests import checksum

from bisect_tool.captures.writer import seal_manifest


def test_what_the_parent_knows_is_added(tmp_path):
    """Fields join those that the worker wrote, and the manifest stays JSON."""
    (tmp_path / "manifest.json").write_text('{"format": 1, "recipe": "?"}')
    seal_manifest(tmp_path, recipe="tiny", model="ref")
    data = json.loads((tmp_path / "manifest.json").read_text())
    assert data.pop("checksum") == checksum(data)
    assert data == {"format": 1, "recipe": "tiny", "model": "ref"}
