"""In a container: how much memory there is, signals of the first moment, and what Docker asks."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from typer.main import get_group

from diffing import __version__
from diffing.cli.main import app
from diffing.core.cgroups import memory_limit
from diffing.core.environment import load_settings
from diffing.core.settings import Settings
from diffing.core.sizes import bytes_in, memory_is_limited, memory_of_machine
from tests import command_line
from tests.conftest import ROOT, one_in
from tests.service_under_test import PATIENCE_SECONDS, Program, Service
from tests.waiting import wait_until

# what starts, and how it looks from outside, is what they are about
pytestmark = pytest.mark.usefixtures("new_processes")

MB = 1_000_000
INSTALLED = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")

# how much memory there is

V2 = "30 23 0:26 {top} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = "35 25 0:32 {top} /sys/fs/cgroup/memory rw,nosuid shared:16 - cgroup cgroup rw,memory"
HYBRID = "36 25 0:37 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
OTHERS = (
    "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n34 25 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder in the place of `/`."""
    (tmp_path / "proc/self").mkdir(parents=True)
    return tmp_path


def groups(root: Path, of_process: str, mounted: str, limits: dict[str, str]) -> None:
    """Lay out what the kernel says of a process's groups, and the files of the groups."""
    (root / "proc/self/cgroup").write_text(f"{of_process}\n")
    (root / "proc/self/mountinfo").write_text(f"{OTHERS}\n{mounted}\n")
    for name, limit in limits.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{limit}\n")


def test_a_container_of_version_2_sees_its_own_group_at_the_top(root: Path) -> None:
    groups(root, "0::/", V2.format(top="/"), {"memory.max": "250000000"})

    assert 250 * MB == memory_limit(root) == memory_of_machine(root)
    assert memory_is_limited(root)


def test_a_container_of_version_1_sees_its_own_group_at_the_top(root: Path) -> None:
    group = "/docker/3f0c"
    limits = {"memory/memory.limit_in_bytes": "250000000"}
    groups(root, f"5:cpu:{group}\n4:memory:{group}\n0::{group}", V1.format(top=group), limits)

    assert 250 * MB == memory_limit(root)


@pytest.mark.parametrize(
    ("own", "around", "outermost", "least"),
    [("200", "300", "max", 200), ("max", "300", "900", 300), ("max", "max", "150", 150)],
)
def test_the_least_limit_of_a_group_and_those_around_it_counts(
    root: Path, own: str, around: str, outermost: str, least: int
) -> None:
    limits = {
        "pods/pod7/box/memory.max": own,
        "pods/pod7/memory.max": around,
        "pods/memory.max": outermost,
        "other/memory.max": "1",
    }
    groups(root, "0::/pods/pod7/box", V2.format(top="/"), limits)

    assert least == memory_limit(root)


def test_limits_around_a_group_count_in_version_1_too(root: Path) -> None:
    limits = {
        "memory/a/b/memory.limit_in_bytes": "9223372036854771712",
        "memory/a/memory.limit_in_bytes": "400",
        "memory/memory.limit_in_bytes": "9223372036854771712",
    }
    groups(root, "4:cpu,memory:/a/b\n0::/", f"{HYBRID}\n{V1.format(top='/')}", limits)

    assert 400 == memory_limit(root)


def test_a_group_outside_of_what_is_mounted_counts_as_the_one_that_is(root: Path) -> None:
    groups(root, "0::/../other", V2.format(top="/"), {"memory.max": "500"})

    assert 500 == memory_limit(root)


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_a_group_without_a_limit_has_the_memory_of_the_machine(root: Path, limit: str) -> None:
    groups(root, "0::/a", V2.format(top="/"), {"a/memory.max": limit})

    assert INSTALLED == memory_of_machine(root)
    assert not memory_is_limited(root)


def test_a_system_without_groups_has_the_memory_of_the_machine(root: Path) -> None:
    assert memory_limit(root) is None
    assert INSTALLED == memory_of_machine(root)


# too little of it, in a group of the kernel

Limited = Callable[[int], list[str]]


