"""Weights in fewer bytes: exact in half precision, close in integers, and the same in every batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from emotone.training import onnx_weights


def graph(**matrices: NDArray[np.float32]) -> onnx.ModelProto:
    """The product of the input with each matrix, one after the other."""
    names = list(matrices)
    nodes = [helper.make_node("MatMul", [f"x{number}", name], [f"x{number + 1}"]) for number, name in enumerate(names)]
    first, last = (matrices[name].shape[side] for name, side in ((names[0], 0), (names[-1], 1)))
    made = helper.make_graph(
        nodes,
        "products",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["batch", "frames", first])],
        [helper.make_tensor_value_info(f"x{len(names)}", TensorProto.FLOAT, ["batch", "frames", last])],
        [numpy_helper.from_array(matrix, name) for name, matrix in matrices.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)


def run(model: onnx.ModelProto, values: NDArray[np.float32]) -> NDArray[Any]:
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: NDArray[Any] = session.run(None, {"x0": values})[0]
    return found


def normal(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def types(model: onnx.ModelProto) -> dict[str, int]:
    return {tensor.name: tensor.data_type for tensor in model.graph.initializer}


def test_half_precision_changes_no_result() -> None:
    exact, other = normal(64, 64).astype(np.float16).astype(np.float32), normal(64, 64, seed=1)
    before = run(graph(exact=exact, other=other), normal(2, 5, 64))
    model = onnx_weights.in_half_precision(graph(exact=exact, other=other))
    assert types(model) == {"exact_short": TensorProto.FLOAT16, "other": TensorProto.FLOAT}
    np.testing.assert_array_equal(run(model, normal(2, 5, 64)), before)


def test_matrices_become_integers_wherever_they_are_stored() -> None:
    model = graph(exact=normal(64, 96).astype(np.float16).astype(np.float32), other=normal(96, 64, seed=1))
    values = normal(3, 7, 64) * np.geomspace(1e-3, 1e3, 7, dtype=np.float32)[:, None]  # frames of every level
    before = run(model, values)
    for start in (model, onnx_weights.in_half_precision(model)):
        small = onnx_weights.quantised(start)
        assert small.ByteSize() < 64 * 96 * 2 * 1.2
        assert sorted(name for name, kind in types(small).items() if kind == TensorProto.INT8) == [
            "exact_int8",
            "other_int8",
        ]
        after = run(small, values)
        assert np.abs(after - before).max(axis=(0, 2)).max() < 0.05 * np.abs(before).max()
        for frame in range(7):  # each with a scale of its own
            assert np.corrcoef(after[:, frame].ravel(), before[:, frame].ravel())[0, 1] > 0.999
        np.testing.assert_array_equal(run(small, values[1:2, :4]), after[1:2, :4])


def test_the_model_that_is_quantised_stays_as_it_is() -> None:
    model = graph(matrix=normal(64, 64))
    before = model.SerializeToString()
    onnx_weights.quantised(model)
    assert model.SerializeToString() == before


def test_a_spectrogram_and_small_matrices_stay_as_they_are() -> None:
    matrices = {"feature_log_mel.cosine": normal(64, 80), "small": normal(80, 8)}
    small = onnx_weights.quantised(graph(**matrices))
    np.testing.assert_array_equal(run(small, normal(1, 3, 64)), run(graph(**matrices), normal(1, 3, 64)))


def test_a_row_of_zeros_stays_zero() -> None:
    small = onnx_weights.quantised(graph(matrix=normal(64, 64)))
    assert not run(small, np.zeros((1, 2, 64), dtype=np.float32)).any()


def test_tables_of_positions_are_rounded() -> None:
    model = graph(matrix=normal(64, 64))
    table = numpy_helper.from_array(normal(1, 20, 64), "feature_positions.table")
    model.graph.initializer.append(table)
    model.graph.node.append(helper.make_node("Add", ["x1", table.name], ["sum"]))
    model.graph.output.append(helper.make_tensor_value_info("sum", TensorProto.FLOAT, ["batch", 20, 64]))
    assert types(onnx_weights.quantised(model))["feature_positions.table_short"] == TensorProto.FLOAT16
    assert types(onnx_weights.in_half_precision(model))["feature_positions.table"] == TensorProto.FLOAT


def test_linear_layers_of_clips_become_integers_too() -> None:
    weight, bias = normal(80, 64), normal(80, seed=1)
    made = helper.make_graph(
        [helper.make_node("Gemm", ["x0", "weight", "bias"], ["x1"], transB=1)],
        "layer",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("x1", TensorProto.FLOAT, ["batch", 80])],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    values = normal(4, 64, seed=2)
    small = onnx_weights.quantised(model)
    assert TensorProto.INT8 in types(small).values()
    assert "weight" not in types(small)
    np.testing.assert_allclose(run(small, values), values @ weight.T + bias, atol=0.5)


def test_a_matrix_that_the_graph_transposes_becomes_integers_too() -> None:
    weight = normal(80, 64)
    made = helper.make_graph(
        [
            helper.make_node("Transpose", ["weight"], ["turned"], perm=[1, 0]),
            helper.make_node("MatMul", ["x0", "turned"], ["x1"]),
        ],
        "layer",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("x1", TensorProto.FLOAT, ["batch", 80])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    small, values = onnx_weights.quantised(model), normal(4, 64, seed=2)
    assert types(small)["turned_int8"] == TensorProto.INT8
    assert "weight" not in types(small)
    np.testing.assert_allclose(run(small, values), values @ weight.T, atol=0.5)


def test_waves_are_computed_and_others_are_kept() -> None:
    bins = np.arange(21)
    cosine = np.cos(2 * np.pi / 40 * np.outer(bins, bins)).astype(np.float32)
    model = graph(**{"front_log_mel.cosine": cosine})
    small = onnx_weights.quantised(model)
    assert "front_log_mel.cosine" not in types(small)
    values = normal(2, 3, 21)
    np.testing.assert_allclose(run(small, values), run(model, values), atol=1e-5)
    other = onnx_weights.quantised(graph(**{"front_log_mel.cosine": normal(21, 21)}))
    assert "front_log_mel.cosine" in types(other)
