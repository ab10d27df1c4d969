"""Write the bill of materials of the locked packages as CycloneDX: ``python tools/sbom.py REQUIREMENTS > sbom.json``.

It holds names, versions, package URLs and the hashes that an installation insists on, and nothing of this machine.
"""

# ruff: noqa: INP001  a script, not a package

from __future__ import annotations

import sys

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from pip_requirements_parser import InstallRequirement, RequirementsFile

HASH = "sha256:"


def main(requirements: str) -> None:
    """Print the bill of a hash-pinned file."""
    bom = Bom(components=map(_component, RequirementsFile.from_file(requirements).requirements))
    bom.metadata.component = Component(name="parley", type=ComponentType.APPLICATION, bom_ref="parley")
    bom.register_dependency(bom.metadata.component, bom.components)
    sys.stdout.write(JsonV1Dot6(bom).output_as_string(indent=2) + "\n")


def _component(package: InstallRequirement) -> Component:
    url = PackageURL("pypi", None, package.name, package.get_pinned_version)
    return Component(
        name=package.name,
        version=package.get_pinned_version,
        purl=url,
        bom_ref=url.to_string(),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=one.removeprefix(HASH)) for one in package.hash_options],
    )


if __name__ == "__main__":
    main(sys.argv[1])