@contextmanager
def memory_group(limit: int) -> Iterator[Path]:
    """A group with a memory limit.

    Raises:
        OSError: no such group can be made here.
    """
    of_version_1, of_version_2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    top = of_version_1 if of_version_1.is_dir() else of_version_2
    folder = Path(tempfile.mkdtemp(prefix="diffing-test-", dir=top))
    try:
        name = "memory.limit_in_bytes" if top == of_version_1 else "memory.max"
        with (folder / name).open("r+") as file:
            file.write(str(limit))
        yield folder
    finally:
        folder.rmdir()


@pytest.fixture
def limited() -> Iterator[Limited]:
    """A function that gives what to put before a command, to limit its memory; or a skip."""
    with ExitStack() as stack:

        def prefix(limit: int) -> list[str]:
            try:
                folder = stack.enter_context(memory_group(limit))
            except OSError as error:
                pytest.skip(f"no memory can be limited here: {error}")
            return ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(folder)]

        yield prefix


def diffing(prefix: list[str], *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `diffing` in a folder of its own."""
    return subprocess.run(
        [*prefix, sys.executable, "-m", "diffing", *arguments],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if not k.startswith("DIFFING_")},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def write_pair(folder: Path) -> list[str]:
    (folder / "old.csv").write_text("id,value\n1,10\n2,20\n")
    (folder / "new.csv").write_text("id,value\n1,10\n2,21\n")
    files = ("--old", "old.csv", "--new", "new.csv")
    return ["diff", *files, "--key", "id", "--value", "value", "-q"]


def test_a_diff_that_the_kernel_kills_for_its_memory_says_so_in_one_line(
    tmp_path: Path, limited: Limited
) -> None:
    done = diffing(limited(40 * MB), *write_pair(tmp_path), folder=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    [line] = done.stderr.splitlines()
    assert line.startswith("diffing: The diff was killed: it needs more than the 40 MB of memory")


def test_a_small_diff_needs_little_memory(tmp_path: Path, limited: Limited) -> None:
    done = diffing(limited(250 * MB), *write_pair(tmp_path), folder=tmp_path)

    assert (0, "id,value\n2,21\n", "") == (done.returncode, done.stdout, done.stderr)


def test_errors_of_a_diff_with_little_memory_are_its_own(tmp_path: Path, limited: Limited) -> None:
    command = write_pair(tmp_path)
    (tmp_path / "old.csv").unlink()
    done = diffing(limited(250 * MB), *command, folder=tmp_path)

    assert 2 == done.returncode
    assert "diffing: old.csv" in done.stderr


@pytest.mark.parametrize("command", ["serve", "api", "worker"])
def test_what_serves_refuses_to_start_with_too_little_memory(
    tmp_path: Path, limited: Limited, command: str
) -> None:
    done = diffing(limited(100 * MB), command, folder=tmp_path)

    assert 2 == done.returncode
    [line] = done.stderr.splitlines()
    assert "diffing: 100 MB of memory are too little to serve." in line
    assert [] == [*tmp_path.iterdir()]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_reaches_a_diff_whose_memory_is_limited(
    tmp_path: Path, limited: Limited, number: signal.Signals
) -> None:
    # opening it waits for one who writes
    os.mkfifo(tmp_path / "metrics.toml")
    command = [*limited(250 * MB), sys.executable, "-m", "diffing", "diff", "--metric", "revenue"]
    environment = {**os.environ, "DIFFING_METRICS": str(tmp_path / "metrics.toml")}
    with (
        subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as parent,
        (tmp_path / "metrics.toml").open("wb"),  # it has come so far as to read it
    ):
        assert 128 + number == ended_by(parent, number)


def ended_by(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Signal a process until it ends: a signal right before a read is handled after the read."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        process.send_signal(number)
        try:
            return process.wait(5)
        except subprocess.TimeoutExpired:
            if until < time.monotonic():
                raise


# signals of the first moment

AT_THE_FIRST_IMPORT = """
import os, sys

number = int(sys.argv[1])

class Signalled:
    def find_spec(self, name, path, target=None):
        if name == "diffing.cli.main":
            os.kill(os.getpid(), number)

sys.meta_path.insert(0, Signalled())
sys.argv = ["diffing", "serve", "--port", "0"]
from diffing.__main__ import main
main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_process_1_of_a_container_is_stopped_before_it_has_loaded_anything(
    tmp_path: Path, number: signal.Signals
) -> None:
    alone = ["unshare", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("no namespace can be made here")
    done = subprocess.run(
        [*alone, sys.executable, "-c", AT_THE_FIRST_IMPORT, str(int(number))],
        env={**os.environ, "DIFFING_DATA_DIR": str(tmp_path / "data")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )

    assert (128 + number, "") == (done.returncode, done.stderr)
    assert [] == [*tmp_path.iterdir()]


def assert_ended_quietly(program: Program) -> None:
    status = program.ended()
    said = "\n".join(program.lines())

    assert status in (0, -signal.SIGTERM, -signal.SIGINT)
    assert not re.search("traceback|error|exception|aborted", said, re.IGNORECASE), said


@pytest.mark.slow
@pytest.mark.parametrize("command", [("serve", "--port", "0"), ("api", "--port", "0"), ("worker",)])
@pytest.mark.parametrize(
    "moments",
    [
        pytest.param((15, 45, 75), id="some"),
        pytest.param((5, 30, 60, 90, 105, 120), id="more", marks=pytest.mark.slow),
    ],
)
def test_sigterm_at_any_moment_of_the_start_ends_it_without_a_traceback(
    service: Service, command: tuple[str, ...], moments: tuple[int, ...]
) -> None:
    for hundredths in moments:
        program = service.start(*command)
        time.sleep(hundredths / 100)  # whatever it has come to by then
        program.signal(signal.SIGTERM)
        assert_ended_quietly(program)


@pytest.mark.parametrize("number", one_in(2, [signal.SIGTERM, signal.SIGINT]))
@pytest.mark.parametrize(
    ("command", "event"),
    one_in(
        3,
        [
            [("serve", "--port", "0"), "listening on"],
            [("serve", "--port", "0"), "working on"],
            [("api", "--port", "0"), "listening on"],
            [("worker",), "working on"],
        ],
    ),
)
def test_a_signal_just_after_the_start_ends_it_without_a_traceback(
    service: Service, command: tuple[str, ...], event: str, number: signal.Signals
) -> None:
    program = service.start(*command)
    program.saw(event)
    program.signal(number)

    assert_ended_quietly(program)
    assert [] == service.running()


BETWEEN_ITS_TWO = """
import os, signal, sys
from diffing.cli import processes

start = processes._start

def signalled(settings, name, *more, **options):
    if name == "worker":
        os.kill(os.getpid(), signal.SIGTERM)
    return start(settings, name, *more, **options)

processes._start = signalled
sys.argv = ["diffing", "serve", "--port", "0"]
from diffing.__main__ import main
main()
"""


def test_serve_that_is_stopped_between_its_two_stops_both(service: Service) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BETWEEN_ITS_TWO],
        env={**os.environ, "DIFFING_DATA_DIR": str(service.folder)},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )

    assert (0, []) == (done.returncode, service.running())
    assert "Traceback" not in done.stderr


# what Docker asks


def health(service: Service) -> tuple[int, str]:
    """Exit status and words of `diffing health` on the service's data folder."""
    done = command_line.diffing(ROOT, "health", DIFFING_DATA_DIR=str(service.folder))
    assert "" == done.stderr
    return done.returncode, done.stdout.rstrip("\n")


def becomes_well(service: Service) -> None:
    wait_until(lambda: health(service) == (0, "ok"), "it does not become well")


def test_nothing_that_runs_is_not_well(service: Service) -> None:
    assert (1, f"Neither an API nor a worker of {service.folder} runs here.") == health(service)


@pytest.mark.parametrize(
    "command", one_in(3, [[("serve", "--port", "0")], [("api", "--port", "0")], [("worker",)]])
)
def test_what_serves_is_well(service: Service, command: tuple[str, ...]) -> None:
    service.start(*command)

    becomes_well(service)


@pytest.mark.slow
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_api_is_found_wherever_it_listens(service: Service, host: str) -> None:
    service.api(host=host)

    becomes_well(service)


def test_an_api_that_does_not_answer_is_not_well(service: Service) -> None:
    api = service.start("api", "--port", "0")
    service.client_of(api)
    becomes_well(service)
    api.signal(signal.SIGSTOP)

    assert (1, f"api, process {api.pid}: cannot be checked: timed out.") == health(service)


def test_an_api_that_refuses_is_not_well(service: Service) -> None:
    api = service.start("api", "--port", "0", max_connections=1)
    service.client_of(api).get("/health")  # its connection stays open

    assert (1, f"api, process {api.pid}: answers with an error.") == health(service)


@pytest.mark.slow
def test_a_worker_that_is_stopped_is_not_well_though_another_is(service: Service) -> None:
    stopped, _ = service.worker(stale_after=1), service.worker(stale_after=1)
    becomes_well(service)
    stopped.signal(signal.SIGSTOP)
    said = f"worker, process {stopped.pid}: gave no sign of life for 1 s."

    # it may hold the lock of the database, so that the other one cannot write its signs of life
    wait_until(lambda: said in health(service)[1], "it stays well")
    assert 1 == health(service)[0]


@pytest.mark.parametrize("given", ["an option", "a variable in small letters"])
def test_a_worker_is_found_however_it_was_given_its_data_folder(
    service: Service, tmp_path: Path, given: str
) -> None:
    folder = tmp_path / "given"
    if given == "an option":
        service.start_module("diffing", "worker", f"--data-dir={folder}")
        asked = {"DIFFING_DATA_DIR": str(folder)}
    else:
        asked = {"diffing_data_dir": str(service.folder)}
        service.start_module("diffing", "worker")

    def is_well() -> bool:
        return command_line.diffing(ROOT, "health", **asked).stdout == "ok\n"

    wait_until(is_well, "it is not found")


def test_processes_of_another_data_folder_are_no_matter(service: Service, tmp_path: Path) -> None:
    with Service(tmp_path / "other") as other:
        other.worker()

        assert 1 == health(service)[0]


def test_the_command_without_the_rest_knows_the_defaults_of_the_settings() -> None:
    fields = Settings.model_fields
    text = (ROOT / "service/diffing/cli/health.py").read_text(encoding="utf-8")

    assert f'"DIFFING_DATA_DIR") or "{fields["data_dir"].default}"' in text
    assert f'"DIFFING_STALE_AFTER") or {fields["stale_after"].default:g})' in text


# the catalogue in the data folder

ONE_METRIC = '[metric.mine]\nold = "a.csv"\nnew = "b.csv"\nkey = ["id"]\nvalue = ["value"]\n'


def test_a_catalogue_in_the_data_folder_is_used(service: Service) -> None:
    service.folder.mkdir()
    (service.folder / "metrics.toml").write_text(ONE_METRIC)
    listed = service.api().get("/api/diffing/metrics").json()["metrics"]

    assert ["mine"] == [metric["id"] for metric in listed]


def test_a_catalogue_that_is_named_is_used_before_that_of_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metrics.toml").write_text(ONE_METRIC)

    assert tmp_path / "metrics.toml" == load_settings(data_dir=tmp_path).metrics
    monkeypatch.setenv("DIFFING_METRICS", "/elsewhere.toml")
    assert Path("/elsewhere.toml") == load_settings(data_dir=tmp_path).metrics


# Dockerfile and compose.yaml

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
SERVICE_README = (ROOT / "service/README.md").read_text(encoding="utf-8")
OURS = ("api", "worker", "worker-2")


def test_the_image_is_labelled_with_the_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert f'image.version="{__version__}"' in DOCKERFILE
    assert f'image.description="{project["description"]}"' in DOCKERFILE


def test_nothing_but_the_base_is_taken_from_a_registry_of_images() -> None:
    assert "# syntax=" not in DOCKERFILE
    stages = set(re.findall(r" AS (\w+)", DOCKERFILE))
    [base] = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - stages
    assert "python:3.13-slim" == base


def test_dependencies_are_installed_before_the_code_is_there() -> None:
    assert DOCKERFILE.index("pip install --requirement") < DOCKERFILE.index("COPY service")


def test_the_image_has_the_clients_of_all_servers() -> None:
    assert "*extras['postgres'], *extras['redis']" in DOCKERFILE


def test_a_cluster_is_started_with_one_word_and_nothing_else_is_without_it() -> None:
    plain = [name for name, service in SERVICES.items() if "profiles" not in service]

    assert ["api", "worker"] == plain
    assert {("cluster",)} == {tuple(s["profiles"]) for s in SERVICES.values() if "profiles" in s}
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_no_service_of_compose_goes_without_a_health_check() -> None:
    assert 'CMD ["diffing", "health"]' in DOCKERFILE
    ours = [s for s in SERVICES.values() if "image" not in s or s["image"] == "diffing"]
    assert {"api", "worker", "worker-2"} == {n for n, s in SERVICES.items() if s in ours}
    assert not [service for service in ours if "healthcheck" in service]
    # Compose waits for the others before it starts ours
    others = [name for name, service in SERVICES.items() if "healthcheck" in service]
    assert [[*others]] * 3 == [[*service["depends_on"]] for service in ours]


def test_each_setting_of_compose_exists_and_each_command_is_one_of_ours() -> None:
    commands = {*get_group(app).commands}
    for name in OURS:
        service = SERVICES[name]
        assert {*service["command"]} <= commands
        for variable in service["environment"]:
            assert variable.removeprefix("DIFFING_").lower() in Settings.model_fields


def test_the_values_of_compose_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OURS:
        for variable, value in SERVICES[name]["environment"].items():
            monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value)))
        settings = load_settings()

        assert 1 == settings.workers
        assert settings.database_url is settings.queue_url is None
    assert 2 * 1e9 > bytes_in(settings.memory_share)


