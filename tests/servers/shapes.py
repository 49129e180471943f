"""Compose files in the shapes of those that serve models, each with an image of the shape that it uses.

An image holds a stand-in (``standin.py``) under the names of the programs that such images start, and a ``curl`` that
does what health checks ask of one. What counts is the shape: where the command stands, who depends on whom,
which keys the file has. Real files have ``memlock: -1``, for which an engine within a container may lack the privileges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

__all__ = ["SHAPES", "Image", "Shape"]


@frozen
class Image:
    """What an image says besides its files.

    Attributes:
        port: on which its server listens, unless its arguments say otherwise.
        changes: further instructions of its Dockerfile.
    """

    port: int
    changes: tuple[str, ...] = ()


@frozen
class Shape:
    """A compose file, and a campaign that asks its server once.

    Attributes:
        images: by the name under which the file has them.
        compose: the file.
        asks: the backend in which the experiment runs.
        url: what it asks for.
        campaign: further keys of the campaign.
        profiles: those that have to be active.
    """

    name: str
    images: Mapping[str, Image]
    compose: str
    asks: str
    url: str
    campaign: Mapping[str, Any] = field(factory=dict)
    profiles: tuple[str, ...] = ()


_GPU: Final = """
    deploy:
      resources:
        reservations:
          devices:
            - driver: nvidia
              count: all
              capabilities: [gpu]
"""

_CURL: Final = "CMD curl -f http://localhost:{}{} || exit 1"

SHAPES: Final = (
    Shape(
        "openai-server",  # the image's entrypoint is the server, the file gives its arguments
        {"vllm": Image(8000, ('ENTRYPOINT ["vllm", "serve"]',))},
        f"""
services:
  vllm:
    image: vllm
    command: --model small --max-model-len 4096 --port 8000
    ipc: host
    ports: ["127.0.0.1::8000"]
    volumes: ["cache:/root/.cache/huggingface"]
    environment:
      HUGGING_FACE_HUB_TOKEN: ${{HF_TOKEN:-}}
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8000/health"]
      interval: 30s
      timeout: 10s
      retries: 5
      start_period: 2m
{_GPU}
volumes: {{ cache: }}
""",
        "vllm",
        "http://localhost:8000/v1/models",
    ),
    Shape(
        "text-generation",  # an entrypoint script, and a large shared memory
        {"tgi": Image(80, ('ENTRYPOINT ["/tgi-entrypoint.sh"]',))},
        f"""
services:
  tgi:
    image: tgi
    command: ["--model-id", "small", "--max-batch-prefill-tokens", "2048"]
    shm_size: 1gb
    ports: ["127.0.0.1::80"]
    volumes: ["./data:/data"]
    environment: ["HF_TOKEN"]
{_GPU}
""",
        "tgi",
        "http://localhost:80/info",
    ),
    Shape(
        "image-only",  # entrypoint and command are the image's; a page beside it depends on it
        {
            "ollama": Image(11434, ('ENTRYPOINT ["/bin/ollama"]', 'CMD ["serve"]')),
            "open-webui": Image(
                8080, ('CMD ["bash", "start.sh"]', f"HEALTHCHECK {_CURL.format(8080, '/health')}")
            ),
        },
        f"""
services:
  ollama:
    image: ollama
    container_name: shapes-ollama
    restart: unless-stopped
    tty: true
    pull_policy: never
    volumes: ["ollama:/root/.ollama"]
    environment: {{ OLLAMA_KEEP_ALIVE: 24h }}
{_GPU}
  open-webui:
    image: open-webui
    depends_on: [ollama]
    restart: unless-stopped
    extra_hosts: ["host.docker.internal:host-gateway"]
    environment: ["OLLAMA_BASE_URL=http://ollama:11434", "WEBUI_SECRET_KEY="]
    volumes: ["open-webui:/app/backend/data"]
volumes: {{ ollama: {{}}, open-webui: {{}} }}
""",
        "open-webui",
        "http://ollama:11434/api/tags",
    ),
    Shape(
        "launcher",  # the file's entrypoint; limits and the host's memory
        {"sglang": Image(30000, ('CMD ["bash"]',))},
        f"""
services:
  sglang:
    image: sglang
    entrypoint: python3 -m sglang.launch_server
    command: --model-path small --host 0.0.0.0 --port 30000
    ulimits: {{ memlock: 65536, stack: 67108864 }}
    ipc: host
    network_mode: host
    volumes: ["${{HOME}}/.cache/huggingface:/root/.cache/huggingface"]
    healthcheck:
      test: ["CMD-SHELL", "curl -f http://localhost:30000/health || exit 1"]
{_GPU}
""",
        "sglang",
        "http://localhost:30000/v1/models",
    ),
    Shape(
        "model-repository",  # several ports, and an entrypoint that the server runs behind
        {
            "triton": Image(
                8000, ('ENTRYPOINT ["/opt/nvidia/nvidia_entrypoint.sh"]', "WORKDIR /opt")
            )
        },
        f"""
