"""A recipe is checked before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval.datasets import DatasetError
from eval.training.recipe import BeirSource, read_recipe

SETS = "".join(f'[gate.sets.s{n}]\nkind = "beir"\npath = "s{n}"\n' for n in range(4))
SOURCE = '[sources.a]\nkind = "beir"\npath = "a"\n'


def write(folder: Path, text: str) -> Path:
    file = folder / "recipe.toml"
    file.write_text(text)
    return file


def test_paths_start_at_the_recipes_folder(tmp_path: Path) -> None:
    read = read_recipe(write(tmp_path, f'base = "./encoder"\n{SOURCE}{SETS}'))
    source = read.sources["a"]
    assert isinstance(source, BeirSource)
    assert source.path == tmp_path / "a"
    assert read.base == str(tmp_path / "encoder")
    assert read.gate.sets["s0"].path == tmp_path / "s0"  # type: ignore[union-attr]
    assert read_recipe(write(tmp_path, SOURCE + SETS)).base == "packaged"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sources = [", "is not TOML"),
        (SETS, "sources: Field required"),
        (SOURCE + SETS.partition("[gate.sets.s3]")[0], "gate.sets: Dictionary should have at least 4 items"),
        (SOURCE + "colour = 3\n" + SETS, "sources.a.beir.colour: there is no such option"),
        ('[sources.a]\nkind = "rumours"\n' + SETS, "sources.a: Input tag 'rumours'"),
        ('[sources.a]\nkind = "headings"\n' + SETS, "takes either path"),
        ('[sources.a]\nkind = "headings"\npath = "a"\nlive = true\n' + SETS, "takes either path"),
        (SOURCE + "[teacher]\nfused = 0\nrelevant = 0\n" + SETS, "nothing to learn"),
        (SOURCE + "[fitting]\ndev = 0.9\n" + SETS, "fitting.dev: Input should be less than 0.5"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=r"recipe\.toml") as caught:
        read_recipe(write(tmp_path, text))
    assert message in caught.value.message


def test_a_recipe_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="No such file"):
        read_recipe(tmp_path / "none.toml")
