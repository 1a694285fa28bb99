"""Reads YAML on stdin with PyYAML, once in Python and once with libyaml, and prints it as JSON.

A key that is not a text is an error: JSON would hide it.
"""

import json
import sys

import yaml


def with_text_keys(value):
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                sys.exit(f"the key {key!r} is not a text")
        return {key: with_text_keys(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_text_keys(inner) for inner in value]
    return value


loader = {"python": yaml.SafeLoader, "libyaml": getattr(yaml, "CSafeLoader", None)}[sys.argv[1]]
if loader is None:
    sys.exit("this PyYAML was built without libyaml")
text = sys.stdin.buffer.read().decode()
print(json.dumps(with_text_keys(yaml.load(text, loader)), default=repr))
