"""Serializers for PyTorch tensors and state dicts."""

from artigraph.errors import needs

with needs(__name__, "torch"):
    from artigraph.serializer.torch._serializers import (
        StateDict,
        StateDictSerializer,
        TensorSerializer,
        state_dict_serializer,
        tensor_serializer,
    )

__all__ = ["StateDict", "StateDictSerializer", "TensorSerializer", "state_dict_serializer", "tensor_serializer"]