@pytest.mark.parametrize("name", ["postgres", "redis", "bucket"])
def test_a_server_of_compose_is_of_one_version_and_has_a_health_check(name: str) -> None:
    server = SERVICES[name]

    assert re.fullmatch(r"[a-z/]+:\d+\.\d+", server["image"])
    assert server["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")
    assert "ports" not in server
    assert {"condition": "service_healthy", "required": False} == SERVICES["api"]["depends_on"][
        name
    ]


def test_the_bucket_of_compose_is_healthy_once_it_exists_and_tells_nobody_of_itself() -> None:
    storage = re.search(r"`DIFFING_STORAGE_URL=s3://(\w+)`", SERVICE_README)
    bucket = SERVICES["bucket"]

    assert storage
    assert f"-bucket={storage[1]}" in bucket["command"]
    assert bucket["healthcheck"]["test"][1].endswith(f"/buckets/{storage[1]}/")
    assert "-master.telemetry=false" in bucket["command"]


def test_no_secret_of_compose_is_in_the_open() -> None:
    secrets = {
        variable: value
        for service in SERVICES.values()
        for variable, value in service.get("environment", {}).items()
        if re.search("PASSWORD|SECRET|ACCESS_KEY|TOKEN|_URL", variable)
    }

    assert {"POSTGRES_PASSWORD", "AWS_SECRET_ACCESS_KEY", "DIFFING_DATABASE_URL"} <= {*secrets}
    assert {name: f"${{{name}:-}}" for name in secrets} == secrets


def test_a_cluster_without_a_password_is_refused(tmp_path: Path) -> None:
    make = ["make", "--no-print-directory", "-f", str(ROOT / "Makefile"), "password"]
    without = {k: v for k, v in os.environ.items() if k != "POSTGRES_PASSWORD"}

    def status(environment: dict[str, str]) -> int:
        return subprocess.run(
            make, cwd=tmp_path, env=without | environment, stdout=subprocess.DEVNULL
        ).returncode

    assert 2 == status({})
    assert 0 == status({"POSTGRES_PASSWORD": "p4ss"})
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=p4ss\n")
    assert 0 == status({})


@pytest.mark.parametrize(("service", "url"), [("postgres", "DATABASE"), ("redis", "QUEUE")])
def test_make_cluster_names_the_servers_of_compose(service: str, url: str) -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    [found] = re.findall(rf"^cluster: export DIFFING_{url}_URL \?= (\S+)", text, re.MULTILINE)

    assert service == urlsplit(found.replace("$(POSTGRES_PASSWORD)", "p4ss")).hostname
    assert service in SERVICES
