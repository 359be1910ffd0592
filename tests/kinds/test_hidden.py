"""What a kind stores beside the fields is in no listing, and is kept where a document needs it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from artigraph import ArtifactModel
from artigraph.pydantic import ArtifactModel as PydanticModel
from artigraph.stored import load_stored
from artigraph.view import artifacts_page

pytestmark = pytest.mark.usefixtures("engine")


class Settings(PydanticModel, name="hidden.Settings"):
    rate: float
    epochs: int = 2


@dataclass
class Named(ArtifactModel, name="hidden.Named"):
    model_fields_unset: int


async def test_unset_fields_are_no_column_of_a_listing() -> None:
    node_id = await Settings(rate=0.5).save("it")
    [item] = (await artifacts_page("hidden.Settings")).items
    assert item.columns == {"rate": 0.5, "epochs": 2}
    [item] = (await artifacts_page("hidden.Settings", columns=["model_fields_unset"])).items
    assert list(item.columns) == ["model_fields_unset"]
    assert "model_fields_unset" in (await load_stored(node_id)).fields


async def test_a_field_of_the_same_name_is_shown() -> None:
    await Named(5).save("it")
    [item] = (await artifacts_page("hidden.Named")).items
    assert item.columns == {"model_fields_unset": 5}
