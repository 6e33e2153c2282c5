"""pyiqa is non-commercial and optional: everything but its own adapter runs without it."""

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
sys.modules["pyiqa"] = None  # any import of it now fails

import baselines.controls, baselines.nss, baselines.timm_backbone, baselines.scores_file
import probes.commands, probes.gallery, probes.sensitivity
from harness import run
from harness.reports import write_report
from pathlib import Path

out = Path(sys.argv[1])
rows = run(
    ["control:luminance", "pyiqa:psnr"], [sys.argv[2]], out=out, cache=out / "cache", progress=False
)
write_report(out)
values = rows[(rows.metric == "srcc") & (rows.subset == "all")].set_index("model")
assert values.loc["control:luminance", "n_scored"] == 18
assert "pip install pyiqa" in values.loc["pyiqa:psnr", "reason"]
"""


def test_a_run_and_its_report_without_pyiqa(table: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CODE, str(tmp_path / "out"), str(table)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
