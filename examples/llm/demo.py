"""``make demo-llm``: prepare, run the campaign, compare."""

import os
import subprocess
import sys

from prepare import CACHE, HERE, Unprepared, engine_answers, prepare

LATEST = HERE / "results" / "llm" / "latest"
METRICS = ("tokens_per_s", "first_token_s", "load_s", "peak_memory_mib")


def main() -> int:
    """Run it all; the exit code is the campaign's."""
    on_docker = engine_answers()
    prepare(on_docker=on_docker)
    environment = dict(os.environ)
    words = [sys.executable, "-m", "dockwarden"]
    runtime = "docker"
    if not on_docker:
        print("No Docker engine answers, so the demo uses local processes.", flush=True)
        runtime, environment["LLM_VENVS"] = "process", str(CACHE / "venvs")
    campaign = [*words, "run", str(HERE / "campaign.yml"), "--runtime", runtime]
    code = subprocess.run(campaign, env=environment, check=False).returncode
    if code:
        return code
    for metric in METRICS:
        compare = [*words, "compare", str(LATEST), "--by", "engine", "--by", "prompt"]
        subprocess.run([*compare, "--metric", metric], check=True)
    picture = LATEST / "tokens_per_s.svg"
    compare = [*words, "compare", str(LATEST), "--by", "engine", "--metric", "tokens_per_s"]
    subprocess.run([*compare, "--plot", str(picture)], check=True)
    print(f"The picture: {picture.resolve()}")
    agreement = [sys.executable, str(HERE / "agreement.py"), str(LATEST)]
    return subprocess.run(agreement, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unprepared as error:
        sys.exit(f"demo-llm: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
