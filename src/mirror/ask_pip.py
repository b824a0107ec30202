"""Print, as JSON, what pip itself says of its index: its configuration, and the URL it uses when nobody sets one."""

import glob
import json
import sys


def find_pip():
    """Make pip importable, if need be from the wheel that Python keeps for new environments."""
    try:
        import pip  # noqa: F401
        return
    except ImportError:
        pass
    places = ["/usr/share/python-wheels/pip-*.whl"]
    try:
        import ensurepip
        places.append(ensurepip.__file__.rpartition("/")[0] + "/_bundled/pip-*.whl")
    except ImportError:
        pass
    wheels = [wheel for place in places for wheel in sorted(glob.glob(place))]
    if wheels:
        sys.path.insert(0, wheels[-1])


def main():
    answer = {}
    find_pip()
    from pip._internal.models.index import PyPI
    answer["default"] = PyPI.simple_url
    try:
        from pip._internal.configuration import Configuration
        configuration = Configuration(isolated=False)
        configuration.load()
        values = dict(configuration.items())
        if values and all(isinstance(value, dict) for value in values.values()):
            values = {key: value for layer in values.values() for key, value in layer.items()}
        for section in ("global", "download", "install", ":env:"):
            for name in ("index-url", "cert", "proxy"):
                value = values.get(section + "." + name)
                if isinstance(value, str) and value:
                    answer[name] = value
    except Exception:
        # The built-in default is worth more than a configuration that pip itself cannot read.
        pass
    json.dump(answer, sys.stdout)


main()
