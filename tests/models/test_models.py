"""A line reads the same alone, batched and over-padded, whatever the weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import emnist_lenet, emnist_mlp, iam_ctc
from ocr_jax import config as config_lib
from ocr_jax import config_keys, models
from ocr_jax.models import encoders

HEIGHT = 20
WIDTHS = [60, 7]  # even, and narrower than a window


def make_config(**changes):
    config = config_lib.default_config()
    config.conv_channels = (4, 6, 8)
    config.lstm_layers, config.lstm_dim = 1, 5
    for key, value in changes.items():
        config[key] = value
    return config


def randomised(shapes, seed=0):
    """Variables all drawn at random: at initialisation biases are 0 and hide leaks."""
    generator = np.random.default_rng(seed)
    leaves, structure = jax.tree.flatten(shapes)
    # Positive, so that running variances stay variances.
    drawn = [generator.uniform(0.05, 0.4, leaf.shape) for leaf in leaves]
    signed = [x * generator.choice([-1, 1], x.shape) for x in drawn]
    positive, signed = (
        jax.tree.unflatten(structure, [np.float32(x) for x in leaves])
        for leaves in (drawn, signed)
    )
    return signed | {"batch_stats": positive.get("batch_stats", {})}


def build(config, num_classes=5):
    model = models.build_model(config, num_classes)
    line = jnp.zeros((1, HEIGHT, 64)), jnp.array([64])
    return model, randomised(jax.eval_shape(model.init, jax.random.key(0), *line))


def random_lines(widths, padded_width):
    generator = np.random.default_rng(0)
    lines = [generator.random((HEIGHT, width)).astype(np.float32) for width in widths]
    batch = np.zeros((len(widths), HEIGHT, padded_width), np.float32)
    for row, line in zip(batch, lines, strict=True):
        row[:, : line.shape[1]] = line
    return lines, batch


# With an LSTM; each encoder without: it takes most of the time to compile.
EVERY_KIND = [
    {},
    {"bidirectional": False},
    {"lstm_layers": 2},
    *(
        {"lstm_layers": 0, **kind}
        for kind in (
            *({"batch_norm": batch_norm} for batch_norm in (True, False)),
            {"residual_blocks": 1, "column_max": True},
            {"frame_stride": 2},
            {"encoder": "upright_conv"},
            {"encoder": "sliding_window", "batch_norm": True},
            {"encoder": "sliding_window", "batch_norm": False},
            {"encoder": "mlp"},
            {"ensemble_size": 2},
        )
    ),
]


@pytest.mark.parametrize("kind", EVERY_KIND, ids=str)
def test_a_line_reads_the_same_alone_batched_and_over_padded(kind):
    model, variables = build(make_config(**kind))
    lines, batch = random_lines(WIDTHS, 64)
    read = jax.jit(model.apply)
    logits, lengths = read(variables, batch, jnp.array(WIDTHS))
    padded = np.pad(batch, ((0, 0), (0, 0), (0, 37)))
    more_logits, more_lengths = read(variables, padded, jnp.array(WIDTHS))
    np.testing.assert_array_equal(lengths, more_lengths)
    np.testing.assert_array_equal(lengths, model.frames(np.array(WIDTHS)))
    for row, (line, frames) in enumerate(zip(lines, lengths, strict=True)):
        alone, own = read(variables, line[None], jnp.array([line.shape[1]]))
        assert own[0] == frames > 0
        expected = alone[0, :frames]
        assert np.abs(expected).max() > 1e-3
        for others in (logits, more_logits):
            found = others[row, :frames]
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("encoder", ["conv", "upright_conv", "sliding_window", "mlp"])
def test_a_stroke_changes_the_frames_whose_centre_is_there(encoder):
    model, variables = build(make_config(encoder=encoder, lstm_layers=0))
    read, widths = jax.jit(model.apply), jnp.array([160])
    blank = np.zeros((1, HEIGHT, 160), np.float32)
    for x in (40, 81, 121):
        stroke = blank.copy()
        stroke[:, :, x - 1 : x + 1] = 1
        change = read(variables, stroke, widths)[0] - read(variables, blank, widths)[0]
        weights = np.abs(change[0]).sum(axis=1)
        frame = np.average(np.arange(len(weights)), weights=weights)
        assert abs(model.centre(frame) - x) < 4


def test_an_ensemble_answers_with_the_mean_of_its_members_log_probabilities():
    model, variables = build(make_config(ensemble_size=3))
    _, batch = random_lines(WIDTHS, 64)
    widths = jnp.array(WIDTHS)
    logits, lengths = jax.jit(model.apply)(variables, batch, widths)
    single = models.build_model(make_config(), 5)
    read = jax.jit(single.apply)
    answers = []
    for name in ("members_0", "members_1", "members_2"):
        own = {kind: tree[name] for kind, tree in variables.items()}
        answer, own_lengths = read(own, batch, widths)
        np.testing.assert_array_equal(own_lengths, lengths)
        answers.append(jax.nn.log_softmax(answer))
    assert np.abs(answers[0] - answers[1]).max() > 0.1
    np.testing.assert_allclose(logits, np.mean(answers, axis=0), atol=1e-5)
    assert [model.frames(61), model.centre(3)] == [single.frames(61), single.centre(3)]


@pytest.mark.parametrize("encoder", list(models.ENCODERS))
def test_the_keys_of_an_architecture_are_those_that_networks_are_built_by(encoder):
    """But for those that matter while training alone, or change no reading."""

    class Watched:
        def __init__(self):
            self.read, self._config = set(), make_config(encoder=encoder)

        def __getattr__(self, key):
            self.read.add(key)
            return self._config[key]

    watched = Watched()
    models.build_model(watched, 5)
    of_training = {"dropout", "freeze", "shortcut_weight", "lstm_implementation"}
    assert watched.read - of_training <= set(config_keys.ARCHITECTURE)


@pytest.mark.parametrize("encoder", list(models.ENCODERS))
def test_pixels_past_the_width_are_never_seen(encoder):
    model, variables = build(make_config(encoder=encoder))
    _, batch = random_lines([30], 64)
    soiled = batch.copy()
    soiled[:, :, 30:] = 0.7
    read = jax.jit(model.apply)
    clean, lengths = read(variables, batch, jnp.array([30]))
    dirty, _ = read(variables, soiled, jnp.array([30]))
    frames = int(lengths[0])
    np.testing.assert_array_equal(clean[0, :frames], dirty[0, :frames])


@pytest.mark.parametrize("encoder", ["conv", "sliding_window"])
def test_batch_statistics_are_of_real_columns_only(encoder):
    model, variables = build(make_config(encoder=encoder, dropout=0.0, lstm_layers=0))
    _, batch = random_lines(WIDTHS, 64)
    filler = np.concatenate(
        [np.pad(batch, ((0, 0), (0, 0), (0, 32))), np.ones((2, HEIGHT, 96))]
    )

    @jax.jit
    def apply(images, widths):
        return model.apply(
            variables, images, widths, train=True, mutable=["batch_stats"]
        )

    def statistics(images, widths):
        return jax.tree.leaves(apply(images, jnp.array(widths))[1])

    for once, again in zip(
        statistics(batch, WIDTHS), statistics(filler, [*WIDTHS, 0, 0]), strict=True
    ):
        np.testing.assert_allclose(once, again, atol=1e-5)


def window_by_window(params, image, window_width, window_stride):
    """The lab's LeNet on each window cut out of the image (H, W), one after another."""
    features = []
    for start in range(0, image.shape[1] - window_width + 1, window_stride):
        x = image[None, :, start : start + window_width, None]
        for name in ("Conv_0", "Conv_1"):
            x = jax.lax.conv_general_dilated(
                x,
                params[name]["kernel"],
                (1, 1),
                "VALID",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
            x = jax.nn.relu(x + params[name]["bias"])
        rows, columns = x.shape[1] // 2, x.shape[2] // 2
        x = x[0, : rows * 2, : columns * 2].reshape(rows, 2, columns, 2, -1).max((1, 3))
        # Ours flattens column by column.
        x = jnp.moveaxis(x, 1, 0).reshape(-1)
        features.append(
            jax.nn.relu(x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"])
        )
    return jnp.stack(features)


@pytest.mark.parametrize(("width", "stride"), [(12, 5), (13, 3), (8, 8)])
def test_shared_convolutions_equal_a_lenet_window_by_window(width, stride):
    encoder = encoders.SlidingWindowEncoder(
        width, stride, layer_size=128, dropout=0.2, dtype=jnp.float32
    )
    pixels = width + 9 * stride
    image = np.random.default_rng(0).random((HEIGHT, pixels)).astype(np.float32)
    arguments = image[None, :, :, None], jnp.array([pixels])
    shapes = jax.eval_shape(encoder.init, jax.random.key(0), *arguments)
    variables = randomised(shapes)
    features, lengths = jax.jit(encoder.apply)(variables, *arguments)
    expected = window_by_window(variables["params"], image, width, stride)
    assert lengths[0] == len(expected) == 10
    np.testing.assert_allclose(features[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("config_file", "width", "parameters", "frames"),
    [
        (iam_ctc, 952, 554_064, 189),
        (emnist_mlp, 28, 143_824, 1),
        (emnist_lenet, 28, 1_208_912, 1),
    ],
)
def test_the_labs_networks_have_its_parameters_and_frames(
    config_file, width, parameters, frames
):
    model = models.build_model(config_file.get_config(), num_classes=80)
    arguments = jnp.zeros((1, 28, width)), jnp.array([width])
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), *arguments))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == parameters
    assert model.frames(width) == frames
