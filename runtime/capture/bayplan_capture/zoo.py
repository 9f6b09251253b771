"""The model zoo: well-known models with random weights, never downloaded, and one batch each.

Losses: cross-entropy with random classes for images (GoogLeNet with its two auxiliary ones at 0.3),
videos and segmentation; next-token cross-entropy for the language models with a head (gpt2,
gpt2-xl, opt-350m); for those without (bert, xlmr, transformer) the cross-entropy of the last hidden
state with random class weights, which has the memory and the ops of a real one.
"""

from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

from .errors import CaptureError

Entry: TypeAlias = tuple[nn.Module, Any, Any, Callable[..., Any]]
"""Model, inputs, target, loss function."""

_libraries: list[torch.library.Library] = []
"""Kept, because an op goes away with the library object that defined it."""


def zoo_model(name: str, batch: int) -> Entry:
    """The zoo entry ``name`` with a random batch. Raises CaptureError."""
    if name not in ZOO:
        raise CaptureError(f"The zoo has no model {name!r}; it has {', '.join(sorted(ZOO))}.")
    return ZOO[name](name, batch)


def _image(name: str, batch: int) -> Entry:
    model = getattr(_torchvision("models"), name)()
    return model, torch.rand(batch, 3, 224, 224), _classes(batch, 1000), functional.cross_entropy


def _googlenet(name: str, batch: int) -> Entry:
    # Its own initialization draws every weight from a truncated normal, which takes a minute.
    model = _torchvision("models").googlenet(init_weights=False, aux_logits=True)

    def loss(outputs: Any, target: Tensor) -> Tensor:
        main, second, first = (functional.cross_entropy(each, target) for each in outputs)
        return main + 0.3 * second + 0.3 * first

    return model, torch.rand(batch, 3, 224, 224), _classes(batch, 1000), loss


def _video(name: str, batch: int) -> Entry:
    model = getattr(_torchvision("models.video"), name)()
    return model, torch.rand(batch, 3, 1, 112, 112), _classes(batch, 400), functional.cross_entropy


def _unet(name: str, batch: int) -> Entry:
    from .unet import UNet

    target = torch.randint(2, (batch, 416, 608))
    return UNet(), torch.rand(batch, 3, 416, 608), target, functional.cross_entropy


def _transformer(name: str, batch: int) -> Entry:
    inputs = (torch.rand(10, batch, 512), torch.rand(20, batch, 512))
    return nn.Transformer(), inputs, torch.rand(20, batch, 512), functional.cross_entropy


class LastHiddenState(nn.Module):
    """A transformers model without a head: token and position ids in, the last hidden state out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, positions: Tensor) -> Any:
        return self.model(input_ids=tokens, position_ids=positions).last_hidden_state


class Logits(nn.Module):
    """A causal language model of transformers': token and position ids in, logits out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor, positions: Tensor) -> Any:
        return self.model(input_ids=tokens, position_ids=positions, use_cache=False).logits


def _encoder(name: str, batch: int) -> Entry:
    transformers = _import("transformers")
    if name == "bert":
        config = transformers.BertConfig()
        model = transformers.BertModel(config, add_pooling_layer=False)
    else:
        config = transformers.XLMRobertaConfig(
            vocab_size=250002, max_position_embeddings=514, type_vocab_size=1, pad_token_id=1
        )
        model = transformers.XLMRobertaModel(config, add_pooling_layer=False)
    length = 256
    inputs = (torch.randint(config.vocab_size, (batch, length)), torch.arange(length)[None])
    target = torch.rand(batch, length, config.hidden_size)
    return LastHiddenState(model), inputs, target, functional.cross_entropy


def _causal(name: str, batch: int) -> Entry:
    transformers = _import("transformers")
    # Positions are looked at for several sequences packed into one, of which there are none; on fake
    # tensors, whose content cannot be looked at, a mask for that case would come into the step.
    masks = _import("transformers", ".masking_utils")
    masks.find_packed_sequence_indices = lambda position_ids: None
    if name == "opt-350m":
        length = 2048
        config = transformers.OPTConfig(
            hidden_size=1024,
            num_hidden_layers=24,
            ffn_dim=4096,
            num_attention_heads=16,
            word_embed_proj_dim=512,
            do_layer_norm_before=False,
            max_position_embeddings=length,
            use_cache=False,
            # Dropping layers at random would be a different step each time.
            layerdrop=0.0,
        )
        model = transformers.OPTForCausalLM(config)
    else:
        length = 1024
        size = {"n_embd": 1600, "n_layer": 48, "n_head": 25} if name == "gpt2-xl" else {}
        config = transformers.GPT2Config(use_cache=False, **size)
        model = transformers.GPT2LMHeadModel(config)
    inputs = (torch.randint(config.vocab_size, (batch, length)), torch.arange(length)[None])

    def loss(logits: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), target.reshape(-1))

    return Logits(model), inputs, torch.randint(config.vocab_size, (batch, length)), loss


ZOO: dict[str, Callable[[str, int], Entry]] = {
    "alexnet": _image,
    "vgg11": _image,
    "vgg16": _image,
    "resnet18": _image,
    "resnet50": _image,
    "googlenet": _googlenet,
    "mobilenet_v2": _image,
    "mnasnet0_5": _image,
    "efficientnet_b0": _image,
    "r3d_18": _video,
    "vit_b_16": _image,
    "swin_t": _image,
    "unet": _unet,
    "transformer": _transformer,
    "bert": _encoder,
    "xlmr": _encoder,
    "gpt2": _causal,
    "gpt2-xl": _causal,
    "opt-350m": _causal,
}


def _classes(batch: int, count: int) -> Tensor:
    return torch.randint(count, (batch,))


def _torchvision(module: str) -> Any:
    return _import("torchvision", f".{module}")


def _import(package: str, module: str = "") -> Any:
    # Compiled ops that torchvision's Python code asks for by name when it is imported (transformers
    # imports it, too); its builds for other versions of torch come without them.
    for name in ("nms", "qnms"):
        with suppress(RuntimeError):  # It is there.
            library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            signature = f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            library.define(signature)  # type: ignore[no-untyped-call]
            _libraries.append(library)
    try:
        return import_module(package + module)
    except ImportError as error:
        raise CaptureError(
            f"This model of the zoo needs {package}, which cannot be imported ({error}). "
            "Install it with: pip install 'bayplan[zoo]'"
        ) from None
