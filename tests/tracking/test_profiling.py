"""What a profile says a training step's time went to, and where it is hooked in."""

import types

import jax
import jax.numpy as jnp
import pytest

from ocr_jax import train
from ocr_jax.tracking import profiling

PROGRAM = """
HloModule jit_update, is_scheduled=true
%fused (param_0: f32[8]) -> f32[8] {
  ROOT %add.1 = f32[8]{0} add(%param_0, %param_0), metadata={op_name="jit(update)/add"}
}
ENTRY %main (x: f32[8]) -> f32[8] {
  %x = f32[8]{0} parameter(0)
  %copy.3 = f32[8]{0} copy(%x)
  %convolution.6 = f32[8]{0} convolution(%copy.3, %copy.3), window={size=3x3}
  %transpose.2 = f32[8]{0} fusion(%convolution.6), calls=%fused, metadata={op_name=\
"jit(update)/transpose(jvp(Net))/encoder/Conv_3/conv_general_dilated" stack_frame_id=3}
  %other.1 = f32[8]{0} fusion(%convolution.6), metadata={op_name="jit(update)/div"}
  ROOT %left = f32[8]{0} copy(%transpose.2)
}
"""


def test_operations_are_of_the_part_that_named_them_or_first_uses_their_result():
    found = profiling.parts(PROGRAM)
    convolution = "encoder/Conv_3 backward"
    assert found["transpose.2"] == found["convolution.6"] == convolution
    assert found["copy.3"] == convolution
    assert found["other.1"] == found["add.1"] == "update"
    assert "left" not in found


@pytest.mark.parametrize(
    ("scope", "part"),
    [
        ("jit(f)/jvp(Net)/recurrent/forward_0/while/body/dot", "recurrent/forward_0"),
        ("jit(f)/jvp(Net)/head/dot_general", "head"),
        ("jit(f)/transpose(jvp(Net))/head/dot_general", "head backward"),
        ("jit(f)/jvp(ctc)/while/body/closed_call/jit(_where)/max", "ctc"),
        ("jit(f)/jvp(ctc)/tsb,bsc->btc/dot_general", "ctc"),
        ("jit(f)/vmap(jit(g))/mul", "f"),
        ("jit(f)/transpose(jvp(Net))/(head/sum:encoder/sum)", "sums over devices"),
    ],
)
def test_parts_are_called_as_in_the_network(scope, part):
    line = f'%dot.1 = f32[] add(%x), metadata={{op_name="{scope}" id=1}}'
    assert profiling.parts(line)["dot.1"] == part


def test_the_share_of_each_part_is_measured_while_it_runs(tmp_path):
    @jax.jit
    def train_step(state, batch):
        with jax.named_scope("heavy"):
            state = jax.lax.fori_loop(0, 50, lambda _, x: jnp.tanh(x @ x), state)
        with jax.named_scope("light"):
            state = state + batch
        return state, {}

    said = []
    state, steps = jnp.eye(128), profiling.WARM_UP + 2
    config = types.SimpleNamespace(profile_steps=2)
    with profiling.Trace(config, tmp_path, said.append) as trace:
        step = trace.of(train_step)
        for number in range(steps + 3):
            assert len(said) == (number >= steps)
            state, _ = step(state, state)
    (part, share), *rest = profiling.largest_parts(tmp_path)
    assert part == "heavy" and share > 0.5
    assert share + sum(share for _, share in rest) == pytest.approx(1.0)
    assert said[0].startswith(
        f"2 compiled calls traced in {tmp_path / 'profile'}: heavy "
    )


def test_a_training_is_profiled_where_its_config_says_so(tmp_path, tiny_config, capsys):
    tiny_config.profile_steps, tiny_config.num_epochs = 2, 1
    train.train_and_evaluate(tiny_config, tmp_path / "run")
    assert list(tmp_path.glob("run/profile/**/*.xplane.pb"))
    assert "2 compiled calls traced" in capsys.readouterr().out