services:
  triton:
    image: triton
    command: tritonserver --model-repository=/models --http-port 8000
    shm_size: 256m
    ulimits: {{ memlock: {{ soft: 32768, hard: 65536 }}, stack: 67108864 }}
    ports: ["127.0.0.1::8000", "127.0.0.1::8001", "127.0.0.1::8002"]
    volumes: ["./models:/models:ro"]
{_GPU}
""",
        "triton",
        "http://localhost:8000/v2/health/ready",
        {"backends": {"triton": {"ready": {"tcp": 8000}}}},
    ),
    Shape(
        "native-server",  # a list of arguments, and the image's own health check
        {
            "llama-cpp": Image(
                8080,
                (
                    'ENTRYPOINT ["/app/llama-server"]',
                    f"HEALTHCHECK --interval=5m {_CURL.format(8080, '/health')}",
                ),
            )
        },
        """
services:
  llama-cpp:
    image: llama-cpp
    command:
      - -m
      - /models/small.gguf
      - --port
      - "8080"
      - -ngl
      - "99"
    cap_add: [IPC_LOCK]
    volumes: ["./models:/models"]
""",
        "llama-cpp",
        "http://localhost:8080/completion",
    ),
    Shape(
        "profiles",  # a common part, and a service for each kind of machine
        {"comfyui": Image(8188, ('CMD ["/docker/entrypoint.sh", "--listen"]',))},
        f"""
x-base: &base
  image: comfyui
  ports: ["127.0.0.1::8188"]
  volumes: [&models "./models:/opt/models", "./output:/opt/output"]
  stop_signal: SIGINT
services:
  comfy:
    <<: *base
    profiles: [gpu]
    environment: {{ CLI_ARGS: "" }}
{_GPU}
  comfy-cpu:
    <<: *base
    profiles: [cpu]
    environment: {{ CLI_ARGS: --cpu }}
""",
        "comfy-cpu",
        "http://localhost:8188/system_stats",
        profiles=("cpu",),
    ),
    Shape(
        "slow-check",  # a health check once a minute
        {"localai": Image(8080, ('ENTRYPOINT ["/entrypoint.sh"]',))},
        """
services:
  localai:
    image: localai
    environment: ["DEBUG=true", "MODELS_PATH=/models"]
    volumes: ["./models:/models:cached"]
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8080/readyz"]
      interval: 1m
      timeout: 20m
      retries: 5
""",
        "localai",
        "http://localhost:8080/readyz",
    ),
    Shape(
        "speech",  # nothing but an image and variables, run by a user who is not root
        {
            "whisper": Image(
                9000, ('CMD ["/bin/sh", "-c", "exec whisper-asr --port $PORT"]', "USER 1000")
            )
        },
        """
services:
  whisper:
    image: whisper
    environment: { ASR_MODEL: base, ASR_ENGINE: faster_whisper, PORT: "9000" }
    ports: ["127.0.0.1::9000"]
    volumes: ["cache:/home/cache"]
volumes: { cache: }
""",
        "whisper",
        "http://localhost:9000/docs",
    ),
    Shape(
        "client-of-a-healthy-server",  # experiments run in a client
        {
            "vllm": Image(8000, ('ENTRYPOINT ["python3", "-m", "vllm.entrypoints"]',)),
            "bench": Image(1, ('CMD ["bash"]',)),
        },
        """
services:
  server:
    image: vllm
    command: ["--model", "small"]
    expose: ["8000"]
    healthcheck:
      test: ["CMD", "python3", "-c", "import urllib.request as u; u.urlopen('http://localhost:8000/health')"]
      interval: 30s
      start_period: 10m
  client:
    image: bench
    depends_on: { server: { condition: service_healthy } }
    environment: { BASE_URL: "http://server:8000/v1" }
    working_dir: /srv
""",
        "client",
        "http://server:8000/v1/models",
    ),
    Shape(
        "gateway",  # a chain: a database, a server, a gateway with a file of settings
        {
            "database": Image(
                5432, ('ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["postgres", "--port", "5432"]')
            ),
            "embedder": Image(80, ('ENTRYPOINT ["text-embeddings-router"]',)),
            "gateway": Image(4000, ('ENTRYPOINT ["litellm"]',)),
        },
        """
services:
  db:
    image: database
    environment: { POSTGRES_PASSWORD: example }
    healthcheck:
      test: ["CMD-SHELL", "curl localhost:5432"]
      interval: 1s
      timeout: 5s
      retries: 10
  embedder:
    image: embedder
    command: --model-id small
  gateway:
    image: gateway
    command: ["--config", "/app/config.yaml", "--port", "4000"]
    configs: [{ source: settings, target: /app/config.yaml }]
    depends_on:
      db: { condition: service_healthy }
      embedder: { condition: service_started }
    healthcheck:
      test: ["CMD-SHELL", "curl -s localhost:4000/health/liveliness"]
      interval: 30s
configs:
  settings: { content: "model_list: []" }
""",
        "gateway",
        "http://localhost:4000/v1/models",
    ),
    Shape(
        "fetched-first",  # a model is fetched by a service that ends
        {
            "fetcher": Image(1, ('CMD ["true"]',)),
            "server": Image(8000, ('CMD ["lmdeploy", "serve", "api_server"]',)),
        },
        """
services:
  fetch:
    image: fetcher
    command: sh -c "echo weights > /models/weights"
    volumes: ["models:/models"]
  server:
    image: server
    entrypoint: ["sh", "-c", "test -s /models/weights && exec lmdeploy"]
    volumes: ["models:/models:ro"]
    depends_on: { fetch: { condition: service_completed_successfully } }
    init: true
volumes: { models: }
""",
        "server",
        "http://localhost:8000/v1/models",
        {"backends": {"server": {"ready": {"log": r"listening on port \d+"}}}},
    ),
)
