"""Write a GGUF's weights again at F16, without the training libraries.

Contract: ``to_f16(source, target)`` keeps all metadata and the tokenizer and answers as the
source does; it needs only ``gguf`` and ``numpy``. The tests make a second model this way, to
prove a swap. Run by hand: ``python requantize.py SOURCE TARGET``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import gguf
import numpy as np

# Written by GGUFWriter itself, or changed on purpose.
LEFT_OUT = {"general.architecture", "general.file_type", "general.quantization_version"}


def to_f16(source: Path, target: Path) -> Path:
    """Write ``source`` as F16 to ``target`` and return ``target``."""
    reader = gguf.GGUFReader(source)
    architecture = str(reader.fields["general.architecture"].contents())
    part = target.with_name(target.name + ".part")
    writer = gguf.GGUFWriter(part, architecture)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in LEFT_OUT:
            continue
        kind = field.types[0]
        element = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), kind, sub_type=element)
    for tensor in reader.tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        # Norms are vectors and stay F32, as llama.cpp wants them.
        small = values.ndim == 1
        writer.add_tensor(tensor.name, values.astype(np.float32 if small else np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(target)
    return target


if __name__ == "__main__":
    to_f16(Path(sys.argv[1]), Path(sys.argv[2]))
