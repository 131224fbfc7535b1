"""How many arenas the threads of the service take memory from."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import pytest

_THREADS = """
import ctypes, sys, threading
from api.serve import share_arenas
if sys.argv[2] == "shared":
    share_arenas()
library = ctypes.CDLL(None)
together = threading.Barrier(16)
def work():
    together.wait()
    held = [bytearray(4000) for _ in range(200)]
    together.wait()
    return held
threads = [threading.Thread(target=work) for _ in range(16)]
for thread in threads: thread.start()
for thread in threads: thread.join()
library.fopen.restype = ctypes.c_void_p
out = library.fopen(sys.argv[1].encode(), b"w")
library.malloc_info(0, ctypes.c_void_p(out))
library.fclose(ctypes.c_void_p(out))
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_threads_share_two_arenas(tmp_path: Path) -> None:
    found = {}
    for how in ("shared", "apart"):
        file = tmp_path / how
        subprocess.run([sys.executable, "-c", _THREADS, str(file), how], check=True, timeout=300, env={})
        found[how] = len(re.findall("<heap nr=", file.read_text()))
    assert found["shared"] <= 2 < found["apart"]
